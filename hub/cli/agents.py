"""`hub agents`: who is connected right now. Imported by hub.cli only; it only reads."""

from typing import Annotated

import typer

from hub.cli import lists
from hub.cli.arguments import AsJson, Page, example, part
from hub.cli.client import ask, read
from hub.cli.screen import note, note_rest, show_json, show_list, width
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
    page: Page = 1,
    limit: Annotated[int | None, typer.Option(min=1, help=_("Rows a page; all when not given."))] = None,
    as_json: AsJson = False,
) -> None:
    data = ask(lambda hub: hub.get("/api/admin/agents"))
    if as_json and (name, driver, page, limit) == (None, None, 1, None):
        show_json(data)
        return
    found = [row for row in data["list"] if name in (None, row["username"]) and driver in (None, row["driver"])]
    shown = part(found, page, limit)
    if as_json:
        show_json({**data, "total": len(found), "list": shown})
        return
    agents = read({**data, "list": shown}, AgentPage).rows
    if agents:
        show_list(lists.agents(agents, width()))
    if not data["list"]:
        note(_("No agent is connected."))
    elif not found:
        note(_("None of the {count} connected agents is of these.").format(count=len(data["list"])))
    else:
        note_rest(len(agents), len(found), page)
