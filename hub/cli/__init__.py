"""The `hub` command line: which commands there are. Imported by hub.__main__ only.

The commands about orders, users and agents talk HTTP, so they work from a laptop; those about the server itself
import what they need when they run. The invariant: nothing here touches the store or Redis.
"""

from typing import Annotated

import typer

from hub import __version__
from hub.cli import agents, completion, login, orders, server, settings, users
from hub.cli.arguments import example
from hub.cli.screen import show_line
from hub.language import _
from protocol.manual import App

app = App(
    _,
    help=_("Publish orders for Binance event contracts to every trader at once."),
    epilog=_(
        "Settings: HUB_URL (default http://127.0.0.1:8000), HUB_ADMIN_TOKEN, HUB_TIMEOUT (10 s), HUB_LANGUAGE. "
        "Exit codes: 0 done, 1 refused, 2 usage, 3 hub out of reach."
    ),
    no_args_is_help=True,
)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        show_line(f"hub {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", help=_("Show the version and end."), is_eager=True, callback=_show_version)
    ] = False,
    insecure_http: Annotated[
        bool, typer.Option("--insecure-http", help=_("Allow plain http to another machine."))
    ] = False,
) -> None:
    """What stands before a command; `access` reads what was said."""


app.command("serve", help=_("Run the hub."), epilog=example("hub serve --port 8000 --workers 2"))(server.serve)
app.command(
    "migrate",
    help=_("Bring the database's tables up to date."),
    epilog=example("HUB_DATABASE_URL=mysql+asyncmy://hub:…@db/hub hub migrate"),
)(server.migrate)
app.command(
    "doctor",
    help=_("Check database, schema, Redis, clocks and secrets; says what to do."),
    epilog=example("hub doctor --json"),
)(server.doctor)
app.command(
    "settings",
    help=_("Show each setting in effect, where it comes from and what it means."),
    epilog=example("hub settings --json"),
)(settings.settings)
app.command("login", help=_("Log in as an admin, for later commands."), epilog=example("hub login --user ann"))(
    login.login
)
app.command("logout", help=_("End the saved login."), epilog=example("hub logout"))(login.logout)
app.command(
    "completion",
    help=_("Print what your shell needs to complete this command line. For bash, put the example into ~/.bashrc."),
    epilog=example('eval "$(hub completion bash)"'),
)(completion.completion)
app.add_typer(users.app, name="users")
app.add_typer(orders.app, name="orders")
app.add_typer(agents.app, name="agents")
