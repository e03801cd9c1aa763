"""`agent settings`: each setting in effect, where it comes from and what it means; also as the page about settings."""

from typing import Annotated

import msgspec
import typer

from agent.cli.options import AsJson, DataDir, Server, settings
from agent.config import PROGRAM
from agent.language import _
from protocol.settings import Setting, lines, listed, page


def show_settings(
    as_json: AsJson = False,
    as_page: Annotated[bool, typer.Option("--page", help=_("Print the page agent/docs/settings.md."))] = False,
    server: Server = None,
    data_dir: DataDir = None,
) -> None:
    """One setting, its value, its source; below it its meaning."""
    flags = {name: value for name, value in {"server_url": server, "data_dir": data_dir}.items() if value is not None}
    rows = listed(PROGRAM, [settings(**flags)], flags)
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode([row._asdict() for row in rows])).decode())
    elif as_page:
        typer.echo(settings_page(rows))
    else:
        for line in lines(rows, _):
            typer.echo(line)


def settings_page(rows: list[Setting]) -> str:
    """The whole page, in the reader's language."""
    return "\n\n".join(
        (
            _("# Settings of the agent"),
            _(
                "The first of these that names a setting counts: a flag of the command, the environment (`AGENT_…`), "
                "`.env`, `agent.yaml`, both in the directory where `agent` is started. A name that is unknown or a "
                "value that is wrong is refused before anything starts. What a person changes while the agent runs "
                "(`agent limits`, `agent live`, `agent pause`) stands in a file of its own; where two bounds meet, the "
                "stricter holds. `agent settings` shows what is in effect and where it comes from. This page is what "
                "`agent settings --page` prints."
            ),
            page(rows, _),
            _("Stake, symbols and language as `agent.yaml`, where names have no prefix:"),
            f"```yaml\n{EXAMPLE_YAML}```",
            _("The same as `.env`:"),
            f"```bash\n{EXAMPLE_ENV}```",
        )
    )


EXAMPLE_YAML = """\
order_amount: 10
max_order_amount: 50
allowed_symbols: BTCUSDT,ETHUSDT
language: zh_CN
"""
EXAMPLE_ENV = """\
AGENT_ORDER_AMOUNT=10
AGENT_MAX_ORDER_AMOUNT=50
AGENT_ALLOWED_SYMBOLS=BTCUSDT,ETHUSDT
AGENT_LANGUAGE=zh_CN
"""
