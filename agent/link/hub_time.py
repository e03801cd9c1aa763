"""The hub's time as this process knows it: the pure clock and the computer's two clocks put together.

The invariant: samples of one connection only, since another hub process may have another clock.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from agent.model.clock import Clock, HubTime, Reading, Sample
from agent.world import World, deadline

ASK_AGAIN_S: Final = 1.0


class HubClock:
    """Mutable holder of the current `Clock`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._clock = Clock()
        self._ask: Callable[[], None] | None = None
        self._sampled = asyncio.Event()

    def read(self) -> Reading:
        """What this computer's clocks show."""
        return self._world.read()

    def now(self) -> HubTime:
        """The hub's time, with what is not known about it."""
        return self._clock.at(self.read())

    def offset_ms(self) -> int:
        """How far the hub's clock is ahead of this computer's wall clock."""
        reading = self.read()
        return self._clock.at(reading).ms - reading.wall_ms

    def ask_by(self, ask: Callable[[], None] | None) -> None:
        """How to ask the hub for the time, while there is a connection."""
        self._ask = ask

    def restart(self, sample: Sample) -> None:
        """A new connection: forget the last one's samples."""
        self._clock = Clock((sample,))
        self._sampled.set()

    def add(self, sample: Sample) -> None:
        """One more exchange on the same connection."""
        self._clock = self._clock.add(sample)
        self._sampled.set()

    def not_before(self, hub_ms: int) -> None:
        """A frame of the hub was made at `hub_ms` on its clock: it is later than that by now."""
        self._clock = self._clock.not_before(hub_ms, self.read())

    async def freshen(self, until_ms: int) -> bool:
        """Have a sample that is fresh, asking the hub for one if need be; False once its clock may show `until_ms`.

        Returns at once, without a pause of any kind, where the newest sample is fresh.
        """
        while not self._clock.is_fresh(self.read()):
            now = self._clock.at(self.read())
            if self._clock.samples and now.ms >= until_ms:
                return False
            await self._wait_for_sample()
        return True

    async def _wait_for_sample(self) -> None:
        self._sampled.clear()
        if self._ask is not None:
            self._ask()
        try:
            async with deadline(self._world, ASK_AGAIN_S):
                await self._sampled.wait()
        except TimeoutError:
            return
