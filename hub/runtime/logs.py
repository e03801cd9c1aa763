"""How the hub logs: structlog, a line an event, on stderr."""

import logging
import os
import sys
from typing import Literal

import structlog

from protocol.text import clean


def configure(style: Literal["console", "json"]) -> None:
    """Sets up this process's log. uvicorn's own lines are kept from WARNING up."""
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty() and not os.environ.get("NO_COLOR"),
            # The default prints local variables with a trace: passwords and tokens would reach the log.
            exception_formatter=structlog.dev.plain_traceback,
        )
    )
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _cleaned,
            structlog.processors.format_exc_info if style == "json" else _unchanged,
            renderer,
        ],
        logger_factory=_to_stderr,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")


def _to_stderr(*_: object) -> structlog.PrintLogger:
    """Whatever stderr is when the line is written: it may have been replaced since the start."""
    return structlog.PrintLogger(sys.stderr)


def _unchanged(
    _logger: structlog.types.WrappedLogger, _method: str, event: structlog.types.EventDict
) -> structlog.types.EventDict:
    return event


def _cleaned(
    _logger: structlog.types.WrappedLogger, _method: str, event: structlog.types.EventDict
) -> structlog.types.EventDict:
    """What comes from outside is shown, and not obeyed by whoever reads the log at a terminal."""
    return {name: clean(value) if isinstance(value, str) else value for name, value in event.items()}
