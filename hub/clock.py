"""The hub's clock: the only place that reads the time of day. Agents measure their offset to it."""

import time


def now_ms() -> int:
    """Milliseconds since the Unix epoch."""
    return time.time_ns() // 1_000_000
