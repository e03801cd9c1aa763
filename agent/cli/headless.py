"""The agent without a window: events become log lines on stderr, signals become `stop`.

The invariant: no line holds a secret; SIGTERM and the first Ctrl-C end in an orderly
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
from agent.lines import line
from agent.model.events import ClockChanged, End, Event
from protocol.text import clean

EXIT_CODES: Final = {End.STOPPED: 0, End.OUT_OF_REACH: 3}
INTERRUPTED: Final = 130


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
    shown = {name: clean(value) if isinstance(value, str) else value for name, value in facts.items()}
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
