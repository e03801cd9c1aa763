"""Where the password of a login comes from, and whether it can be asked for again when the login is over.

The invariants: a password is never an argument; one that was typed or piped is used once; and one that is kept belongs
to an address and a user, and is sent to no other.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import typer

from agent.cli.options import REFUSED, USAGE, fail, vault_of
from agent.config import Settings
from agent.language import _
from agent.vault import VaultUnavailable, open_vault
from protocol.privacy import open_to_others


class Source(NamedTuple):
    """`read` gives the password; where it `lasts`, at every login anew. It raises ValueError where there is none."""

    read: Callable[[], str]
    lasts: bool


def password_source(config: Settings, user: str, file: Path | None, *, from_stdin: bool, save: bool) -> Source:
    """The file, standard input, the vault, a prompt; in this order. Ends the command where there is none."""
    account_key = f"{config.server_url}/{user}"
    if file is not None and from_stdin:
        fail(_("Say --password-file or --password-stdin, not both."), USAGE)
    if file is not None:
        return _file_source(file)
    kept = None if from_stdin else _kept(config, account_key)
    password = kept or (sys.stdin.readline().rstrip("\r\n") if from_stdin else _asked())
    if not password:
        fail(_("The password is empty."), USAGE)
    if save:
        _save(config, account_key, password)
    if kept or save:
        return Source(lambda: _kept_again(config, account_key), lasts=True)
    return Source(lambda: password, lasts=False)


def _file_source(file: Path) -> Source:
    try:
        _from_file(file)
    except ValueError as error:
        fail(str(error), USAGE)
    if open_to_others([file]):
        typer.echo(f"agent: {_('others can read {paths}').format(paths=file)}: chmod go= {file}", err=True)
    return Source(lambda: _from_file(file), lasts=True)


def _from_file(file: Path) -> str:
    try:
        password = file.read_text().partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "UTF-8"
        raise ValueError(_("the password cannot be read from {file} ({why})").format(file=file, why=why)) from None
    if not password:
        raise ValueError(_("the first line of {file} is empty: it takes the password").format(file=file))
    return password


def _save(config: Settings, account_key: str, password: str) -> None:
    try:
        vault_of(config).put(account_key, "password", password)
    except VaultUnavailable as error:
        fail(str(error), REFUSED)


def _kept_again(config: Settings, account_key: str) -> str:
    password = _kept(config, account_key)
    if not password:
        raise ValueError(_("the password is not kept any more: start the agent again"))
    return password


def _kept(config: Settings, account_key: str) -> str | None:
    try:
        return open_vault(config.data_dir, config.vault_passphrase_file).get(account_key, "password")
    except VaultUnavailable as error:
        typer.echo(f"agent: {error}", err=True)
        return None


def _asked() -> str:
    if not sys.stdin.isatty():
        fail(_("No password: use --password-stdin, or keep it in the keyring with --save-password."), USAGE)
    return str(typer.prompt(_("Password"), hide_input=True, err=True))
