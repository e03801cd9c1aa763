"""The life of one order at one user, as a table. Pure: no clock, no I/O, no logger.

The invariant: a delivery is handed to one device only, and
once its window is over it has an outcome; what is not in the table raises `IllegalMove`.
"""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final

from protocol.messages import FACTS, LONGEST_WINDOW_S, Order, Outcome

REPORTING_MS: Final = 3_600_000
"""How long after its window an order's results are still taken (and its claims kept)."""
LONGEST_LIFE_MS: Final = LONGEST_WINDOW_S * 1_000 + REPORTING_MS
"""From an order's creation to the last moment at which anything of it can still change."""


class State(Enum):
    OPEN = "nobody has it"
    CLAIMED = "a device owns it"
    SENT = "it was handed to the device"
    ACKED = "the device has it on disk"
    DONE = "it has an outcome"


@dataclass(frozen=True, slots=True)
class Claimed:
    device_id: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Sent:
    """The frame was given to the device's connection."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection went before the frame could be given to it, or before the ack came."""


@dataclass(frozen=True, slots=True)
class Acked:
    device_id: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Reported:
    device_id: str
    outcome: Outcome
    at_ms: int
    message: str = ""
    data: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class WindowOver:
    """The window has ended: what was never sent has expired."""


@dataclass(frozen=True, slots=True)
class GraceOver:
    """Nothing was heard for so long after the window that what was sent may or may not stand."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The device says how the position ended: `won`, `lost` or `tie`, a blank, `estimated` or `confirmed`."""

    device_id: str
    settlement: str
    at_ms: int


Event = Claimed | Sent | Lost | Acked | Reported | Settled | WindowOver | GraceOver

MOVES: Final[dict[State, dict[type[Event], State]]] = {
    State.OPEN: {Claimed: State.CLAIMED, WindowOver: State.OPEN, GraceOver: State.OPEN},
    State.CLAIMED: {
        Settled: State.CLAIMED,
        Sent: State.SENT,
        Lost: State.CLAIMED,
        Acked: State.ACKED,
        Reported: State.DONE,
        WindowOver: State.DONE,
        GraceOver: State.DONE,
    },
    State.SENT: {
        Settled: State.SENT,
        Sent: State.SENT,
        Lost: State.SENT,
        Acked: State.ACKED,
        Reported: State.DONE,
        WindowOver: State.SENT,
        GraceOver: State.DONE,
    },
    State.ACKED: {
        Settled: State.ACKED,
        Sent: State.ACKED,
        Lost: State.ACKED,
        Acked: State.ACKED,
        Reported: State.DONE,
        WindowOver: State.ACKED,
        GraceOver: State.DONE,
    },
    State.DONE: {
        Settled: State.DONE,
        Sent: State.DONE,
        Lost: State.DONE,
        Acked: State.DONE,
        Reported: State.DONE,
        WindowOver: State.DONE,
        GraceOver: State.DONE,
    },
}

OVERDUE: Final = "the window ended and it was never sent"
UNHEARD: Final = "it was sent and no result came: it may or may not stand"


class IllegalMove(RuntimeError):
    """The event is not in the table for this state: a bug of ours."""


class NotOwner(ValueError):
    """The device does not own the delivery: the caller's fault."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is known of one order at one user. Times in epoch milliseconds. `is_presumed`: the outcome is the hub's
    own; `is_leaving`: claimed, and its frame is about to go: should the process die now, nobody knows whether it
    went."""

    order_id: int
    user_id: int
    state: State = State.OPEN
    device_id: str = ""
    claimed_ms: int | None = None
    acked_ms: int | None = None
    executed_ms: int | None = None
    outcome: Outcome | None = None
    message: str = ""
    data: dict[str, Any] | None = None
    is_presumed: bool = False
    settlement: str | None = None
    settled_ms: int | None = None
    journal: str | None = None
    is_leaving: bool = False


def apply(delivery: Delivery, event: Event) -> Delivery:
    """The delivery after the event. Raises IllegalMove, or NotOwner for another device's report."""
    after = MOVES[delivery.state].get(type(event))
    if after is None:
        raise IllegalMove(f"{type(event).__name__} while {delivery.state.name}")
    if isinstance(event, Acked | Reported | Settled) and event.device_id != delivery.device_id:
        raise NotOwner(f"order {delivery.order_id} is claimed by another device")
    moved = replace(delivery, state=after)
    match event:
        case Claimed():
            return replace(moved, device_id=event.device_id, claimed_ms=event.at_ms)
        case Acked():
            return _acked(moved, event.at_ms)
        case Reported():
            acked = _acked(moved, event.at_ms)  # whoever reports has it, also where the outcome stays as it is
            is_news = may_replace(delivery.outcome, event.outcome, is_presumed=delivery.is_presumed)
            return _reported(acked, event) if is_news else acked
        case Settled() if not (delivery.settlement or "").endswith(CONFIRMED):
            return replace(moved, settlement=event.settlement, settled_ms=event.at_ms)
        case WindowOver() | GraceOver() if after is State.DONE and delivery.outcome is None:
            was_sent = delivery.state is not State.CLAIMED
            if was_sent:
                return replace(moved, outcome="unknown", message=UNHEARD, is_presumed=True)
            return replace(moved, outcome="expired", message=OVERDUE, is_presumed=True)
        case _:
            return moved


def handed_out(
    order_id: int, user_id: int, device_id: str, at_ms: int, was_sent: bool, journal: str | None = None
) -> Delivery:
    """What `apply` makes of an OPEN delivery that is Claimed, then Sent or Lost: in one step, for thousands at once."""
    state = State.SENT if was_sent else State.CLAIMED
    return Delivery(order_id, user_id, state, device_id, at_ms, journal=journal)


def leaving(order_id: int, user_id: int, device_id: str, at_ms: int, journal: str | None) -> Delivery:
    """What is committed before its frame goes."""
    return Delivery(order_id, user_id, State.CLAIMED, device_id, at_ms, journal=journal, is_leaving=True)


def holder_of(device_id: str, journal: str | None) -> str:
    """What a claim is made for: the device, and the journal that the order goes to where the agent names one. A device
    whose journal was lost or replaced is not given again what it may have submitted."""
    return f"{device_id}/{journal}" if journal else device_id


def device_of(holder: str) -> str:
    """The device of a claim's holder."""
    return holder.partition("/")[0]


def journal_of(holder: str) -> str | None:
    """The journal of a claim's holder, where its agent names one."""
    return holder.partition("/")[2] or None


POLLER: Final = "poll:"
"""How the device begins that a pull claims for."""
CONFIRMED: Final = "confirmed"
"""How a settlement ends that is final; an estimate gives way to any."""
PLACED: Final[frozenset[Outcome]] = frozenset({"success", "failed", "unknown"})
"""Outcomes of an order that was submitted, or may have been."""


def may_replace(outcome: Outcome | None, reported: Outcome, *, is_presumed: bool) -> bool:
    """Whether a report may still set the outcome. `expired` gives way to any, `unknown` to a fact; one that the hub
    presumed for want of a report also to the agent's own word that it does not know. The rest is final."""
    if outcome == "unknown":
        return reported in FACTS or (is_presumed and reported == "unknown")
    return outcome is None or outcome == "expired"


def _acked(moved: Delivery, at_ms: int) -> Delivery:
    return moved if moved.acked_ms is not None else replace(moved, acked_ms=at_ms)


def _reported(moved: Delivery, event: Reported) -> Delivery:
    return replace(
        moved,
        executed_ms=event.at_ms,
        outcome=event.outcome,
        message=event.message,
        data=event.data,
        is_presumed=False,
    )


def is_in_window(order: Order, now_ms: int) -> bool:
    """Whether the order may still be handed out."""
    return now_ms < order.expires_ms


def plausible(at_ms: int, earliest_ms: int, now_ms: int) -> int:
    """A reported time, within what can be: a wrong clock of an agent must not reach the record. Never before the
    earliest, also where another process's clock, which gave that, is ahead."""
    return max(min(at_ms, now_ms), earliest_ms)


def takes_reports(expires_ms: int, now_ms: int) -> bool:
    """Whether results of an order are still taken: until its window + 1 h."""
    return now_ms < expires_ms + REPORTING_MS
