"""`agent live on|off|status`, `agent pause`, `agent continue`, `agent resolve`: the person's word to a running agent.

The invariants: live trading goes on only after the text was shown, two limits are set and the words were typed; a word
is on disk before the command says so.
"""

import sys
from typing import Annotated, Any

import msgspec
import typer

from agent.cli.controlling import opened
from agent.cli.options import REFUSED, USAGE, AsJson, DataDir, Server, User, fail
from agent.config import Settings
from agent.drivers.binance.facts import FactsBroken, facts_of
from agent.language import _
from agent.model import consent
from agent.model.consent import TEXT, VERSION, WORDS
from agent.model.engine import Mode
from agent.trading.controls import Controls, Resolution
from agent.trading.journal import FILE_NAME, Journal
from agent.ui import words
from protocol.manual import App

app = App(
    _,
    help=_("Live trading: switch it on after reading what you must know, switch it off, see how it stands."),
    epilog=_("Examples: agent live status · agent live on · echo 'TRADE LIVE' | agent live on · agent live off"),
    no_args_is_help=True,
)


@app.command("on", help=_("Show what you must know, and take the words TRADE LIVE from you or from standard input."))
def switch_on(user: User = None, server: Server = None, data_dir: DataDir = None) -> None:
    """Consent to this text and this exchange."""
    with opened(user, server, data_dir) as (config, _folder, controls):
        exchange = _exchange(config)
        _want_limits(controls)
        for line in TEXT:
            typer.echo(_(line))
        if _typed() != WORDS:
            fail(_("The words {} were not typed: live trading stays as it was.").format(WORDS), REFUSED)
        controls.give_consent(VERSION, exchange)
    typer.echo(_("LIVE is on from the next order on, at {}. Switch it off with agent live off.").format(exchange))


@app.command("off", help=_("No live order is placed from the next one on."))
def switch_off(user: User = None, server: Server = None, data_dir: DataDir = None) -> None:
    """Withdraw the consent."""
    with opened(user, server, data_dir) as (_config, _folder, controls):
        controls.withdraw()
    typer.echo(_("LIVE is off from the next order on."))


@app.command("status", help=_("Whether live trading is on, at which exchange, and what is missing."))
def show_status(as_json: AsJson = False, user: User = None, server: Server = None, data_dir: DataDir = None) -> None:
    """One line, or JSON."""
    with opened(user, server, data_dir) as (config, _folder, controls):
        held, exchange = controls.held(), _exchange(config)
        missing = consent.missing(controls.held().rules)
    off = consent.refusal(held.consent, exchange)
    if as_json:
        told: dict[str, Any] = {"is_live": off is None, "exchange": exchange, "paused": held.paused}
        typer.echo(msgspec.json.encode({**told, "why": off and off.text(_), "missing": missing}).decode())
        return
    off_words = off and _("{name}: {found}").format(name=words.mode(Mode.PAPER), found=off.text(_))
    typer.echo(off_words or _("LIVE is on, at {}.").format(exchange))
    for key in missing:
        typer.echo(_("not set: {}").format(key))
    if held.paused is not None:
        typer.echo(_("paused: {}").format(held.paused))


def pause(
    reason: Annotated[str, typer.Argument(help=_("Why, in your own words."))] = "-",
    user: User = None,
    server: Server = None,
    data_dir: DataDir = None,
) -> None:
    """Place nothing until `agent continue`."""
    with opened(user, server, data_dir) as (_config, _folder, controls):
        controls.pause(reason[:200])
    typer.echo(_("Paused from the next order on. Go on with agent continue."))


def go_on(user: User = None, server: Server = None, data_dir: DataDir = None) -> None:
    """Place orders again."""
    with opened(user, server, data_dir) as (_config, _folder, controls):
        controls.resume()
    typer.echo(_("Orders are placed again from the next one on."))


def resolve(
    order_id: Annotated[int, typer.Argument(metavar="ORDER", help=_("The order's number."))],
    outcome: Annotated[str, typer.Argument(help=_("success: it stands at the exchange; failed: it does not."))],
    user: User = None,
    server: Server = None,
    data_dir: DataDir = None,
) -> None:
    """Keep what the person knows; the agent takes it, now or at its next start."""
    if outcome not in ("success", "failed"):
        fail(_("{}: wants {}.").format("OUTCOME", "success, failed"), USAGE)
    said: Resolution = "success" if outcome == "success" else "failed"
    with opened(user, server, data_dir) as (_config, folder, controls):
        journal = Journal(folder, mode="read") if (folder / FILE_NAME).exists() else None
        entry = journal.entry(order_id) if journal is not None else None
        if journal is not None:
            journal.close()
        if entry is None:
            fail(_("order {} has not reached this computer").format(order_id), REFUSED)
        if entry.outcome != "unknown":
            known = entry.outcome or entry.state
            fail(_("order {} is {}: only an unknown one can be resolved").format(order_id, known), REFUSED)
        controls.resolve(order_id, said)
    typer.echo(
        _("{} order {}: {}, by your word; the hub is told by the agent").format(
            words.mode(entry.mode), order_id, outcome
        )
    )


def _exchange(config: Settings) -> str:
    try:
        return facts_of(config).urls.web
    except FactsBroken as error:
        fail(str(error), REFUSED)


def _want_limits(controls: Controls) -> None:
    missing = consent.missing(controls.held().rules)
    if missing:
        sets = ", ".join(f"agent limits set {key} …" for key in missing)
        fail(_("Set these limits first: {}").format(sets), REFUSED)


def _typed() -> str:
    """The first line of standard input; at a terminal after a question."""
    if sys.stdin.isatty():
        typer.echo(_("Type {} to go on: ").format(WORDS), nl=False, err=True)
    return sys.stdin.readline().strip()
