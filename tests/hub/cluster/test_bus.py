"""The doorbell: every event reaches every process in order, and a process that missed one knows it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from hub.cluster.bus import (
    BLOCK_MS,
    Bus,
    Event,
    EventId,
    Joined,
    OrderCancelled,
    OrderPublished,
    RollCall,
    Started,
    UserChanged,
)
from hub.cluster.redis import EVENTS, PATIENCE_S, connect
from hub.errors import Unavailable
from hub.runtime.background import Background
from tests.services.redis_server import RedisServer
from tests.services.waiting import eventually

EVERY_KIND: list[Event] = [
    OrderPublished(1),
    OrderCancelled(1, "下单 🚀"),
    UserChanged(7),
    Joined("process", [7, 8]),
    RollCall("request"),
    Started("process"),
]


class Process:
    """One hub process's end: its bus, and what it heard."""

    def __init__(self, url: str) -> None:
        self.redis: Redis = connect(url)
        self._reader: Redis = connect(url, PATIENCE_S + BLOCK_MS / 1_000)
        self.bus = Bus(self.redis, self._reader)
        self.heard: list[Event] = []
        self.ids: list[EventId] = []

    async def hear(self, event: Event, event_id: EventId) -> None:
        self.heard.append(event)
        self.ids.append(event_id)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.bus.read_forever(self.hear))
        try:
            yield
        finally:
            await end(task)

    async def close(self) -> None:
        await self.redis.aclose()
        await self._reader.aclose()


async def end(task: asyncio.Task[None]) -> None:
    """Ends it for good: one cancellation may not be enough, see the last test."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=0.2)


@pytest.fixture
async def two(redis_url: str) -> AsyncIterator[tuple[Process, Process]]:
    """Two processes on one Redis, both started."""
    processes = Process(redis_url), Process(redis_url)
    for process in processes:
        await process.bus.start()
    yield processes
    for process in processes:
        await process.close()


async def has_gap_after_two_looks(bus: Bus) -> bool:
    """The caretaker asks once a second: what was there at one look and is not read by the next will not come."""
    looks = [await bus.find_gap(), await bus.find_gap()]
    return any(looks)


async def test_every_event_reaches_every_process_in_order(two: tuple[Process, Process]) -> None:
    one, other = two
    async with one.reading(), other.reading():
        written = [await one.bus.announce(event) for event in EVERY_KIND]
        for process in two:
            await eventually(lambda p=process: len(p.heard) == len(EVERY_KIND), "all is heard")  # type: ignore[misc]
            assert process.heard == EVERY_KIND
            assert process.ids == written == sorted(written)
            assert not await has_gap_after_two_looks(process.bus)


async def test_what_came_before_the_start_is_not_heard(redis_url: str, two: tuple[Process, Process]) -> None:
    one, _ = two
    await one.bus.announce(OrderPublished(1))
    late = Process(redis_url)
    await late.bus.start()
    async with late.reading():
        await one.bus.announce(OrderPublished(2))
        await eventually(lambda: late.heard, "an event is heard")
        assert late.heard == [OrderPublished(2)]
        assert not await has_gap_after_two_looks(late.bus)
    await late.close()


@pytest.mark.parametrize(
    "fields",
    [{"event": b'{"kind":"of tomorrow"}'}, {"event": b"no JSON"}, {"event": b'{"kind":"order"}'}, {"other": b"{}"}],
    ids=lambda fields: str(fields),
)
async def test_what_is_not_understood_leaves_a_doubt_and_listening_goes_on(
    fields: dict[str, bytes], two: tuple[Process, Process]
) -> None:
    here, there = two
    async with here.reading():
        here.bus.is_in_doubt = False
        await there.redis.xadd(EVENTS, fields)  # type: ignore[arg-type]
        await there.bus.announce(OrderPublished(1))
        await eventually(lambda: here.heard, "the next event")
    assert here.heard == [OrderPublished(1)]
    assert here.bus.is_in_doubt
    assert not await here.bus.find_gap()


async def test_a_trimmed_event_is_missed_and_noticed(two: tuple[Process, Process]) -> None:
    one, other = two
    await one.bus.announce(UserChanged(7))
    await one.redis.xtrim(EVENTS, maxlen=0)
    assert await has_gap_after_two_looks(other.bus)
    assert not await has_gap_after_two_looks(other.bus)


async def test_a_trimmed_event_is_noticed_also_when_a_newer_one_was_read(two: tuple[Process, Process]) -> None:
    one, other = two
    await one.bus.announce(UserChanged(7))
    await one.redis.xtrim(EVENTS, maxlen=0)
    await one.bus.announce(OrderPublished(2))
    async with other.reading():
        await eventually(lambda: other.heard, "the newer event is heard")
    assert other.heard == [OrderPublished(2)]
    assert await has_gap_after_two_looks(other.bus)


async def test_an_emptied_redis_is_noticed_and_listening_goes_on(two: tuple[Process, Process]) -> None:
    one, other = two
    async with other.reading():
        for order_id in (1, 2):
            await one.bus.announce(OrderPublished(order_id))
        await eventually(lambda: len(other.heard) == 2, "both are heard")
        await one.redis.flushall()
        assert await has_gap_after_two_looks(other.bus)
        await one.bus.announce(OrderPublished(3))
        await eventually(lambda: len(other.heard) == 3, "what comes after it is heard")


async def test_an_emptied_redis_is_noticed_also_when_events_followed_at_once(two: tuple[Process, Process]) -> None:
    one, other = two
    async with other.reading():
        for order_id in (1, 2):
            await one.bus.announce(OrderPublished(order_id))
        await eventually(lambda: len(other.heard) == 2, "both are heard")
        await one.redis.flushall()
        for order_id in (3, 4, 5):
            await one.bus.announce(OrderPublished(order_id))
        await eventually(lambda: len(other.heard) == 5, "all that came after it are heard")
        assert await has_gap_after_two_looks(other.bus)
        assert not await has_gap_after_two_looks(other.bus)


async def test_a_stream_that_began_under_an_earlier_clock_is_heard(two: tuple[Process, Process]) -> None:
    one, other = two
    await one.bus.announce(OrderPublished(1))
    async with other.reading():
        await eventually(lambda: other.heard, "the first is heard")
        await one.redis.flushall()
        await one.redis.xadd(EVENTS, {"event": b'{"kind":"order","order_id":2}'}, id="1-1")
        assert await has_gap_after_two_looks(other.bus)
        await one.redis.xadd(EVENTS, {"event": b'{"kind":"order","order_id":3}'}, id="1-2")
        await eventually(lambda: OrderPublished(3) in other.heard, "the new stream is heard")


async def test_a_redis_that_was_away_leaves_a_doubt_and_is_heard_again(own_redis: Callable[[], RedisServer]) -> None:
    server = await asyncio.to_thread(own_redis)
    process = Process(server.url())
    await process.bus.start()
    process.bus.is_in_doubt = False
    async with process.reading():
        await asyncio.to_thread(server.kill)
        await eventually(lambda: process.bus.is_in_doubt, "the doubt is noticed")
        with pytest.raises(Unavailable):
            await process.bus.announce(OrderPublished(1))
        await asyncio.to_thread(server.start)
        await process.bus.announce(OrderPublished(2))
        await eventually(lambda: process.heard == [OrderPublished(2)], "the doorbell rings again")
    await process.close()


async def test_the_embedded_redis_is_enough_for_one_process() -> None:
    redis = connect("embedded://")
    bus, heard = Bus(redis, redis), list[Event]()

    async def hear(event: Event, _event_id: EventId) -> None:
        heard.append(event)

    await bus.start()
    task = asyncio.create_task(bus.read_forever(hear))
    for event in EVERY_KIND:
        await bus.announce(event)
    await eventually(lambda: heard == EVERY_KIND, "all is heard")
    assert not await has_gap_after_two_looks(bus)
    await end(task)
    await redis.aclose()


async def test_a_stop_in_the_middle_of_things_ends(two: tuple[Process, Process]) -> None:
    """Python 3.11's `wait_for`, which the Redis client sends under, can swallow a cancellation: one is not enough."""
    one, other = two
    for turns in range(40):
        background = Background()
        background.serve(other.bus.read_forever(other.hear), "stream")
        await one.bus.announce(OrderPublished(turns + 1))
        for _ in range(turns):
            await asyncio.sleep(0)  # a turn of the loop later than the round before
        async with asyncio.timeout(10):
            await background.stop()
