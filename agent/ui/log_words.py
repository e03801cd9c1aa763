"""PURE: events as a person reads them in the window's log: whose they are, what happened, and its facts in words.

The invariant: a line about an order says PAPER or LIVE first, and no line has a name that only programs know.
"""

from collections.abc import Iterator

from agent.language import _
from agent.lines import line
from agent.model import events
from agent.model.engine import Mode
from agent.model.events import Event
from agent.ui import refusals, words
from agent.ui.outages import outage
from protocol.text import clean

SEPARATOR = " · "


def said(event: Event) -> str:
    """The event as one line."""
    parts = (*_whose(event), line(event)[0], *_facts(event))
    return SEPARATOR.join(dict.fromkeys(clean(part) for part in parts if part))


def _whose(event: Event) -> Iterator[str]:
    mode = getattr(event, "mode", None)
    if isinstance(mode, Mode):
        yield words.mode(mode)
    order_id = event.order.id if isinstance(event, events.OrderReceived) else getattr(event, "order_id", None)
    if order_id is not None:
        yield _("Order {id}").format(id=order_id)


def _facts(event: Event) -> Iterator[str]:
    match event:
        case events.LoggedIn() | events.Connected():
            yield event.username
        case events.Disconnected():
            yield outage(event.reason)
            yield _("next try in {time}").format(time=words.duration(event.retry_in_s))
        case events.HaltChanged():
            yield event.reason or ""
        case events.HubSaid():
            yield from (event.message, event.code)
        case events.SessionEnded():
            yield refusals.words(event)
        case events.Slept():
            yield words.duration(event.seconds)
        case events.ExchangeSession() | events.LimitReached() | events.TradingChanged() | events.RatioRefused():
            yield from _terms(event)
        case _:
            yield from _order(event)


def _terms(
    event: events.ExchangeSession | events.LimitReached | events.TradingChanged | events.RatioRefused,
) -> Iterator[str]:
    match event:
        case events.ExchangeSession(until_ms=until_ms, reason=reason):
            if until_ms is not None:
                yield _("until {time}").format(time=words.date_time(until_ms))
            yield words.why(reason)
        case events.TradingChanged():
            yield words.mode(Mode.LIVE if event.is_live else Mode.PAPER)
            yield words.why(event.reason)
        case events.LimitReached():
            yield words.why(event.reason)
        case events.RatioRefused():
            yield words.increment(event.increment)
            yield words.payout_ratio(event.ours)


def _order(event: Event) -> Iterator[str]:
    match event:
        case events.OrderReceived(order=order):
            yield words.contract(order)
            yield _("valid for {time}").format(time=words.duration(order.valid_duration))
        case events.Asked() | events.Submitting():
            yield f"{words.amount(event.stake)} USDT"
        case events.OrderRefused() | events.Executed():
            yield words.ending(event.outcome, event.reason)
            yield words.why(event.reason)
            yield event.exchange_order_id or "" if isinstance(event, events.Executed) else ""
        case events.Resolved():
            yield words.outcome(event.outcome)
        case events.NotReported():
            yield words.why(event.reason)
        case events.Settled():
            yield f"{words.profit(event.profit)} USDT"
            yield _("estimated") if event.source == "estimated" else ""
