"""Commands whose work needs much to be imported: their options are here, and the rest comes when they run.

The invariant: a page of `--help`, a completion and a usage error import none of it.
"""

from typing import Annotated

import typer

from agent.cli.options import AsJson, DataDir, Server, User
from agent.language import _


def bind(
    is_headed: Annotated[bool, typer.Option("--headed", help=_("Log in in a window that you see."))] = False,
    is_reset: Annotated[bool, typer.Option("--reset", help=_("Start with a fresh browser."))] = False,
    timeout_s: Annotated[float, typer.Option("--timeout", min=1, help=_("Seconds until it gives up."))] = 300.0,
    from_stdin: Annotated[bool, typer.Option("--stdin", help=_("Take a session as JSON: csrftoken, p20t."))] = False,
    check: Annotated[bool, typer.Option("--check", help=_("Ask the exchange whether the session is valid."))] = False,
    forget: Annotated[bool, typer.Option("--forget", help=_("Forget the session and the browser's profile."))] = False,
    history_key: Annotated[
        bool, typer.Option("--history-key", help=_("Take a read-only API key as JSON: key, secret."))
    ] = False,
    as_json: AsJson = False,
    user: User = None,
    server: Server = None,
    data_dir: DataDir = None,
) -> None:
    """One of five things with the session of one user."""
    from agent.cli.bind import bind as run

    run(
        is_headed=is_headed,
        is_reset=is_reset,
        timeout_s=timeout_s,
        from_stdin=from_stdin,
        check=check,
        forget=forget,
        history_key=history_key,
        as_json=as_json,
        user=user,
        server=server,
        data_dir=data_dir,
    )


def change_password(
    user: User = None,
    server: Server = None,
    insecure_http: Annotated[
        bool, typer.Option("--insecure-http", help=_("Allow plain http to another machine."))
    ] = False,
    data_dir: DataDir = None,
    password_stdin: Annotated[
        bool,
        typer.Option("--password-stdin", help=_("Read the old and the new one, a line each, from standard input.")),
    ] = False,
) -> None:
    """Asks for the old and the new one, and tells the hub."""
    from agent.cli.own_password import change_password as run

    run(user=user, server=server, insecure_http=insecure_http, data_dir=data_dir, password_stdin=password_stdin)
