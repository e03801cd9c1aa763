"""Of two processes that each have a session of a user exactly one ends its, the older, whatever is announced again."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from redis.asyncio import Redis

from hub.cluster.bus import Bus, Event, EventId, Joined
from hub.cluster.redis import connect
from hub.runtime.background import Background
from hub.sessions.account_changes import AccountChanges
from hub.sessions.arrivals import Arrivals
from hub.sessions.registry import Registry, Session
from hub.sessions.resync import Resync
from protocol.closes import SESSION_REPLACED
from tests.services.waiting import eventually

from ..cluster.test_bus import end
from .test_registry import session


@dataclass
class Process:
    """A hub process's sessions on a real Redis; what it reads from the stream it hears when the test says."""

    name: str
    redis: Redis
    registry: Registry = field(default_factory=Registry)
    came: list[tuple[Event, EventId]] = field(default_factory=list)

    def __post_init__(self) -> None:
        resync = Resync()
        self.bus = Bus(self.redis, self.redis, self.name, resync.request)
        self.arrivals = Arrivals(
            registry=self.registry,
            bus=self.bus,
            changes=_NoChanges(),  # type: ignore[arg-type]
            resync=resync,
            process=self.name,
        )

    async def joins(self, user_id: int) -> Session:
        """A session that is announced, and handed on."""
        new = session(user_id, self.name)
        self.registry.join(new)
        self.arrivals.add(new)
        await eventually(lambda: new.announced, "the session is announced")
        return new

    def hears_all(self) -> None:
        """What has come, in its order."""
        for event, event_id in self.came:
            if isinstance(event, Joined):
                self.arrivals.on_joined(event, event_id)
        self.came.clear()


class _NoChanges(AccountChanges):
    """No account was changed."""

    def __init__(self) -> None:
        super().__init__(
            clock=lambda: 0,
            store=None,  # type: ignore[arg-type]
            bus=None,  # type: ignore[arg-type]
            announcements=None,  # type: ignore[arg-type]
            recheck=None,  # type: ignore[arg-type]
            resync=Resync(),
            background=Background(),
        )


@pytest.fixture
async def two(redis_url: str) -> AsyncIterator[tuple[Process, Process]]:
    processes = Process("one", connect(redis_url, 5)), Process("other", connect(redis_url, 5))
    tasks = []
    for process in processes:
        await process.bus.start()
        reading = process.bus.read_forever(lambda event, at, came=process.came: came.append((event, at)))
        tasks.append(asyncio.create_task(process.arrivals.serve(_nobody_catches_up)))
        tasks.append(asyncio.create_task(reading))
    yield processes
    for task in tasks:
        await end(task)
    for process in processes:
        await process.redis.aclose()


async def _nobody_catches_up(_sessions: list[Session]) -> None:
    pass


async def test_who_is_announced_again_does_not_become_the_newer(two: tuple[Process, Process]) -> None:
    """Found by a storm on a busy machine: both computers of a trader were told that the other one is newer."""
    one, other = two
    older = await one.joins(7)
    newer = await other.joins(7)
    await one.arrivals.announce_everyone()
    await eventually(lambda: len(one.came) == len(other.came) == 3, "all is read by both")
    one.hears_all()
    other.hears_all()
    assert older.closed is SESSION_REPLACED
    assert newer.closed is None
    assert other.registry.get(7) is newer


async def test_both_announce_again_and_one_stays(two: tuple[Process, Process]) -> None:
    one, other = two
    older, newer = await one.joins(7), await other.joins(7)
    await asyncio.gather(*(process.arrivals.announce_everyone() for process in two for _ in range(2)))
    await eventually(lambda: len(one.came) == len(other.came) == 6, "all is read by both")
    for process in two:
        process.hears_all()
    assert (older.closed, newer.closed) == (SESSION_REPLACED, None)


async def test_an_announcement_of_an_older_hub_counts_from_its_own_moment(two: tuple[Process, Process]) -> None:
    one, other = two
    older = await one.joins(7)
    await other.bus.announce(Joined("older version", [6, 7]))
    await eventually(lambda: len(one.came) == 2, "it is read")
    one.hears_all()
    assert older.closed is SESSION_REPLACED
