"""PURE: which events a person is told of who does not look at the window, by class.

The invariant: an order's notice says its mode; a class that is off says nothing, and nobody is told what they decided.
"""

from typing import Final

import msgspec

from agent.language import _
from agent.model import events
from agent.model.events import End, Event
from agent.ui import words
from agent.ui.preferences import NoticeClass
from agent.ui.state import View

_FAILURES: Final = ("failed", "rejected", "expired")


class Notice(msgspec.Struct, frozen=True):
    """What is shown. `is_warning`: something to look at."""

    kind: NoticeClass
    text: str
    is_warning: bool = True


def notice(view: View, event: Event) -> Notice | None:
    """What to say of an event; `view` is the one before it."""
    match event:
        case events.Executed() | events.OrderRefused() if not words.is_by_the_person(event.reason):
            return _order(event)
        case events.Disconnected() if view.is_connected:
            return Notice("lost", _("Not connected: nothing is placed until the connection is back."))
        case events.Connected() if view.lost:
            return Notice("lost", _("Connected again."), is_warning=False)
        case events.ExchangeSession(state="ends_soon" | "over", reason=reason):
            return Notice("session", words.why(reason) or _("The session at the exchange ends."))
        case events.SessionEnded(end=end) if end is not End.STOPPED and view.session_ends_ms is not None:
            return Notice("session", _("Logged out: nothing is placed until somebody logs in again."))
        case events.LimitReached(reason=reason):
            return Notice("limit", words.why(reason))
        case events.RatioRefused():
            return Notice("failure", _("The exchange no longer takes the payout ratio: the next order fails as well."))
    return None


def _order(event: events.Executed | events.OrderRefused) -> Notice:
    said = _("Order {id} on {mode}: {outcome}. {why}").format(
        id=event.order_id,
        mode=words.mode(event.mode),
        outcome=words.outcome(event.outcome),
        why=words.why(event.reason),
    )
    if event.outcome == "unknown":
        return Notice("unknown", said)
    return Notice("failure", said) if event.outcome in _FAILURES else Notice("success", said, is_warning=False)
