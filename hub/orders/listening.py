"""What the stream says, handed to whom it concerns.

The invariant: nothing here waits. A cancel, a changed account, a newer connection act at once; what needs a store is a
task of its own.
"""

from hub.cluster.bus import (
    Beat,
    Event,
    EventId,
    Joined,
    OrderCancelled,
    OrderPublished,
    Started,
    SurveyAsked,
    UserChanged,
)
from hub.cluster.peers import Peers
from hub.orders.dispatch import Dispatch
from hub.runtime.background import Background
from hub.sessions.account_changes import AccountChanges
from hub.sessions.arrivals import Arrivals
from hub.sessions.presence import Survey
from hub.sessions.restart_hint import RestartHint


class Listener:
    """The stream's `Handler` of one process."""

    def __init__(
        self,
        *,
        dispatch: Dispatch,
        changes: AccountChanges,
        arrivals: Arrivals,
        survey: Survey,
        peers: Peers,
        hint: RestartHint,
        background: Background,
    ) -> None:
        self._dispatch = dispatch
        self._changes = changes
        self._arrivals = arrivals
        self._survey = survey
        self._peers = peers
        self._hint = hint
        self._background = background

    def hear(self, event: Event, event_id: EventId) -> None:
        """Acts on one event."""
        match event:
            case OrderPublished(order_id=order_id):
                self._background.spawn(self._dispatch.on_published(order_id), f"doorbell of order {order_id}")
            case OrderCancelled(order_id=order_id, reason=reason):
                self._dispatch.on_cancelled(order_id, reason)
            case UserChanged():
                self._changes.hear(event)
            case Joined():
                self._arrivals.on_joined(event, event_id)
            case Started(process=process):
                # If we end a moment later, our agents have somewhere to go; the duty would know in a second.
                self._peers.on_started(process)
                self._hint.is_covered |= self._peers.is_other(process)
            case SurveyAsked(request=request):
                self._background.spawn(self._survey.answer(request), "survey")
            case Beat():
                pass  # the bus itself waits for it
