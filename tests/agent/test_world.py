"""The world: deadlines go by its clock, whatever the timers say."""

import asyncio
from random import Random

import pytest

from agent.world import REAL, Reading, World, deadline, sleep_while

from .stepped_world import SteppedWorld, settle


async def test_a_deadline_rings_when_the_world_says_so() -> None:
    stepped = SteppedWorld()
    rang = asyncio.create_task(_rings(stepped.world, 3))
    await stepped.pass_s(2.9)
    assert not rang.done()
    await stepped.pass_s(0.1)
    assert await rang


async def _rings(world: World, seconds: float) -> bool:
    try:
        async with deadline(world, seconds):
            await asyncio.Event().wait()
    except TimeoutError:
        return True
    return False


async def test_a_timer_that_rings_early_rings_again() -> None:
    now, naps = 0, []

    async def nap(seconds: float) -> None:
        nonlocal now
        naps.append(seconds)
        now += round(seconds * 950)  # as coarse timers do: 5 % early
        await asyncio.sleep(0)

    world = World(lambda: Reading(now, now), nap, Random(0))
    assert await _rings(world, 10)
    assert now >= 9_999
    assert len(naps) > 1


async def test_what_is_done_in_time_does_not_ring_and_runs_in_the_callers_task() -> None:
    stepped = SteppedWorld()
    mine = asyncio.current_task()
    async with deadline(stepped.world, 1):
        assert asyncio.current_task() is mine
    await stepped.pass_s(5)


async def test_a_deadline_in_the_past_rings_at_once() -> None:
    assert await _rings(REAL, -1)


async def test_a_cancel_from_outside_stays_a_cancel() -> None:
    waiting = asyncio.create_task(_rings(SteppedWorld().world, 3))
    await settle()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_sleeping_goes_by_the_wall_clock_in_short_pieces() -> None:
    stepped = SteppedWorld()
    until = stepped.wall_ms + 100_000
    sleeping = asyncio.create_task(sleep_while(stepped.world, lambda: until - stepped.wall_ms))
    await stepped.pass_s(40)
    stepped.set_wall(60_000)
    await stepped.pass_s(20)
    assert sleeping.done()
    assert max(stepped.slept) <= 30
