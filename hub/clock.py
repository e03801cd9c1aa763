"""This machine's clocks: the only place that reads the time of day. What needs a clock is handed one."""

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Says milliseconds since the Unix epoch."""


def now_ms() -> int:
    """This machine's time of day, as somebody may put it right at any moment."""
    return time.time_ns() // 1_000_000


def steady() -> Clock:
    """A clock that starts at this machine's time of day and from then on only passes: nobody puts it right."""
    began = time.time_ns() - time.monotonic_ns()
    return lambda: (began + time.monotonic_ns()) // 1_000_000
