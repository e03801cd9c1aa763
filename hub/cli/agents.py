"""`hub agents`: who is connected right now. Imported by hub.cli only; it only reads."""

from hub.cli import lists
from hub.cli.arguments import AsJson, example
from hub.cli.client import ask, read
from hub.cli.screen import note, show, show_json
from hub.language import _
from hub.model.answers import AgentPage
from protocol.manual import App

app = App(_, help=_("The traders' programs that are connected."), no_args_is_help=True)


@app.callback()
def agents() -> None:
    """Keeps `list` a command of its own: Typer would merge a lone command into its group."""


@app.command("list", help=_("List the connected agents."), epilog=example("hub agents list --json"))
def list_agents(as_json: AsJson = False) -> None:
    data = ask(lambda hub: hub.get("/api/admin/agents"))
    if as_json:
        show_json(data)
        return
    found = read(data, AgentPage).rows
    show(lists.agents(found))
    if not found:
        note(_("No agent is connected."))
