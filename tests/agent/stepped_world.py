"""A world that a test steps: its clocks stand still, and who sleeps wakes when the test has passed the time."""

import asyncio
from random import Random

from agent.world import Reading, World


class SteppedWorld:
    """`world` goes into what is tested; `pass_s` lets time pass."""

    def __init__(self, wall_ms: int = 1_700_000_000_000, monotonic_ms: int = 5_000_000) -> None:
        self.wall_ms = wall_ms
        self.monotonic_ms = monotonic_ms
        self.slept: list[float] = []
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []
        self.world = World(self.read, self.sleep, Random(7))

    def read(self) -> Reading:
        return Reading(wall_ms=self.wall_ms, monotonic_ms=self.monotonic_ms)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if seconds <= 0:
            return await asyncio.sleep(0)
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.monotonic_ms + seconds * 1000, woken))
        return await woken

    async def pass_s(self, seconds: float) -> None:
        """Time passes, on both clocks; sleepers wake one after the other, each at its own moment."""
        end = self.monotonic_ms + seconds * 1000
        await settle()
        while self._next_ms() <= end:
            self._go_to(self._next_ms())
            await settle()
        self._go_to(end)
        await settle()

    def set_wall(self, ahead_ms: int) -> None:
        """Somebody sets the computer's clock."""
        self.wall_ms += ahead_ms

    def _next_ms(self) -> float:
        self._sleepers = [one for one in self._sleepers if not one[1].done()]
        return min((at for at, _ in self._sleepers), default=float("inf"))

    def _go_to(self, moment_ms: float) -> None:
        passed = max(0, round(moment_ms - self.monotonic_ms))
        self.monotonic_ms += passed
        self.wall_ms += passed
        for at, woken in self._sleepers:
            if at <= self.monotonic_ms and not woken.done():
                woken.set_result(None)


async def settle(rounds: int = 20) -> None:
    """Everything that can go on without time passing goes on."""
    for _ in range(rounds):
        await asyncio.sleep(0)
