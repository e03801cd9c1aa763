"""The doorbell: every event reaches every process in order, and a process that missed one knows it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest
from redis.asyncio import Redis

from hub.cluster import bus
from hub.cluster.bus import (
    BLOCK_MS,
    Bus,
    Event,
    EventId,
    Joined,
    OrderCancelled,
    OrderPublished,
    Started,
    SurveyAsked,
    UserChanged,
)
from hub.cluster.redis import EVENTS, TIMEOUT_S, connect
from hub.errors import Unavailable
from hub.model.records import Account
from hub.runtime.supervisor import Supervisor
from tests.services.redis_server import RedisServer
from tests.services.waiting import eventually

EVERY_KIND: list[Event] = [
    OrderPublished(1),
    OrderCancelled(1, "下单 🚀"),
    UserChanged(7),
    UserChanged(7, 3, Account(7, "ann", "trader", 1, None, "token", 5)),
    Joined("process", [7, 8]),
    Joined("process", [7, 8], [None, (5, 1)]),
    SurveyAsked("request"),
    Started("process"),
]


class Process:
    """One hub process's end: its bus, and what it heard."""

    def __init__(self, url: str, redis: Redis | None = None) -> None:
        self.redis: Redis = redis or connect(url)
        self._reader: Redis = redis or connect(url, TIMEOUT_S + BLOCK_MS / 1_000)
        self.doubts: list[str] = []
        self.bus = Bus(self.redis, self._reader, "process", self.doubts.append)
        self.heard: list[Event] = []
        self.ids: list[EventId] = []

    def hear(self, event: Event, event_id: EventId) -> None:
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


async def has_gap_after_two_looks(process: Process) -> bool:
    """It is asked for once a second: what was there at one look and is not read by the next will not come."""
    process.doubts.clear()
    await process.bus.find_gap()
    await process.bus.find_gap()
    return process.doubts == ["events were missed"]


async def test_every_event_reaches_every_process_in_order(two: tuple[Process, Process]) -> None:
    one, other = two
    async with one.reading(), other.reading():
        written = [await one.bus.announce(event) for event in EVERY_KIND]
        for process in two:
            await eventually(lambda p=process: len(p.heard) == len(EVERY_KIND), "all is heard")  # type: ignore[misc]
            assert process.heard == EVERY_KIND
            assert process.ids == written == sorted(written)
            assert not await has_gap_after_two_looks(process)


async def test_what_came_before_the_start_is_not_heard(redis_url: str, two: tuple[Process, Process]) -> None:
    one, _ = two
    await one.bus.announce(OrderPublished(1))
    late = Process(redis_url)
    await late.bus.start()
    async with late.reading():
        await one.bus.announce(OrderPublished(2))
        await eventually(lambda: late.heard, "an event is heard")
        assert late.heard == [OrderPublished(2)]
        assert not await has_gap_after_two_looks(late)
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
        await there.redis.xadd(EVENTS, fields)  # type: ignore[arg-type]
        await there.bus.announce(OrderPublished(1))
        await eventually(lambda: here.heard, "the next event")
    assert here.heard == [OrderPublished(1)]
    assert "an event was not understood" in here.doubts
    assert not await has_gap_after_two_looks(here)


async def test_what_is_read_while_the_stream_is_asked_is_no_gap(two: tuple[Process, Process]) -> None:
    """The answer is older than what came meanwhile over the other connection."""
    here, there = two
    asked = here.redis.xinfo_stream

    async def slow_answer(name: str) -> object:
        answer = await asked(name)
        event_id = await there.bus.announce(OrderPublished(2))
        await eventually(lambda: event_id in here.ids, "it is read before the answer is there")
        return answer

    async with here.reading():
        await there.bus.announce(OrderPublished(1))
        await eventually(lambda: here.heard, "an event is heard")
        here.redis.xinfo_stream = slow_answer  # type: ignore[method-assign,assignment]
        await here.bus.find_gap()
        await here.bus.find_gap()
        assert here.doubts == []
        assert here.ids == sorted(set(here.ids))


async def test_a_trimmed_event_is_missed_and_noticed(two: tuple[Process, Process]) -> None:
    one, other = two
    await one.bus.announce(UserChanged(7))
    await one.redis.xtrim(EVENTS, maxlen=0)
    assert await has_gap_after_two_looks(other)
    assert not await has_gap_after_two_looks(other)


async def test_a_trimmed_event_is_noticed_also_when_a_newer_one_was_read(two: tuple[Process, Process]) -> None:
    one, other = two
    await one.bus.announce(UserChanged(7))
    await one.redis.xtrim(EVENTS, maxlen=0)
    await one.bus.announce(OrderPublished(2))
    async with other.reading():
        await eventually(lambda: other.heard, "the newer event is heard")
    assert other.heard == [OrderPublished(2)]
    assert await has_gap_after_two_looks(other)


async def test_an_emptied_redis_is_noticed_and_listening_goes_on(two: tuple[Process, Process]) -> None:
    one, other = two
    async with other.reading():
        for order_id in (1, 2):
            await one.bus.announce(OrderPublished(order_id))
        await eventually(lambda: len(other.heard) == 2, "both are heard")
        await one.redis.flushall()
        assert await has_gap_after_two_looks(other)
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
        assert await has_gap_after_two_looks(other)
        assert not await has_gap_after_two_looks(other)


async def test_a_stream_that_began_under_an_earlier_clock_is_heard(two: tuple[Process, Process]) -> None:
    one, other = two
    await one.bus.announce(OrderPublished(1))
    async with other.reading():
        await eventually(lambda: other.heard, "the first is heard")
        await one.redis.flushall()
        await one.redis.xadd(EVENTS, {"event": b'{"kind":"order","order_id":2}'}, id="1-1")
        assert await has_gap_after_two_looks(other)
        await one.redis.xadd(EVENTS, {"event": b'{"kind":"order","order_id":3}'}, id="1-2")
        await eventually(lambda: OrderPublished(3) in other.heard, "the new stream is heard")


async def test_a_redis_that_was_away_leaves_a_doubt_and_is_heard_again(own_redis: Callable[[], RedisServer]) -> None:
    server = await asyncio.to_thread(own_redis)
    process = Process(server.url())
    await process.bus.start()
    supervisor = Supervisor(lambda _name: None)
    supervisor.serve("stream reader", partial(process.bus.read_forever, process.hear))
    await asyncio.to_thread(server.kill)
    await eventually(lambda: process.doubts, "the doubt is noticed")
    await eventually(lambda: supervisor.down, "the service is down")
    with pytest.raises(Unavailable):
        await process.bus.announce(OrderPublished(1))
    await asyncio.to_thread(server.start)
    await process.bus.announce(OrderPublished(2))
    await eventually(lambda: process.heard == [OrderPublished(2)], "the doorbell rings again")
    await eventually(lambda: not supervisor.down, "the service is up again")
    await supervisor.stop()
    await process.close()


async def test_a_beat_is_read_back(two: tuple[Process, Process]) -> None:
    one, other = two
    async with one.reading(), other.reading():
        await one.bus.probe()
        await other.bus.probe()
    assert one.heard == other.heard == []  # a beat is the bus's own business


async def test_a_stream_that_takes_beats_and_delivers_none_is_found_out(
    two: tuple[Process, Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus, "PROBE_TIMEOUT_S", 0.2)
    one, _ = two
    with pytest.raises(Unavailable, match="not read back"):
        await one.bus.probe()
    assert one.doubts == ["the stream delivered nothing"]
    async with one.reading():
        await one.bus.probe()


async def test_the_embedded_redis_is_enough_for_one_process() -> None:
    redis = connect("embedded://")
    process = Process("embedded://", redis)
    await process.bus.start()
    async with process.reading():
        for event in EVERY_KIND:
            await process.bus.announce(event)
        await eventually(lambda: process.heard == EVERY_KIND, "all is heard")
        await process.bus.probe()
        assert not await has_gap_after_two_looks(process)
    await process.close()


async def test_a_stop_in_the_middle_of_things_ends(two: tuple[Process, Process]) -> None:
    """Python 3.11's `wait_for`, which the Redis client sends under, can swallow a cancellation: one is not enough."""
    one, other = two
    for turns in range(40):
        supervisor = Supervisor(lambda _name: None)
        supervisor.serve("stream reader", partial(other.bus.read_forever, other.hear))
        await one.bus.announce(OrderPublished(turns + 1))
        for _ in range(turns):
            await asyncio.sleep(0)  # a turn of the loop later than the round before
        async with asyncio.timeout(10):
            await supervisor.stop()
