"""The hub's time as this process knows it: the pure clock and the computer's two clocks put together.

The link feeds it, the executor asks it. The invariant: samples of one connection only, since another hub process
may have another clock.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from agent.model.clock import Clock, HubTime, Reading, Sample

LONGEST_SLEEP_S: Final = 30.0


def read_clocks() -> Reading:
    """The computer's clocks, now."""
    return Reading(steady_ms=time.monotonic_ns() // 1_000_000, wall_ms=time.time_ns() // 1_000_000)


class HubClock:
    """Mutable holder of the current `Clock`."""

    def __init__(self, read: Callable[[], Reading] = read_clocks) -> None:
        self.read = read
        self._clock = Clock()

    def now(self) -> HubTime:
        """The hub's time, with what is not known about it."""
        return self._clock.at(self.read())

    def offset_ms(self) -> int:
        """How far the hub's clock is ahead of this computer's wall clock."""
        reading = self.read()
        return self._clock.at(reading).ms - reading.wall_ms

    def restart(self, sample: Sample) -> None:
        """A new connection: forget the last one's samples."""
        self._clock = Clock((sample,))

    def add(self, sample: Sample) -> None:
        """One more exchange on the same connection."""
        self._clock = self._clock.add(sample)


async def sleep_while(left_ms: Callable[[], int]) -> None:
    """Until nothing is left by the wall clock. In short pieces: a computer that slept must not sleep on."""
    while (left := left_ms()) > 0:  # noqa: ASYNC110 no event tells of the wall clock
        await asyncio.sleep(min(left / 1000, LONGEST_SLEEP_S))
