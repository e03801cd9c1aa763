"""What processes cost each other: events, `joined` announcements, a second's duties, a survey.

Used by `parts`, before rows and orders are there. Readers are this process's: their CPU is divided by their number.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from hub.cluster.bus import AT_ONCE, BLOCK_MS, Bus, Event, EventId, Joined, OrderPublished
from hub.cluster.redis import TIMEOUT_S, connect
from hub.runtime.readiness import PROBE_S
from hub.sessions.wire import Wire

from .part_loopback import connected
from .part_rig import Cost, Figure, Part, Rig

_EVENTS: Final = 100
_ANNOUNCEMENTS: Final = 20
_TICKS: Final = 5


async def measure(rig: Rig) -> list[Part | Figure]:
    """The costs of one process more."""
    await rig.empty_redis(is_complete=True)
    found = await _events(rig) + await _flood(rig) + await _joined(rig)
    return found + await _ticks_and_survey(rig)


class _Audience:
    """Some hub processes' ends of the stream, and how to wait until all have heard."""

    def __init__(self, rig: Rig, buses: list[Bus]) -> None:
        self._rig = rig
        self._buses = buses
        self._left = 0
        self._all_heard = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def listen(self) -> None:
        self._tasks = [asyncio.create_task(bus.read_forever(self._hear)) for bus in self._buses]

    async def stop(self) -> None:
        await _end(self._tasks)
        self._tasks = []

    def _hear(self, event: Event, event_id: EventId) -> None:
        if isinstance(event, Joined):
            self._rig.hub.arrivals.on_joined(event, event_id)
        self._left -= 1
        if not self._left:
            self._all_heard.set()

    def expect(self, events: int) -> None:
        self._left = events * len(self._buses)
        self._all_heard.clear()

    async def tell(self, event: Event) -> None:
        """Announces, and waits until everyone has heard."""
        self.expect(1)
        await self._rig.hub.bus.announce(event)
        await self._all_heard.wait()

    async def catch_up(self) -> None:
        """Listens from where it stopped until it has heard what was expected."""
        self.listen()
        await self._all_heard.wait()


@asynccontextmanager
async def _audience(rig: Rig, processes: int) -> AsyncIterator[_Audience]:
    readers = [connect(rig.hub.settings.redis_url, TIMEOUT_S + BLOCK_MS / 1_000) for _ in range(processes)]
    buses = [Bus(rig.hub.redis, reader, "bench", lambda _why: None) for reader in readers]
    for bus in buses:
        await bus.start()
    audience = _Audience(rig, buses)
    try:
        yield audience
    finally:
        await audience.stop()
        for reader in readers:
            await reader.aclose()


async def _heard(rig: Rig, event: Event, times: int, processes: int) -> Cost:
    async with _audience(rig, processes) as audience:
        audience.listen()

        async def ring(_number: int) -> None:
            for _ in range(times):
                await audience.tell(event)

        return await rig.meter.cost(times, ring)


def _one_more(alone: Cost, many: Cost, listeners: int, units: int = 1) -> Cost:
    """What each further process costs."""
    pairs = zip(vars(many).values(), vars(alone).values(), strict=True)
    return Cost(*(max(0.0, (more - one) / (listeners - 1) / units) for more, one in pairs))


async def _events(rig: Rig) -> list[Part | Figure]:
    event, many = OrderPublished(1), rig.sizes.readers
    alone = await _heard(rig, event, _EVENTS, 1)
    each = _one_more(alone, await _heard(rig, event, _EVENTS, many), many)
    return [
        Part("event", "an event announced and heard by one process", "event", alone),
        Part("event_more", f"each further process that hears it (of {many})", "event", each),
    ]


async def _flood(rig: Rig) -> list[Part | Figure]:
    """Announcements of single arrivals, one after the other; then a process that reads many of them at once."""
    event = Joined("another", [rig.users[0].user_id])

    async def announce(_number: int) -> None:
        for _ in range(AT_ONCE):
            await rig.hub.bus.announce(event)

    announced = await rig.meter.cost(AT_ONCE, announce)
    async with _audience(rig, 1) as audience:

        async def fill(number: int) -> None:
            await audience.stop()
            audience.expect(AT_ONCE)
            await announce(number)

        heard = await rig.meter.cost(AT_ONCE, lambda _: audience.catch_up(), prepare=fill)
    return [
        Part("announce", "an event announced, nobody listens", "event", announced),
        Part("hear_many", f"an event heard, {AT_ONCE} at a time", "event", heard),
    ]


async def _joined(rig: Rig) -> list[Part | Figure]:
    ids, many = [token.user_id for token in rig.users[: rig.sizes.chunk]], rig.sizes.readers
    event = Joined("another", ids)
    alone = await _heard(rig, event, _ANNOUNCEMENTS, 1)
    each = _one_more(alone, await _heard(rig, event, _ANNOUNCEMENTS, many), many, len(ids))
    return [Part("joined", f"an arrival of {len(ids):,} announced, each process that hears it", "arrival", each)]


async def _ticks_and_survey(rig: Rig) -> list[Part | Figure]:
    hub = rig.hub
    await hub.bus.start()
    await _all_duties(rig)

    async def tick(_number: int) -> None:
        for _ in range(_TICKS):
            await _all_duties(rig)

    empty = await rig.meter.cost(_TICKS, tick)
    async with connected(1) as (pair,):
        for token in rig.users:
            hub.registry.join(rig.session(token, Wire(pair.transport)))
        full = await rig.meter.cost(_TICKS, tick)
        called = await _survey(rig)
        for session in list(hub.registry):
            hub.registry.leave(session)
    a_session = (full.hub - empty.hub) / len(rig.users)
    return [
        Part("tick", "the duties of a second of a process, no order live", "process", empty),
        Figure("tick_session_us", "of its second, hub CPU a session", a_session, "µs"),
        Part("survey", "an agent in a survey, answer and question in one process", "agent", called),
    ]


async def _all_duties(rig: Rig) -> None:
    """What a process does each second, but for the beat, which somebody has to read back."""
    hub = rig.hub
    for duty in (*hub.upkeep.first, *hub.upkeep.later):
        if duty.every_s <= PROBE_S and duty.name != "stream":
            await hub.supervisor.once(duty)


async def _survey(rig: Rig) -> Cost:
    hub = rig.hub
    listener = asyncio.create_task(hub.bus.read_forever(hub.listener.hear))
    try:
        return await rig.meter.cost(len(rig.users), lambda _: hub.survey.agents())
    finally:
        await _end([listener])


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    """Cancels until they have ended: the client writes inside `wait_for`, which in Python 3.11 can swallow it once."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=0.1)
