"""`agent limits`: what the limits are, what of them is used, and how they are changed while an agent runs.

The invariant: what `show` says of the next order is what the agent would say, from the same checks and the same facts.
"""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from agent.cli.controlling import opened, wall_ms
from agent.cli.options import REFUSED, USAGE, AsJson, DataDir, Server, User, fail
from agent.config import Settings
from agent.language import _
from agent.model.engine import Entry, Mode, Refused
from agent.model.limits import Case
from agent.model.rules import UNKNOWN_RULE, BadRule
from agent.model.tally import tally
from agent.model.usage import SETTINGS, Usage, next_refusal, usage
from agent.trading import spent
from agent.trading.controls import Controls
from agent.trading.journal import FILE_NAME, Journal
from agent.ui import words
from protocol.manual import App

app = App(
    _,
    help=_(
        "Your limits: show them, change them, and see why an order was refused. Also while the agent runs: what you "
        "change holds from the next order on."
    ),
    epilog=_(
        "Examples: agent limits show · agent limits set loss_per_day 50 · agent limits set quiet_hours 22:00-06:00 · "
        "agent limits set stake.BTCUSDT.TEN_MINUTE 5 · agent limits set gap_s off · agent limits why 17"
    ),
    no_args_is_help=False,
)

AsMode = Annotated[str | None, typer.Option("--mode", help=_("What to count: PAPER or LIVE."), metavar="MODE")]


@app.callback(invoke_without_command=True)
def begin(context: typer.Context) -> None:
    """Without a word more it shows them."""
    if context.invoked_subcommand is None:
        show_limits()


@app.command("show", help=_("Each limit: what it is, what is used, what is left, and which refuses the next order."))
def show_limits(
    as_json: AsJson = False,
    mode: AsMode = None,
    user: User = None,
    server: Server = None,
    data_dir: DataDir = None,
) -> None:
    """A table, and a sentence about the next order."""
    with opened(user, server, data_dir) as (config, folder, controls):
        shown = _mode(mode, config)
        rows = _rows(config, folder, controls, shown)
        paused = controls.held().paused
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(_as_data(rows, shown, paused))).decode())
        return
    console = Console()
    console.print(_as_table(rows, shown))
    console.print(_next(rows, shown, paused), markup=False)


@app.command("set", help=_("Set one limit, or switch it off: agent limits set KEY VALUE, agent limits set KEY off."))
def set_limit(
    key: Annotated[str, typer.Argument(help=_("The limit's name, as agent limits show has it."))],
    value: Annotated[str, typer.Argument(help=_("Its value, or off."))],
    user: User = None,
    server: Server = None,
    data_dir: DataDir = None,
) -> None:
    """One line with the old and the new value."""
    with opened(user, server, data_dir) as (_config, _folder, controls):
        try:
            change = controls.set_rule(key, value)
        except BadRule as error:
            if error.takes == UNKNOWN_RULE:
                fail(_("{name}: {found}").format(name=error.key, found=_(error.takes)), USAGE)
            fail(_("{}: wants {}.").format(error.key, _(error.takes)), USAGE)
    if isinstance(change, Refused):
        fail(change.reason.text(_), REFUSED)
    typer.echo(_("{}: was {}, is {} from the next order on").format(key, change.old or "off", change.new or "off"))


@app.command("why", help=_("Why an order was not placed, and what that limit says now."))
def show_why(
    order_id: Annotated[int, typer.Argument(metavar="ORDER", help=_("The order's number."))],
    as_json: AsJson = False,
    user: User = None,
    server: Server = None,
    data_dir: DataDir = None,
) -> None:
    """The reason as the journal has it; for a limit also its row of today."""
    with opened(user, server, data_dir) as (config, folder, controls):
        entry = _entry(folder, order_id)
        rows = _rows(config, folder, controls, entry.mode) if entry is not None else []
    if entry is None:
        fail(_("order {} has not reached this computer").format(order_id), REFUSED)
    why = entry.message if entry.reason is None else entry.reason.text(_)
    row = next((row for row in rows if row.rule == _rule(entry)), None)
    if as_json:
        said = {"order_id": order_id, "mode": entry.mode, "outcome": entry.outcome, "code": entry.reason_code}
        typer.echo(msgspec.json.encode({**said, "why": why, "now": row and _row_data(row)}).decode())
        return
    typer.echo(f"{entry.mode} {order_id}: {entry.outcome or entry.state} {why}".rstrip())
    if row is not None:
        name, _origin, value, used, left, _next_order = _cells(row)
        typer.echo(_("now: {} is {}, used {}, left {}").format(name, value, used or "-", left or "-"))


def _rows(config: Settings, folder: Path, controls: Controls, mode: Mode) -> list[Usage]:
    held, facts = controls.held(), spent.read(folder)
    now_ms = max([wall_ms(), *(fact.placed_ms for fact in facts)])
    stakes = held.rules.stakes
    stake = stakes.get("", min(stakes.values()))
    case = Case(held.rules, stake, tally(facts, mode, now_ms, held.rules), now_ms)
    return usage(case, config.limits(), held.own)


def _mode(text: str | None, config: Settings) -> Mode:
    if text is None:
        return Mode.PAPER if config.driver == "paper" else Mode.LIVE
    if text.upper() not in list(Mode):
        fail(_("{}: wants {}.").format("--mode", "PAPER, LIVE"), USAGE)
    return Mode(text.upper())


def _entry(folder: Path, order_id: int) -> Entry | None:
    if not (folder / FILE_NAME).exists():
        return None
    journal = Journal(folder, mode="read")
    try:
        return journal.entry(order_id)
    finally:
        journal.close()


def _rule(entry: Entry) -> str:
    """The rule that a reason's code names."""
    code = (entry.reason_code or "").removeprefix("limit.")
    return code.removesuffix("_pause").removesuffix("_no_price")


def _as_data(rows: list[Usage], mode: Mode, paused: str | None) -> dict[str, Any]:
    refuses = next_refusal(rows)
    limits = [_row_data(row) for row in rows]
    return {"mode": mode, "paused": paused, "next_refused_by": refuses and refuses.rule, "limits": limits}


def _row_data(row: Usage) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(row)
    told["setting"] = SETTINGS.get(row.rule) if row.origin in ("settings", "both") else None
    told["refuses"] = row.refuses and row.refuses.text(_)
    return told


def _as_table(rows: list[Usage], mode: Mode) -> Table:
    table = Table(title=_("Limits, {}").format(words.mode(mode)), box=SIMPLE, padding=(0, 1, 0, 0))
    table.show_edge = table.pad_edge = False
    for name in (_("limit"), _("from"), _("value"), _("used"), _("left"), _("next order")):
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*_cells(row))
    return table


def _cells(row: Usage) -> tuple[str, ...]:
    """Name, origin, value, used, left, next order."""
    origins = {"settings": SETTINGS.get(row.rule, ""), "limits": _("limits"), "default": _("default")}
    both = f"{SETTINGS.get(row.rule, '')}, {_('limits')}"
    return (
        row.rule,
        both if row.origin == "both" else origins.get(row.origin or "", ""),
        row.value or "off",
        "" if row.used is None else f"{row.used.normalize():f}",
        "" if row.left is None else f"{row.left.normalize():f}",
        "" if row.refuses is None else _("refused"),
    )


def _next(rows: list[Usage], mode: Mode, paused: str | None) -> str:
    shown = words.mode(mode)
    if paused is not None:
        return _("{}: paused, no order is placed until agent continue").format(shown)
    refuses = next_refusal(rows)
    if refuses is None or refuses.refuses is None:
        return _("{}: no limit refuses the next order, as far as it can be known before it comes").format(shown)
    return _("{}: the next order would be refused: {}").format(shown, refuses.refuses.text(_))
