"""PURE: an entry of the journal, its states as tables, and what a driver may answer.

The invariants: no way through the tables passes SUBMITTING twice; what is found in SUBMITTING can only end, never start
again; `unknown` may become a fact, a fact never becomes anything else.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, Literal

import msgspec

from agent.model.reasons import Reason
from protocol.messages import OUTCOMES, Order, Outcome, limit_depth
from protocol.messages import SettledAs as SettledAs
from protocol.messages import Source as Source


class Mode(StrEnum):
    """Whether money is at stake."""

    PAPER = "PAPER"
    LIVE = "LIVE"


class State(StrEnum):
    """How far an order has come on this computer."""

    RECEIVED = "received"
    SUBMITTING = "submitting"
    DONE = "done"
    REPORTED = "reported"


Move = Outcome | Literal["submit", "recorded"]
ResolvedBy = Literal["exchange", "person", "hub"]

MOVES: Final[dict[State, dict[Move, State]]] = {
    State.RECEIVED: {"submit": State.SUBMITTING, "rejected": State.DONE, "expired": State.DONE},
    State.SUBMITTING: {"success": State.DONE, "failed": State.DONE, "unknown": State.DONE, "expired": State.DONE},
    State.DONE: {"recorded": State.REPORTED},
    State.REPORTED: {"recorded": State.REPORTED},
}

WHILE_UNKNOWN: Final[dict[State, dict[Move, State]]] = {
    State.DONE: {"success": State.DONE, "failed": State.DONE},
    State.REPORTED: {"success": State.DONE, "failed": State.DONE},
}
"""What an entry may do besides, while its outcome is `unknown`: become a fact, which is reported (again)."""

TOLD_BY_HUB: Final[dict[State, dict[Move, State]]] = {
    State.RECEIVED: dict.fromkeys(OUTCOMES, State.DONE),
}
"""What an entry may do besides where the hub has an outcome of it already, from a journal that is newer than this one:
end with it, and not be submitted."""


class IllegalMove(RuntimeError):
    """A move that the tables do not have: a bug of ours, and the reason why nothing happens twice."""


def move(state: State, step: Move, outcome: Outcome | None = None, by: ResolvedBy | None = None) -> State:
    """The state after a step of an entry with this outcome, `by` whose word. Raises IllegalMove."""
    after = MOVES[state].get(step)
    if after is None and outcome == "unknown":
        after = WHILE_UNKNOWN[state].get(step)
    if after is None and by == "hub":
        after = TOLD_BY_HUB.get(state, {}).get(step)
    if after is None:
        raise IllegalMove(f"{step!r} is no move from {state.value!r}")
    return after


class Submitted(msgspec.Struct, frozen=True):
    """The exchange took it. `data` is its answer, without secrets."""

    exchange_order_id: str | None
    data: dict[str, Any] | None = None
    entry_price: Decimal | None = None


class Refused(msgspec.Struct, frozen=True):
    """The exchange, or one of our limits, said no; nothing stands at the exchange."""

    reason: Reason
    data: dict[str, Any] | None = None


class NotSent(msgspec.Struct, frozen=True):
    """No byte of it had left; `is_late` where its window was over."""

    reason: Reason
    is_late: bool = False
    data: dict[str, Any] | None = None


class Ambiguous(msgspec.Struct, frozen=True):
    """It may or may not stand at the exchange: a human's or a reconciliation's, never a retry's."""

    reason: Reason
    data: dict[str, Any] | None = None


Answer = Submitted | Refused | NotSent | Ambiguous


class Submission(msgspec.Struct, frozen=True):
    """What is about to be submitted, where, and when by the hub's clock and by the wall's."""

    driver: str
    mode: Mode
    stake: Decimal
    payout_ratio: Decimal
    submitted_ms: int
    submitted_wall_ms: int


class Conclusion(msgspec.Struct, frozen=True):
    """How an entry ends. `executed_ms` is on the hub's clock; `resolved_by`: who knew, where it had been unknown."""

    outcome: Outcome
    executed_ms: int
    reason: Reason | None = None
    data: dict[str, Any] | None = None
    exchange_order_id: str | None = None
    entry_price: Decimal | None = None
    resolved_by: ResolvedBy | None = None

    @property
    def message(self) -> str:
        """The reason as the hub gets it: in English, and short enough for a message."""
        return self.reason.text() if self.reason is not None else ""


LONGEST_MESSAGE: Final = 2_000
LONGEST_DATA: Final = 48 * 1024
"""Bytes of JSON: what is left of a message's 64 KiB for the rest of it, with room to spare."""
KEPT_OF_CUT: Final = 4_000


def fitting(data: dict[str, Any] | None) -> dict[str, Any] | None:
    """The data if a message can carry it, else the beginning of its JSON under `cut`, with its length in `bytes`."""
    if data is None:
        return None
    try:
        text = msgspec.json.encode(data)
        limit_depth(data)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return {"cut": "", "bytes": 0}
    if len(text) <= LONGEST_DATA:
        return data
    return {"cut": text[:KEPT_OF_CUT].decode(errors="replace"), "bytes": len(text)}


def resolved(end: Conclusion, by: ResolvedBy) -> Conclusion:
    """The same conclusion, of an entry that had been unknown."""
    return msgspec.structs.replace(end, resolved_by=by)


def conclude(answer: Answer, executed_ms: int) -> Conclusion:
    """What an answer of the exchange means for the entry."""
    match answer:
        case Submitted(exchange_order_id, data, entry_price):
            return Conclusion("success", executed_ms, None, fitting(data), exchange_order_id, entry_price)
        case Refused(reason, data):
            return Conclusion("failed", executed_ms, reason, fitting(data))
        case NotSent(reason, is_late, data):
            return Conclusion("expired" if is_late else "failed", executed_ms, reason, fitting(data))
        case Ambiguous(reason, data):
            return Conclusion("unknown", executed_ms, reason, fitting(data))


TOO_LATE: Final = frozenset({"window.over", "unanswered"})
"""The codes of reasons that mean `expired`."""


def outcome_of(refused: Refused) -> Outcome:
    """How an order ends that never got as far as the exchange."""
    return "expired" if refused.reason.code in TOO_LATE else "rejected"


class Settlement(msgspec.Struct, frozen=True):
    """How a position ended. `profit` in the stake's currency, negative where lost; `settled_ms` on the wall clock."""

    settled_ms: int
    result: SettledAs
    source: Source
    profit: Decimal


class Halting(msgspec.Struct, frozen=True):
    """The newest halt that this agent knows of; `reason` is None once it is lifted."""

    epoch: int = 0
    reason: str | None = None


class Entry(msgspec.Struct, frozen=True):
    """A row of the journal. Times in ms on the hub's clock, except `settled_ms` and `submitted_wall_ms`."""

    order: Order
    state: State
    received_ms: int
    uncertainty_ms: int
    driver: str
    mode: Mode
    outcome: Outcome | None = None
    message: str = ""
    reason_code: str | None = None
    reason_facts: Mapping[str, str] = msgspec.field(default_factory=dict)
    data: dict[str, Any] | None = None
    executed_ms: int | None = None
    stake: Decimal | None = None
    payout_ratio: Decimal | None = None
    submitted_ms: int | None = None
    submitted_wall_ms: int | None = None
    entry_price: Decimal | None = None
    exchange_order_id: str | None = None
    resolved_by: ResolvedBy | None = None
    not_taken: str | None = None
    settled_ms: int | None = None
    result: SettledAs | None = None
    source: Source | None = None
    profit: Decimal | None = None

    @property
    def reason(self) -> Reason | None:
        """Why it ended so; None where there is nothing to explain."""
        return None if self.reason_code is None else Reason(self.reason_code, self.reason_facts)

    @property
    def is_done(self) -> bool:
        """Whether it has an outcome."""
        return self.state in (State.DONE, State.REPORTED)


def may_submit(now_ms: int, uncertainty_ms: int, expires_ms: int) -> bool:
    """Whether the window is open for certain: also if the hub's clock is ahead of us by all we do not know."""
    return now_ms + uncertainty_ms < expires_ms


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
