"""The command line: `agent`, `agent history`, `agent doctor`, `agent bind`.

The invariants: exit codes are 0 done, 1 refused, 2 usage, 3 hub out of reach, 4 the login is over; a password is never
an argument.
"""

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from agent import __version__
from agent.cli import limits, live
from agent.cli.completion import completion
from agent.cli.deferred import bind, change_password
from agent.cli.options import REFUSED, USAGE, AsJson, DataDir, Server, User, fail, settings, vault_of_agent
from agent.cli.settings import show_settings
from agent.config import Settings
from agent.language import _
from agent.model.account import normal_server
from agent.vault import Vault, VaultUnavailable
from protocol.manual import App

if TYPE_CHECKING:
    from agent.cli.doctor import Finding
    from agent.cli.passwords import Source

app = App(
    _,
    help=_("Receives orders from a hub and places them on your own account."),
    no_args_is_help=False,
)


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    is_headless: Annotated[bool, typer.Option("--headless", help=_("Run without a window."))] = False,
    server: Server = None,
    user: User = None,
    insecure_http: Annotated[
        bool, typer.Option("--insecure-http", help=_("Allow plain http to another machine."))
    ] = False,
    driver: Annotated[str | None, typer.Option("--driver", help="paper | binance-web")] = None,
    paper_speed: Annotated[
        float | None, typer.Option("--paper-speed", help=_("Divides the time until paper positions settle."))
    ] = None,
    paper_market: Annotated[
        str | None, typer.Option("--paper-market", help=_("Where paper prices come from: simulated or live."))
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help=_("The paper exchange's luck."))] = None,
    data_dir: DataDir = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help=_("Read the password from standard input."))
    ] = False,
    save_password: Annotated[
        bool, typer.Option("--save-password", help=_("Keep the password in the system's keyring, or encrypted."))
    ] = False,
    password_file: Annotated[
        Path | None,
        typer.Option(
            "--password-file", help=_("Read the password from this file, at each login: also after 24 hours.")
        ),
    ] = None,
    log_format: Annotated[
        str, typer.Option("--log-format", help=_("How lines are written: text for people, json for a service."))
    ] = "text",
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help=_("End if the hub is out of reach at the first login."))
    ] = False,
    version: Annotated[bool, typer.Option("--version", help=_("Show the version and end."))] = False,
) -> None:
    """Start the agent."""
    if context.invoked_subcommand is not None:
        return
    if version:
        typer.echo(__version__)
        return
    from agent.app import BUILT, sends_readable
    from agent.cli.headless import FORMATS
    from agent.cli.own_files import close_files
    from agent.cli.passwords import password_source

    given = {"server_url": server, "driver": driver, "paper_speed": paper_speed, "paper_seed": seed}
    given["insecure_http"] = insecure_http or None
    config = settings(**given, paper_market=paper_market, data_dir=data_dir)
    if config.insecure_http and sends_readable(config):
        typer.echo(f"agent: {_('plain http: passwords and orders can be read on the way')}", err=True)
    if config.driver not in BUILT:
        fail(_("The driver {} is not built yet: use paper.").format(config.driver), USAGE)
    close_files(config)
    if not is_headless:
        raise typer.Exit(_open_desk(config, user))
    if user is None:
        fail(_("Say who you are: --user NAME."), USAGE)
    if log_format not in FORMATS:
        fail(_("--log-format takes text or json."), USAGE)
    source = password_source(config, user, password_file, from_stdin=password_stdin, save=save_password)
    raise typer.Exit(_run(config, user, source, wait_for_hub=not no_wait, form=log_format))


@app.command("history", help=_("What became of the orders that reached this computer."))
def show_history(as_json: AsJson = False, user: User = None, server: Server = None, data_dir: DataDir = None) -> None:
    """A table for each user of this computer."""
    from rich.console import Console

    from agent.cli import history
    from agent.trading.journal import JournalBroken

    config = settings(data_dir=data_dir)
    try:
        chapters = history.read(config.data_dir, user, None if server is None else normal_server(server))
        names = history.usernames(config.data_dir)
    except JournalBroken as error:
        fail(str(error), REFUSED)
    except ValueError as error:
        fail(str(error), USAGE)
    if user is not None and user not in names:
        fail(_no_such_user(user, names), REFUSED)
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(history.as_data(chapters))).decode())
        return
    console = Console()
    for chapter in chapters:
        console.print(history.as_table(chapter))
    if not chapters:
        console.print(_("No orders have reached this computer yet."))


def _no_such_user(user: str, names: list[str]) -> str:
    if not names:
        return _("No orders have reached this computer yet.")
    return _("There is no user {name} on this computer; there are: {names}.").format(name=user, names=", ".join(names))


@app.command("doctor", help=_("Check what the agent needs, and say what to do."))
def show_doctor(as_json: AsJson = False, server: Server = None, data_dir: DataDir = None) -> None:
    """One line a check; exit 1 if something is wrong."""
    from agent.cli import doctor
    from agent.cli.doctor_files import files_finding
    from agent.cli.doctor_machine import machine_findings

    config = settings(server_url=server, data_dir=data_dir)
    findings = [*doctor.examine(config), *machine_findings(config), files_finding(config)]
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(findings)).decode())
    else:
        for finding in findings:
            _show(finding)
    raise typer.Exit(REFUSED if any(finding.verdict == "wrong" for finding in findings) else 0)


app.command("settings", help=_("Show each setting in effect, where it comes from and what it means."))(show_settings)
app.add_typer(limits.app, name="limits")
app.add_typer(live.app, name="live")
app.command("pause", help=_("Place no order until you say continue. Also while the agent runs."))(live.pause)
app.command("continue", help=_("Place orders again. Also while the agent runs."))(live.go_on)
app.command("resolve", help=_("Say what became of an order whose outcome is unknown: agent resolve 17 success."))(
    live.resolve
)
app.command("password", help=_("Change your password at the hub."))(change_password)
app.command("bind", help=_("Bind your session at the exchange: by QR code, or from standard input."))(bind)


app.command("completion", help=_("Print what your shell needs to complete this command line."))(completion)


def _open_desk(config: Settings, user: str | None) -> int:
    """The window; where Qt is not installed, what to do."""
    if any(importlib.util.find_spec(name) is None for name in ("PyQt6", "qasync")):
        fail(_("The window is not installed: pip install 'bn-auto[desk]', or use --headless."), USAGE)
    from agent.ui import desktop

    return desktop.run(config, user)


def _run(config: Settings, user: str, source: "Source", *, wait_for_hub: bool, form: str) -> int:
    from agent.app import build
    from agent.cli import headless
    from agent.link.api import Credentials
    from agent.model.events import End
    from agent.trading.journal import JournalBroken

    vault = vault_of_agent(config)
    if config.driver != "paper":
        _unlock(vault)
    try:
        ended = headless.run(
            lambda: build(config, Credentials(user, source.read()), vault=vault),
            wait_for_hub=wait_for_hub,
            logs_in_again=source.lasts,
            form="json" if form == "json" else "text",
        )
    except (JournalBroken, OSError, ValueError) as error:
        fail(str(error), REFUSED)
    if ended is End.SESSION_OVER:
        advice = _("Start the agent again; with --save-password or --password-file it logs in again by itself.")
        fail(f"{_('The login is over.')} {advice}", headless.EXIT_CODES[ended])
    return headless.EXIT_CODES.get(ended, REFUSED)


def _unlock(vault: Vault) -> None:
    """While nothing else uses the terminal. Without it the agent runs, and rejects orders with that reason."""
    try:
        vault.unlock()
    except VaultUnavailable as error:
        typer.echo(f"agent: {error}", err=True)


def _show(finding: "Finding") -> None:
    colour = {"ok": typer.colors.GREEN, "warning": typer.colors.YELLOW, "wrong": typer.colors.RED}[finding.verdict]
    words = {"ok": _("ok"), "warning": _("warning"), "wrong": _("wrong")}[finding.verdict]
    advice = f" → {finding.what_to_do}" if finding.what_to_do else ""
    found = _("{name}: {found}").format(name=finding.check, found=finding.found)
    typer.echo(f"{typer.style(words, fg=colour)}  {found}{advice}")
