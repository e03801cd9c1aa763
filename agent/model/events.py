"""PURE: what happens in the agent, as a stream of typed events that any front end may subscribe to.

The invariant: an event is emitted after its fact is in the journal, and nobody who
listens can disturb an order: a subscriber's mistake is logged with its trace and ends there.
"""

import logging
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from typing import Final, Literal

import msgspec

from agent.model.engine import Mode, ResolvedBy
from agent.model.reasons import Reason
from protocol.messages import Increment, Order, Outcome, SettledAs, Source


class End(StrEnum):
    """Why a session ended for good."""

    STOPPED = "stopped"
    SESSION_OVER = "session over"
    REPLACED = "replaced"
    ACCOUNT = "account"
    REFUSED = "login refused"
    PROTOCOL = "protocol"
    OUT_OF_REACH = "hub out of reach"


class LoggedIn(msgspec.Struct, frozen=True):
    """The hub gave us a session; `session_ends_ms` on the wall clock, the account's end on the hub's."""

    username: str
    user_id: int
    session_ends_ms: int
    account_ends_ms: int | None = None


class Connected(msgspec.Struct, frozen=True):
    """The hub has said welcome."""

    session_id: str
    username: str


class Disconnected(msgspec.Struct, frozen=True):
    """No connection; the next try is in `retry_in_s`."""

    reason: str
    retry_in_s: float


class OrderReceived(msgspec.Struct, frozen=True):
    """A new order is in the journal."""

    order: Order
    received_ms: int
    mode: Mode


class Asked(msgspec.Struct, frozen=True):
    """A person may say yes or no until `until_ms` (hub's clock); no answer is a no."""

    order_id: int
    order: Order
    stake: Decimal
    ratio: Decimal
    until_ms: int


class AskedOver(msgspec.Struct, frozen=True):
    """The question is answered, or nobody needs an answer any more."""

    order_id: int


class OrderRefused(msgspec.Struct, frozen=True):
    """An order ended before the exchange saw it."""

    order_id: int
    outcome: Outcome
    mode: Mode
    reason: Reason


class Submitting(msgspec.Struct, frozen=True):
    """The order is on its way to the exchange."""

    order_id: int
    stake: Decimal
    payout_ratio: Decimal
    mode: Mode


class Executed(msgspec.Struct, frozen=True):
    """The exchange has answered, or will not. `reason` is None where it took the order."""

    order_id: int
    outcome: Outcome
    mode: Mode
    reason: Reason | None
    exchange_order_id: str | None


class Resolved(msgspec.Struct, frozen=True):
    """What was `unknown` has become a fact, by whose word."""

    order_id: int
    outcome: Outcome
    by: ResolvedBy


class Reported(msgspec.Struct, frozen=True):
    """The hub has the result on disk."""

    order_id: int
    outcome: Outcome
    mode: Mode


class NotReported(msgspec.Struct, frozen=True):
    """The hub will not take a result; it stays in the journal."""

    order_id: int
    mode: Mode
    reason: Reason


class Settled(msgspec.Struct, frozen=True):
    """A position ended; told again when an estimate is confirmed."""

    order_id: int
    mode: Mode
    result: SettledAs
    source: Source
    profit: Decimal


class ExchangeSession(msgspec.Struct, frozen=True):
    """The state of the session at the exchange; `until_ms` (wall clock) where it is known."""

    state: Literal["bound", "ends_soon", "over", "unbound"]
    until_ms: int | None
    reason: Reason | None


class RatioRefused(msgspec.Struct, frozen=True):
    """The exchange no longer takes our payout ratio: the next order will fail as well. `theirs` where it said so."""

    increment: Increment
    ours: Decimal
    theirs: Decimal | None


class LimitReached(msgspec.Struct, frozen=True):
    """A limit was hit that will refuse the next order, too."""

    mode: Mode
    reason: Reason


class TradingChanged(msgspec.Struct, frozen=True):
    """Live trading was switched on or off, or trading was paused or goes on."""

    is_live: bool
    is_paused: bool
    reason: Reason | None


class Slept(msgspec.Struct, frozen=True):
    """The computer was asleep, or this program was stopped, for so long."""

    seconds: float


class ClockChanged(msgspec.Struct, frozen=True):
    """The hub's clock is `offset_ms` ahead of this computer's, give or take."""

    offset_ms: int
    uncertainty_ms: int


class HaltChanged(msgspec.Struct, frozen=True):
    """Trading is halted for a reason, or free again (reason None)."""

    epoch: int
    reason: str | None


class HubSaid(msgspec.Struct, frozen=True):
    """The hub did not take a message of ours, or said what we do not know."""

    code: str
    message: str


class SessionEnded(msgspec.Struct, frozen=True):
    """The agent has ended; somebody has to log in again (or wanted it so)."""

    end: End
    reason: str


Event = (
    LoggedIn
    | Connected
    | Disconnected
    | OrderReceived
    | Asked
    | AskedOver
    | OrderRefused
    | Submitting
    | Executed
    | Resolved
    | Reported
    | NotReported
    | Settled
    | ExchangeSession
    | RatioRefused
    | LimitReached
    | TradingChanged
    | Slept
    | ClockChanged
    | HaltChanged
    | HubSaid
    | SessionEnded
)
Subscriber = Callable[[Event], None]

_log: Final = logging.getLogger("agent.model.events")


class Events:
    """The stream. Subscribers are called in order, in the loop's thread, and should be quick."""

    def __init__(self) -> None:
        self._subscribers: list[Subscriber] = []

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """From now on; the returned function ends it."""
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    def emit(self, event: Event) -> None:
        """Tell every subscriber."""
        for subscriber in tuple(self._subscribers):
            try:
                subscriber(event)
            except Exception:  # noqa: BLE001 a window's mistake is no reason to drop an order; logged with its trace
                _log.exception("a subscriber failed on %s", type(event).__name__)
