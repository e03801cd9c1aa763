"""What the commands share: options, settings, the vault with a person at the terminal, and how a command fails.

The invariants: exit codes are 0 done, 1 refused, 2 usage, 3 hub out of reach, 4 the login is over; a secret is never an
argument, and a prompt for one goes to the terminal, so that standard input stays for data.
"""

import getpass
import os
import sys
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import msgspec
import typer
from typer._click.globals import get_current_context

from agent.config import PROGRAM, Settings
from agent.language import _, first_of, switch
from agent.vault import AskPassphrase, ForgivingVault, Vault, VaultUnavailable, open_vault
from protocol.settings import WrongSettings, read

REFUSED: Final = 1
USAGE: Final = 2
OUT_OF_REACH: Final = 3
CODES: Final = {USAGE: "usage", OUT_OF_REACH: "out_of_reach"}
"""What programs are told under `--json`."""

DataDir = Annotated[Path | None, typer.Option("--data-dir", help=_("Where journals are kept."))]
Server = Annotated[str | None, typer.Option("--server", help=_("The hub's address, http://host:port."))]
User = Annotated[str | None, typer.Option("--user", help=_("Your name at the hub."))]
AsJson = Annotated[bool, typer.Option("--json", help=_("For programs."))]


def settings(**given: object) -> Settings:
    """The settings, with what the command line says. Ends the command where they are wrong."""
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    try:
        config = read(PROGRAM, Settings, chosen)
    except WrongSettings as error:
        fail("\n".join(error.faults), USAGE)
    if config.language:
        switch(first_of({"AGENT_LANGUAGE": config.language}))
    return config


def vault_of(config: Settings) -> Vault:
    """The vault; its passphrase is asked for at the terminal where no file has it."""
    return open_vault(config.data_dir, config.vault_passphrase_file, passphrase)


def vault_of_agent(config: Settings) -> Vault:
    """The vault of an agent that runs: `unlock` asks once, before its lines begin.

    On paper nobody is ever asked; where no vault works a sentence says so.
    """
    if config.driver == "paper":
        vault = open_vault(config.data_dir, config.vault_passphrase_file)
        return ForgivingVault(vault, lambda words: typer.echo(f"agent: {words}", err=True))
    return open_vault(config.data_dir, config.vault_passphrase_file, _once(passphrase))


def passphrase(is_new: bool) -> str:
    """Ask at the terminal, twice for a new one. Raises VaultUnavailable where there is no terminal."""
    if not _has_terminal():
        raise VaultUnavailable(_("no keyring works here, and nobody is there to type a passphrase"))
    typed = getpass.getpass(_("Passphrase of the vault") + ": ")
    if is_new and getpass.getpass(_("The same again") + ": ") != typed:
        raise VaultUnavailable(_("the two passphrases differ"))
    return typed


def fail(why: str, code: int) -> NoReturn:
    """End the command: one line on standard error, and an exit code."""
    context = get_current_context(silent=True)
    complain(why, code, as_json=context is not None and bool(context.params.get("as_json")))
    raise typer.Exit(code)


def complain(why: str, code: int, *, as_json: bool, field: str | None = None) -> None:
    """What is wrong, on standard error: a line for people, or an object for programs."""
    if as_json:
        error = {"code": CODES.get(code, "refused"), "message": why, "field": field}
        typer.echo(msgspec.json.encode({"error": error}).decode(), err=True)
    else:
        typer.echo(f"agent: {why}", err=True)


def _once(ask: AskPassphrase) -> AskPassphrase:
    has_asked = False

    def asked(is_new: bool) -> str:
        nonlocal has_asked
        if has_asked:
            raise VaultUnavailable(_("the vault is locked: start the agent again"))
        has_asked = True
        return ask(is_new)

    return asked


def _has_terminal() -> bool:
    """Whether a person sees what is asked; standard input may be a pipe all the same."""
    if not sys.stderr.isatty():
        return False
    if sys.platform == "win32":
        return True
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
