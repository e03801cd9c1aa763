"""Events as lines of a log: what happened, in the person's language, and its facts.

The invariant: every line about an order says PAPER or LIVE, and no line holds a secret.
"""

from collections.abc import Callable
from typing import Any, Final

from agent.language import _
from agent.model.engine import Mode
from agent.model.events import (
    Asked,
    AskedOver,
    ClockChanged,
    Connected,
    Disconnected,
    Event,
    ExchangeSession,
    Executed,
    HaltChanged,
    HubSaid,
    LimitReached,
    LoggedIn,
    NotReported,
    OrderReceived,
    OrderRefused,
    RatioRefused,
    Reported,
    Resolved,
    SessionEnded,
    Settled,
    Slept,
    Submitting,
    TradingChanged,
)
from agent.model.moments import local
from agent.model.reasons import Reason

Line = tuple[str, dict[str, Any]]
OrderEvent = OrderReceived | OrderRefused | Submitting | Executed | Reported | NotReported | Settled


def line(event: Event) -> Line:
    """What happened, in words, and its facts."""
    match event:
        case LoggedIn() | Connected() | Disconnected():
            return _link_line(event)
        case ClockChanged():
            return _("hub's clock"), {"ahead_ms": event.offset_ms, "give_or_take_ms": event.uncertainty_ms}
        case HaltChanged():
            said = _("trading is free again") if event.reason is None else _("trading is halted")
            return said, {"why": event.reason, "epoch": event.epoch}
        case HubSaid():
            return _("the hub says"), {"code": event.code, "message": event.message}
        case SessionEnded():
            return _("ended"), {"how": event.end.value, "why": event.reason}
        case Asked() | AskedOver() | Resolved():
            return _person_line(event)
        case ExchangeSession() | RatioRefused() | LimitReached() | TradingChanged() | Slept():
            return _exchange_line(event)
    return _order_line(event)


def _link_line(event: LoggedIn | Connected | Disconnected) -> Line:
    match event:
        case LoggedIn():
            return _("logged in"), {"user": event.username}
        case Connected():
            return _("connected"), {"user": event.username, "session": event.session_id}
        case Disconnected():
            return _("not connected"), {"why": event.reason, "next_try_in_s": round(event.retry_in_s, 1)}


def _exchange_line(event: ExchangeSession | RatioRefused | LimitReached | TradingChanged | Slept) -> Line:
    match event:
        case Slept():
            return _("this computer was asleep"), {"seconds": round(event.seconds, 1)}
        case ExchangeSession():
            return _SESSIONS[event.state](), {"until": _time(event.until_ms), "why": _why(event.reason)}
        case RatioRefused():
            facts = {
                "increment": event.increment,
                "ours": str(event.ours),
                "theirs": event.theirs and str(event.theirs),
            }
            return _("the exchange no longer takes this ratio: the next order will fail as well"), facts
        case LimitReached():
            return _("a limit is reached"), {"mode": event.mode.value, "why": _why(event.reason)}
        case TradingChanged():
            said = _("trading goes on") if event.reason is None else _("no order is placed")
            said = _("trading is paused") if event.is_paused else said
            return said, {"mode": Mode.LIVE if event.is_live else Mode.PAPER, "why": _why(event.reason)}


_SESSIONS: Final[dict[str, Callable[[], str]]] = {
    "bound": lambda: _("the exchange session is there"),
    "ends_soon": lambda: _("the exchange session ends soon: bind again"),
    "over": lambda: _("the exchange session is over: bind again"),
    "unbound": lambda: _("there is no exchange session"),
}


def _person_line(event: Asked | AskedOver | Resolved) -> Line:
    match event:
        case Asked():
            facts = {"stake": str(event.stake), "ratio": str(event.ratio)}
            return _("do you want this order?"), {"order": event.order_id, **facts}
        case AskedOver():
            return _("the question is over"), {"order": event.order_id}
        case Resolved():
            facts = {"outcome": event.outcome, "by": event.by}
            return _("it is known now what became of it"), {"order": event.order_id, **facts}


def _order_line(event: OrderEvent) -> Line:
    words, facts = _order_words(event)
    order_id = event.order.id if isinstance(event, OrderReceived) else event.order_id
    return words, {"mode": event.mode.value, "order": order_id, **facts}


def _order_words(
    event: OrderEvent,
) -> Line:
    match event:
        case OrderReceived(order=order):
            what = f"{order.symbol_name} {order.direction} {order.time_increments}"
            return _("order received"), {"what": what, "valid_s": order.valid_duration}
        case OrderRefused():
            return _("order not placed"), {"outcome": event.outcome, "why": _why(event.reason)}
        case Submitting():
            return _("placing order"), {"stake": str(event.stake)}
        case Executed():
            facts = {"outcome": event.outcome, "exchange_order": event.exchange_order_id}
            return _("order done"), {**facts, "why": _why(event.reason)}
        case Reported():
            return _("result is at the hub"), {"outcome": event.outcome}
        case NotReported():
            return _("the hub did not take a result"), {"why": _why(event.reason)}
        case Settled():
            return _RESULTS[event.result](), {"profit": str(event.profit), "source": event.source}


_RESULTS: Final[dict[str, Callable[[], str]]] = {
    "won": lambda: _("position won"),
    "lost": lambda: _("position lost"),
    "tie": lambda: _("position tied: the stake is back"),
}


def _why(reason: Reason | None) -> str | None:
    return None if reason is None else reason.text(_)


def _time(ms: int | None) -> str | None:
    return None if ms is None else local(ms, "%Y-%m-%d %H:%M")
