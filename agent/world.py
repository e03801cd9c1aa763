"""What comes from outside: time, waiting and chance, as one value that a test can replace by a world that it steps.

The invariant: whoever gets a `World` reads no clock, sleeps by no other means and draws from no other source.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from agent.model.clock import Reading

__all__ = ["REAL", "Reading", "World", "deadline", "sleep_while"]

LONGEST_SLEEP_S: Final = 30.0


class World(msgspec.Struct, frozen=True):
    """`read` shows the computer's two clocks, `sleep` waits for some seconds."""

    read: Callable[[], Reading]
    sleep: Callable[[float], Awaitable[None]]
    random: random.Random


def _read() -> Reading:
    return Reading(wall_ms=time.time_ns() // 1_000_000, monotonic_ms=time.monotonic_ns() // 1_000_000)


REAL: Final = World(_read, asyncio.sleep, random.SystemRandom())


@asynccontextmanager
async def deadline(world: World, seconds: float) -> AsyncIterator[None]:
    """Raises TimeoutError when that many seconds have passed by the world's clock, whatever the loop's timers say.

    What is inside runs in the caller's task, from its first line on.
    """
    async with asyncio.timeout(None) as limit:
        ring = asyncio.create_task(_ring(world, seconds, limit))
        try:
            yield
        finally:
            ring.cancel()


async def sleep_while(world: World, left_ms: Callable[[], float]) -> None:
    """Until nothing is left by the wall clock. In short pieces: a computer that slept must not sleep on."""
    while (left := left_ms()) > 0:
        await world.sleep(min(left / 1000, LONGEST_SLEEP_S))


async def _ring(world: World, seconds: float, limit: asyncio.Timeout) -> None:
    until_ms = world.read().monotonic_ms + seconds * 1000
    while (left_ms := until_ms - world.read().monotonic_ms) > 0:
        await world.sleep(left_ms / 1000)
    limit.reschedule(0)  # long ago: it rings at once
