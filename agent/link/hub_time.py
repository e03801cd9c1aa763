"""The hub's time as this process knows it: the pure clock and the computer's two clocks put together.

The invariant: samples of one connection only, since another hub process
may have another clock.
"""

from agent.model.clock import Clock, HubTime, Reading, Sample
from agent.world import World


class HubClock:
    """Mutable holder of the current `Clock`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._clock = Clock()

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

    def restart(self, sample: Sample) -> None:
        """A new connection: forget the last one's samples."""
        self._clock = Clock((sample,))

    def add(self, sample: Sample) -> None:
        """One more exchange on the same connection."""
        self._clock = self._clock.add(sample)
