"""The agent without a window: events become log lines on stderr, signals become `stop`.

Only the command line imports it. The invariant: no line holds a secret; SIGTERM and the first Ctrl-C end in an orderly
way, the second Ctrl-C at once.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, Final

import structlog

from agent.agent import Agent
from agent.language import _
from agent.model.events import (
    ClockChanged,
    Connected,
    Disconnected,
    End,
    Event,
    Executed,
    HaltChanged,
    HubSaid,
    LoggedIn,
    NotReported,
    OrderReceived,
    OrderRefused,
    Reported,
    SessionEnded,
    Settled,
    Submitting,
)

EXIT_CODES: Final = {End.STOPPED: 0, End.OUT_OF_REACH: 3}
INTERRUPTED: Final = 130

Line = tuple[str, dict[str, Any]]


def line(event: Event) -> Line:
    """What happened, in words, and its facts."""
    match event:
        case LoggedIn():
            return _("logged in"), {"user": event.username}
        case Connected():
            return _("connected"), {"user": event.username, "session": event.session_id}
        case Disconnected():
            return _("not connected"), {"why": event.reason, "next_try_in_s": round(event.retry_in_s, 1)}
        case ClockChanged():
            return _("hub's clock"), {"ahead_ms": event.offset_ms, "give_or_take_ms": event.uncertainty_ms}
        case HaltChanged():
            said = _("trading is free again") if event.reason is None else _("trading is halted")
            return said, {"why": event.reason, "epoch": event.epoch}
        case HubSaid():
            return _("the hub says"), {"code": event.code, "message": event.message}
        case SessionEnded():
            return _("ended"), {"how": event.end.value, "why": event.reason}
    return _order_line(event)


def _order_line(
    event: OrderReceived | OrderRefused | Submitting | Executed | Reported | NotReported | Settled,
) -> Line:
    match event:
        case OrderReceived(order=order):
            what = f"{order.symbol_name} {order.direction} {order.time_increments}"
            return _("order received"), {"order": order.id, "what": what, "valid_s": order.valid_duration}
        case OrderRefused():
            return _("order not placed"), {"order": event.order_id, "outcome": event.outcome, "why": event.reason}
        case Submitting():
            return _("placing order"), {"order": event.order_id, "stake": str(event.stake)}
        case Executed():
            facts = {"order": event.order_id, "outcome": event.outcome, "exchange_order": event.exchange_order_id}
            return _("order done"), {**facts, "why": event.message or None}
        case Reported():
            return _("result is at the hub"), {"order": event.order_id, "outcome": event.outcome}
        case NotReported():
            return _("the hub did not take a result"), {"order": event.order_id, "why": event.reason}
        case Settled():
            said = _("position won") if event.won else _("position lost")
            return said, {"order": event.order_id, "profit": str(event.profit)}


def logger() -> Any:
    """One line an event, on stderr, in colour for people."""
    renderer = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(),
        pad_event_to=24,
        # The default prints local variables with a trace: the session's token would reach the log.
        exception_formatter=structlog.dev.plain_traceback,
    )
    stamp = structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False)
    processors: list[structlog.typing.Processor] = [structlog.processors.add_log_level, stamp, renderer]
    return structlog.wrap_logger(structlog.PrintLogger(sys.stderr), processors=processors)


def run(agent: Agent, *, wait_for_hub: bool) -> int:
    """Until the session ends; returns the exit code. Raises JournalBroken."""
    return asyncio.run(_run(agent, wait_for_hub))


async def _run(agent: Agent, wait_for_hub: bool) -> int:
    log = logger()
    agent.events.subscribe(lambda event: _log(log, event))
    _on_signals(agent.stop)
    ended = await agent.run(wait_for_hub=wait_for_hub)
    return EXIT_CODES.get(ended.end, 1)


def _log(log: Any, event: Event) -> None:
    if isinstance(event, ClockChanged):
        return  # every heartbeat has one; the doctor and the windows show it
    words, facts = line(event)
    log.info(words, **{name: value for name, value in facts.items() if value is not None})


def _on_signals(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    asked = False

    def interrupted() -> None:
        nonlocal asked
        if asked:
            os._exit(INTERRUPTED)  # the journal makes it harmless
        asked = True
        stop()

    if sys.platform == "win32":
        signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(interrupted))
        return
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # ignored from the start: a script's background job
        loop.add_signal_handler(signal.SIGINT, interrupted)
    loop.add_signal_handler(signal.SIGTERM, stop)
