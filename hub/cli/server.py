"""`hub serve`, `migrate`, `doctor`: the commands that run where the hub runs. Imported by hub.cli only.

They import the server's parts when they run, so the other commands need neither its packages nor its time.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.text import Text

from hub.cli.arguments import AsJson
from hub.cli.errors import OutOfReach, Refused
from hub.cli.screen import note, say, show_json, stdout, waiting
from hub.language import _
from protocol.text import clean

if TYPE_CHECKING:
    from hub.cli.doctor import Check
    from hub.config import Settings


def serve(
    host: Annotated[str | None, typer.Option(help=_("Address to listen at; HUB_HOST, or 127.0.0.1."))] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help=_("Port to listen at; HUB_PORT, or 8000."))] = None,
    workers: Annotated[int, typer.Option(min=1, help=_("Processes on the one port; over 1 takes a Redis."))] = 1,
    alone: Annotated[
        bool, typer.Option("--alone", help=_("This is the only hub of its database, so the embedded Redis will do."))
    ] = False,
) -> None:
    from hub.cli.access import load_settings

    settings = load_settings()
    _close_files(settings)
    from hub.errors import Unavailable
    from hub.server import NotServable
    from hub.server import serve as run

    try:
        code = run(
            settings,
            host=settings.host if host is None else host,
            port=settings.port if port is None else port,
            workers=workers,
            alone=alone,
            on_listening=_say_what_next(settings, workers) if stdout().is_terminal else None,
        )
    except NotServable as error:
        raise Refused(str(error), error.advice) from None
    except Unavailable as error:
        raise _not_there(error) from None
    raise typer.Exit(code)


def _say_what_next(settings: "Settings", workers: int) -> Callable[[str, int], None]:
    from hub.cli.banner import banner

    def on_listening(host: str, port: int) -> None:
        for line in banner(settings, host, port, workers):
            say(line)

    return on_listening


def migrate() -> None:
    from hub.cli.access import load_settings

    settings = load_settings()
    from hub.errors import Unavailable, Unfit
    from hub.runtime.fitness import sentence
    from hub.store.migrations import migrate as run

    _close_files(settings)
    if settings.database_url.startswith("sqlite"):
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with waiting(_("Migrating…")):
            revision = run(settings.database_url)
    except Unfit as error:
        raise Refused(*sentence(error, settings)) from None
    except Unavailable as error:
        raise _not_there(error) from None
    say(_("The database is at revision {revision}.").format(revision=revision))


def _close_files(settings: "Settings") -> None:
    """What is the hub's own and others could read is closed, and said in one line. Raises Refused."""
    from hub.runtime.own_files import own_files
    from protocol.privacy import OpenToOthers, close_to_others

    try:
        closed = close_to_others(own_files(settings))
    except OpenToOthers as error:
        raise Refused(
            _("Others can read {path}, and it can't be closed to them: {why}.").format(path=error.path, why=error.why),
            _("Give the hub a HUB_DATA_DIR of its own, which its user owns."),
        ) from None
    if closed:
        paths = ", ".join(map(str, closed))
        note(_("Others could read these; now only their owner can: {paths}").format(paths=paths))


def _not_there(error: Exception) -> OutOfReach:
    why = str(error)
    return OutOfReach(
        why[:1].upper() + why[1:], _("Is it running, and are the settings right? `hub doctor` says more.")
    )


def doctor(
    as_json: AsJson = False,
    restored: Annotated[
        bool,
        typer.Option(
            "--restored", help=_("The database came back from a backup: go on with order ids that no agent knows.")
        ),
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help=_("Processes that the hub is to have."))] = 1,
    agents: Annotated[
        int | None, typer.Option(min=0, help=_("Agents that are expected; else as many as there are traders."))
    ] = None,
) -> None:
    from hub.cli.access import load_settings

    settings = load_settings()
    if restored:
        _raise_ids(settings)
    with waiting(_("Checking…")):
        found = asyncio.run(_examine(settings, workers, agents))
    if as_json:
        show_json(msgspec.to_builtins(found))
    else:
        for check in found:
            show_check(check)
    raise typer.Exit(0 if all(check.ok for check in found) else 1)


async def _examine(settings: "Settings", workers: int, agents: int | None) -> "list[Check]":
    """All at once: what a store does not answer is waited for once."""
    from hub.cli.doctor import checks
    from hub.cli.doctor_files import files_check
    from hub.cli.doctor_promises import promise_checks

    stores, promises = await asyncio.gather(checks(settings), promise_checks(settings, workers, agents))
    return [*stores, files_check(settings), *promises]


def _raise_ids(settings: "Settings") -> None:
    from hub.cli.doctor import raise_ids
    from hub.errors import Unavailable

    try:
        epoch, first = asyncio.run(raise_ids(settings.database_url))
    except Unavailable as error:
        raise _not_there(error) from None
    note(
        _("Epoch {epoch}: the next order is {first}. Restart the hub, so that its agents come anew.").format(
            epoch=epoch, first=first
        )
    )


def show_check(check: "Check") -> None:
    """One line: `ok`, `!` for what weakens a promise or `!!`, what was checked, what was found, what to do."""
    sign = Text("ok  ", style="green") if check.ok else Text("!!  ", style="bold red")
    sign = Text("!   ", style="yellow") if check.weakens else sign
    found = _("{name}: {found}").format(name=check.name, found=clean(check.detail))
    sign.append(found, style="default")
    if check.advice:
        sign.append(f" → {clean(check.advice)}", style="default")
    stdout().print(sign, soft_wrap=True)
