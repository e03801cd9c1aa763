"""`hub agents`: who is connected right now. Imported by hub.cli only; it only reads."""

from typing import Annotated, Any

import typer

from hub.cli import lists
from hub.cli.arguments import AsJson, example
from hub.cli.client import ask, read
from hub.cli.screen import note, show_json, show_list, width
from hub.language import _
from hub.model.answers import AgentPage
from protocol.manual import App

app = App(_, help=_("The traders' programs that are connected."), no_args_is_help=True)


@app.callback()
def agents() -> None:
    """Keeps `list` a command of its own: Typer would merge a lone command into its group."""


@app.command("list", help=_("List the connected agents."), epilog=example("hub agents list --json"))
def list_agents(
    name: Annotated[str | None, typer.Option(help=_("Only users of this name."))] = None,
    driver: Annotated[str | None, typer.Option(help=_("Only agents of this driver, such as paper."))] = None,
    limit: Annotated[int | None, typer.Option(min=1, help=_("Rows at most."))] = None,
    as_json: AsJson = False,
) -> None:
    data = ask(lambda hub: hub.get("/api/admin/agents"))
    if as_json:
        show_json(data if (name, driver, limit) == (None, None, None) else filtered(data["list"], name, driver, limit))
        return
    connected = read(data, AgentPage).rows
    found = [agent for agent in connected if name in (None, agent.username) and driver in (None, agent.driver)]
    if found:
        show_list(lists.agents(found[:limit], width()))
    if not connected:
        note(_("No agent is connected."))
    elif not found:
        note(_("None of the {count} connected agents is of these.").format(count=len(connected)))
    elif limit is not None and limit < len(found):
        note(_("{shown} of {total}; see more with --limit.").format(shown=limit, total=len(found)))


def filtered(rows: list[Any], name: str | None, driver: str | None, limit: int | None) -> Any:
    """The hub's data, of these agents alone."""
    found = [row for row in rows if name in (None, row["username"]) and driver in (None, row["driver"])]
    return {"total": len(found), "list": found[:limit]}
