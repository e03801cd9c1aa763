"""PURE: what happens in the agent, as a stream of typed events that any front end may subscribe to.

Anybody may import it. The invariant: an event is published after its fact is in the journal, and nobody who
listens can disturb an order: a subscriber's mistake is logged with its trace and ends there.
"""

import logging
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

from protocol.messages import Order, Outcome


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
    """The hub gave us a session; it ends at `session_ends_ms` (wall clock)."""

    username: str
    user_id: int
    session_ends_ms: int


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


class OrderRefused(msgspec.Struct, frozen=True):
    """An order ended before the exchange saw it."""

    order_id: int
    outcome: Outcome
    reason: str


class Submitting(msgspec.Struct, frozen=True):
    """The order is on its way to the exchange."""

    order_id: int
    stake: Decimal
    payout_ratio: Decimal


class Executed(msgspec.Struct, frozen=True):
    """The exchange has answered, or will not."""

    order_id: int
    outcome: Outcome
    message: str
    exchange_order_id: str | None


class Reported(msgspec.Struct, frozen=True):
    """The hub has the result on disk."""

    order_id: int
    outcome: Outcome


class NotReported(msgspec.Struct, frozen=True):
    """The hub did not take a result over HTTP; it stays in the journal."""

    order_id: int
    reason: str


class Settled(msgspec.Struct, frozen=True):
    """A position ended."""

    order_id: int
    won: bool
    profit: Decimal


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
    | OrderRefused
    | Submitting
    | Executed
    | Reported
    | NotReported
    | Settled
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

    def publish(self, event: Event) -> None:
        """Tell everybody."""
        for subscriber in tuple(self._subscribers):
            try:
                subscriber(event)
            except Exception:  # noqa: BLE001 a window's mistake is no reason to drop an order; logged with its trace
                _log.exception("a subscriber failed on %s", type(event).__name__)
