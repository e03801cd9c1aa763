"""How far another clock is from this machine's, from exchanges with it. Pure.

Each exchange bounds the offset: the other clock was read between asking and answering. The invariant: what is said is
allowed by the newest exchange; an older one that contradicts it is thrown out, since a clock was put right meanwhile.
"""

from collections import deque
from typing import Final

import msgspec

KEPT: Final = 8
DRIFT: Final = 100e-6
"""How much two clocks may part while nobody compares them: 100 ppm, twice what a quartz of a server is sold for."""


class Sample(msgspec.Struct, frozen=True):
    """Bounds of `theirs - ours` in milliseconds, found at `at_ms` of our clock."""

    low: float
    high: float
    at_ms: int


class Offset:
    """The offset of another clock. Milliseconds; what is ours is read from one clock that does not jump."""

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque(maxlen=KEPT)

    def sample(self, asked_ms: int, theirs_ms: int, answered_ms: int) -> tuple[float, float]:
        """An exchange; `theirs_ms` was cut to whole milliseconds. Returns the bounds that hold with it."""
        new = Sample(theirs_ms - answered_ms, theirs_ms + 1 - asked_ms, answered_ms)
        agreeing = [old for old in self._samples if _overlap(_aged(old, answered_ms), new)]
        self._samples.clear()
        self._samples.extend([*agreeing, new])
        return self._bounds(answered_ms)

    def bounds(self, now_ms: int) -> tuple[float, float] | None:
        """The offset lies between these; None before the first exchange."""
        return self._bounds(now_ms) if self._samples else None

    def _bounds(self, now_ms: int) -> tuple[float, float]:
        aged = [_aged(sample, now_ms) for sample in self._samples]
        low, high = max(sample.low for sample in aged), min(sample.high for sample in aged)
        if low > high:  # each agrees with the newest, but not all with each other
            newest = aged[-1]
            return newest.low, newest.high
        return low, high


def _aged(sample: Sample, now_ms: int) -> Sample:
    """Wider by what the clocks may have parted since."""
    wider = abs(now_ms - sample.at_ms) * DRIFT
    return Sample(sample.low - wider, sample.high + wider, sample.at_ms)


def _overlap(one: Sample, other: Sample) -> bool:
    return one.low <= other.high and other.low <= one.high
