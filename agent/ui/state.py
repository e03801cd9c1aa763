"""PURE: what the window shows, made of the agent's events, one after the other.

The invariants: `reduce` changes nothing but what it returns; what is not known is None and never guessed; an order has
one row, and a row of one mode is never counted with those of the other.
"""

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

from agent.model import events
from agent.model.engine import Entry, Mode
from agent.model.events import Event
from agent.model.reasons import Reason
from agent.ui.rows import Row, Rows, Stage, row_of

DAY_MS: Final = 24 * 3600 * 1000


class Placing(StrEnum):
    """Who decides about an order: nobody, the person, or that nothing is placed."""

    AUTO = "auto"
    CONFIRM = "confirm"
    PAUSED = "paused"


class Bar(msgspec.Struct, frozen=True):
    """A limit: what of it is used, and why it would refuse the next order."""

    rule: str
    used: Decimal
    limit: Decimal
    refuses: Reason | None = None

    @property
    def left(self) -> Decimal:
        """What may still be used."""
        return max(Decimal(0), self.limit - self.used)


class View(msgspec.Struct, frozen=True):
    """All that the windows show. `offset_ms`: what the hub's clock is ahead of this computer's."""

    username: str = ""
    server: str = ""
    mode: Mode = Mode.PAPER
    placing: Placing = Placing.AUTO
    stake: Decimal | None = None
    is_connected: bool = False
    lost: str = ""
    retry_at_ms: int | None = None
    offset_ms: int | None = None
    uncertainty_ms: int | None = None
    session_ends_ms: int | None = None
    account_ends_ms: int | None = None
    exchange: events.ExchangeSession | None = None
    refuses: Reason | None = None
    halt: str | None = None
    bars: tuple[Bar, ...] = ()
    questions: tuple[events.Asked, ...] = ()
    slept_s: float | None = None
    woke_ms: int = 0
    ended: events.SessionEnded | None = None
    rows: Rows = msgspec.field(default_factory=Rows)

    @property
    def account(self) -> str:
        """Which account it is: the hub and the user."""
        return f"{self.server} {self.username}"

    @property
    def unknown(self) -> tuple[Row, ...]:
        """The orders that may or may not stand at the exchange."""
        return tuple(self.rows.unknown.values())

    @property
    def missed_asleep(self) -> int:
        """Orders whose window met the last sleep and that expired, also where that was told only afterwards."""
        if self.slept_s is None:
            return 0
        begun = self.woke_ms - round(self.slept_s * 1000)
        rows = (row for row in self.rows.values() if row.outcome == "expired")
        return sum(row.order.created_ms <= self.woke_ms and row.order.expires_ms >= begun for row in rows)

    def hub_ms(self, now_ms: int) -> int:
        """The hub's clock at a time of this computer's."""
        return now_ms + (self.offset_ms or 0)


def with_entries(view: View, entries: Iterable[Entry]) -> View:
    """The view of a window that is opened over a journal."""
    return msgspec.structs.replace(view, rows=Rows.of(row_of(entry) for entry in entries))


def sleep_seen(view: View) -> View:
    """The view of a person who knows that the computer slept."""
    return msgspec.structs.replace(view, slept_s=None)


def reduce(view: View, event: Event, now_ms: int) -> View:
    """The view after an event that came at `now_ms` by this computer's clock."""
    match event:
        case events.LoggedIn() | events.Connected() | events.Disconnected() | events.SessionEnded():
            return _link(view, event, now_ms)
        case events.ClockChanged(offset_ms, uncertainty_ms):
            return msgspec.structs.replace(view, offset_ms=offset_ms, uncertainty_ms=uncertainty_ms)
        case events.HaltChanged():
            return msgspec.structs.replace(view, halt=event.reason)
        case events.ExchangeSession():
            return msgspec.structs.replace(view, exchange=event)
        case events.TradingChanged():
            return msgspec.structs.replace(view, mode=Mode.LIVE if event.is_live else Mode.PAPER)
        case events.Slept():
            return msgspec.structs.replace(view, slept_s=event.seconds, woke_ms=view.hub_ms(now_ms))
        case events.Asked():
            asked = msgspec.structs.replace(view, questions=(*view.questions, event))
            return _changed(asked, event.order_id, stage=Stage.ASKED, stake=event.stake, ratio=event.ratio)
        case events.AskedOver():
            return _asked_over(view, event.order_id)
        case events.HubSaid() | events.RatioRefused() | events.LimitReached() | events.NotReported():
            return view
    return _order(view, event, now_ms)


OrderEvent = (
    events.OrderReceived
    | events.OrderRefused
    | events.Submitting
    | events.Executed
    | events.Resolved
    | events.Reported
    | events.Settled
)


def _link(
    view: View, event: events.LoggedIn | events.Connected | events.Disconnected | events.SessionEnded, now_ms: int
) -> View:
    match event:
        case events.LoggedIn():
            ends = {"session_ends_ms": event.session_ends_ms, "account_ends_ms": event.account_ends_ms}
            return msgspec.structs.replace(view, username=event.username, ended=None, lost="", **ends)
        case events.Connected():
            return msgspec.structs.replace(view, is_connected=True, lost="", retry_at_ms=None)
        case events.Disconnected():
            at_ms = now_ms + round(event.retry_in_s * 1000)
            return msgspec.structs.replace(
                view, is_connected=False, lost=event.reason, retry_at_ms=at_ms, uncertainty_ms=None
            )
        case events.SessionEnded():
            return msgspec.structs.replace(view, is_connected=False, ended=event, retry_at_ms=None, questions=())


def _order(view: View, event: OrderEvent, now_ms: int) -> View:
    hub_ms = view.hub_ms(now_ms)
    match event:
        case events.OrderReceived(order, received_ms, mode):
            return _with(view, Row(order, mode, Stage.RECEIVED, received_ms))
        case events.Submitting(order_id, stake, ratio, mode):
            at_work = {"stage": Stage.SUBMITTING, "submitted_ms": hub_ms}
            return _changed(view, order_id, stake=stake, ratio=ratio, mode=mode, **at_work)
        case events.OrderRefused(order_id, outcome, _, reason):
            known = view.rows.get(order_id)
            if known is not None and known.outcome is not None:
                return view  # another order under a known id: the row is the first one's
            return _changed(view, order_id, stage=Stage.DONE, outcome=outcome, reason=reason, executed_ms=hub_ms)
        case events.Executed(order_id, outcome, mode, reason, number):
            done = {"outcome": outcome, "mode": mode, "reason": reason, "exchange_order_id": number}
            return _changed(view, order_id, stage=Stage.DONE, executed_ms=hub_ms, **done)
        case events.Resolved(order_id, outcome, by):
            return _changed(view, order_id, outcome=outcome, resolved_by=by)
        case events.Reported(order_id):
            return _changed(view, order_id, is_reported=True)
        case events.Settled(order_id, _, result, source, profit):
            ended = {"result": result, "source": source, "profit": profit, "settled_ms": now_ms}
            return _changed(view, order_id, stage=Stage.SETTLED, **ended)


def _with(view: View, row: Row) -> View:
    return msgspec.structs.replace(view, rows=view.rows.having(row))


def _changed(view: View, order_id: int, **changes: object) -> View:
    row = view.rows.get(order_id)
    return view if row is None else _with(view, msgspec.structs.replace(row, **changes))


def _asked_over(view: View, order_id: int) -> View:
    left = tuple(question for question in view.questions if question.order_id != order_id)
    row = view.rows.get(order_id)
    over = msgspec.structs.replace(view, questions=left)
    return _changed(over, order_id, stage=Stage.RECEIVED) if row is not None and row.stage is Stage.ASKED else over
