"""PURE: an entry of the journal, its states as a table, and what a driver may answer.

Anybody may import it; it imports the protocol only. The invariant: no way through `MOVES` passes SUBMITTING
twice, and what is found in SUBMITTING can only end, never start again.
"""

from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, Literal

import msgspec

from protocol.messages import Order, Outcome


class State(StrEnum):
    """How far an order has come on this computer."""

    RECEIVED = "received"
    SUBMITTING = "submitting"
    DONE = "done"
    REPORTED = "reported"


Move = Outcome | Literal["submit", "recorded"]

MOVES: Final[dict[State, dict[Move, State]]] = {
    State.RECEIVED: {"submit": State.SUBMITTING, "rejected": State.DONE, "expired": State.DONE},
    State.SUBMITTING: {"success": State.DONE, "failed": State.DONE, "unknown": State.DONE, "expired": State.DONE},
    State.DONE: {"recorded": State.REPORTED},
    State.REPORTED: {"recorded": State.REPORTED},
}


class IllegalMove(RuntimeError):
    """A move that the table does not have: a bug of ours, and the reason why nothing happens twice."""


def move(state: State, step: Move) -> State:
    """The state after a step. Raises IllegalMove."""
    after = MOVES[state].get(step)
    if after is None:
        raise IllegalMove(f"{step!r} is no move from {state.value!r}")
    return after


class Submitted(msgspec.Struct, frozen=True):
    """The exchange took it. `data` is its answer, without secrets."""

    exchange_order_id: str
    data: dict[str, Any] | None = None


class Refused(msgspec.Struct, frozen=True):
    """The exchange, or one of our limits, said no; nothing stands at the exchange."""

    reason: str
    data: dict[str, Any] | None = None


class Ambiguous(msgspec.Struct, frozen=True):
    """It may or may not stand at the exchange: a human's or a reconciliation's, never a retry's."""

    reason: str
    data: dict[str, Any] | None = None


Answer = Submitted | Refused | Ambiguous


class Conclusion(msgspec.Struct, frozen=True):
    """How an entry ends. `executed_ms` is on the hub's clock."""

    outcome: Outcome
    message: str
    executed_ms: int
    data: dict[str, Any] | None = None
    exchange_order_id: str | None = None


def conclude(answer: Answer, executed_ms: int) -> Conclusion:
    """What an answer of the exchange means for the entry."""
    match answer:
        case Submitted(exchange_order_id, data):
            return Conclusion("success", "", executed_ms, data, exchange_order_id)
        case Refused(reason, data):
            return Conclusion("failed", reason[:2000], executed_ms, data)
        case Ambiguous(reason, data):
            return Conclusion("unknown", reason[:2000], executed_ms, data)


class Settlement(msgspec.Struct, frozen=True):
    """How a position ended. `profit` in the stake's currency: positive won, negative lost; `settled_ms` wall clock."""

    settled_ms: int
    won: bool
    profit: Decimal


class Halting(msgspec.Struct, frozen=True):
    """The newest halt that this agent knows of; `reason` is None once it is lifted."""

    epoch: int = 0
    reason: str | None = None


class Entry(msgspec.Struct, frozen=True):
    """A row of the journal. Times in milliseconds on the hub's clock, but for `settled_ms`."""

    order: Order
    state: State
    received_ms: int
    uncertainty_ms: int
    outcome: Outcome | None = None
    message: str = ""
    data: dict[str, Any] | None = None
    executed_ms: int | None = None
    stake: Decimal | None = None
    payout_ratio: Decimal | None = None
    exchange_order_id: str | None = None
    settled_ms: int | None = None
    won: bool | None = None
    profit: Decimal | None = None

    @property
    def is_done(self) -> bool:
        """Whether it has an outcome."""
        return self.state in (State.DONE, State.REPORTED)


def may_submit(now_ms: int, uncertainty_ms: int, expires_ms: int) -> bool:
    """Whether the window is open for certain: also if the hub's clock is ahead of us by all we do not know."""
    return now_ms + uncertainty_ms <= expires_ms


def is_same(known: Order, order: Order) -> bool:
    """Whether two orders of one id are one order; a second's difference is a database's rounding, at most."""
    return (
        (known.symbol_name, known.direction, known.time_increments, known.valid_duration)
        == (order.symbol_name, order.direction, order.time_increments, order.valid_duration)
    ) and abs(known.created_ms - order.created_ms) <= 1_000


def after_halt(known: Halting, epoch: int, reason: str) -> Halting:
    """A halt came; an older one than we know changes nothing."""
    return Halting(epoch, reason) if epoch >= known.epoch else known


def after_resume(known: Halting, epoch: int) -> Halting:
    """A halt was lifted; a newer halt than that one stands."""
    return Halting(epoch, None) if epoch >= known.epoch else known
