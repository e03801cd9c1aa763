"""The agent without a window: events become log lines on stderr, signals become `stop`.

The invariants: no line holds a secret; SIGTERM and the first Ctrl-C end in an orderly way, the second Ctrl-C at once;
and a login that is over is followed by another only where somebody gave a password to be used again.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, Final, Literal, get_args

import structlog

from agent.agent import Agent
from agent.lines import line
from agent.model.events import ClockChanged, End, Event, SessionEnded
from agent.ui import refusals
from protocol.text import clean

Format = Literal["text", "json"]
FORMATS: Final[tuple[str, ...]] = get_args(Format)
EXIT_CODES: Final = {End.STOPPED: 0, End.OUT_OF_REACH: 3, End.SESSION_OVER: 4}
INTERRUPTED: Final = 130


def logger(form: Format = "text") -> Any:
    """One line an event, on stderr: in colour for people, or JSON for a service's log."""
    stamp = structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False)
    renderer: structlog.typing.Processor = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty() and not os.environ.get("NO_COLOR"),
        pad_event_to=24,
        # The default prints local variables with a trace: the session's token would reach the log.
        exception_formatter=structlog.dev.plain_traceback,
    )
    if form == "json":
        stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False)
    processors: list[structlog.typing.Processor] = [structlog.processors.add_log_level, stamp, renderer]
    return structlog.wrap_logger(structlog.PrintLogger(sys.stderr), processors=processors)


def run(build: Callable[[], Agent], *, wait_for_hub: bool, logs_in_again: bool = False, form: Format = "text") -> End:
    """Until the session ends, or the last of them where it `logs_in_again`; why. Raises JournalBroken, and what `build`
    does, which is asked for an agent for each login."""
    return asyncio.run(_run(build, wait_for_hub, logs_in_again, form))


async def _run(build: Callable[[], Agent], wait_for_hub: bool, logs_in_again: bool, form: Format) -> End:
    log, agent = logger(form), build()
    _on_signals(lambda: agent.stop())
    while True:
        agent.events.subscribe(lambda event: _log(log, event, form))
        ended = await agent.run(wait_for_hub=wait_for_hub)
        if ended.end is not End.SESSION_OVER or not logs_in_again:
            return ended.end
        agent, wait_for_hub = build(), True


def _log(log: Any, event: Event, form: Format) -> None:
    if isinstance(event, ClockChanged):
        return  # every heartbeat has one; the doctor and the windows show it
    words, facts = line(event)
    if isinstance(event, SessionEnded) and form == "text" and event.end is not End.STOPPED:
        facts |= {"why": refusals.words(event)}
    shown = {name: clean(value) if isinstance(value, str) else value for name, value in facts.items()}
    if form == "json":
        shown["kind"] = type(event).__name__  # the words are in the reader's language
    log.info(words, **{name: value for name, value in shown.items() if value is not None})


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
