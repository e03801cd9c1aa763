"""PURE: moments as people read them, also those that no calendar has."""

from datetime import datetime


def local(ms: int, pattern: str) -> str:
    """Epoch milliseconds in this computer's zone, by strftime's pattern; the bare number where a hub, an exchange or a
    damaged file gave one that is no date."""
    try:
        return datetime.fromtimestamp(ms / 1_000).astimezone().strftime(pattern)
    except (ValueError, OverflowError, OSError):
        return str(ms)
