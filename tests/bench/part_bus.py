"""What processes cost each other: events, `joined` announcements, the caretaker's second, a roll call.

Used by `parts`, before rows and orders are there. Readers are this process's: their CPU is divided by their number.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from hub.bus import BLOCK_MS, Bus, Event, EventId, Joined, OrderPublished
from hub.outbox import Outbox
from hub.redis import PATIENCE_S, connect

from .part_rig import Cost, Figure, Part, Rig

_EVENTS: Final = 100
_ANNOUNCEMENTS: Final = 20
_TICKS: Final = 5


async def measure(rig: Rig, outbox: Outbox) -> list[Part | Figure]:
    """`outbox` stands under every session that is registered meanwhile."""
    await rig.empty_redis(is_complete=True)
    found = await _events(rig) + await _joined(rig)
    return found + await _ticks_and_roll_call(rig, outbox)


class _Audience:
    """Some hub processes' ends of the stream, and how to wait until all have heard."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._left = 0
        self._all_heard = asyncio.Event()

    async def hear(self, event: Event, event_id: EventId) -> None:
        if isinstance(event, Joined):
            self._rig.hub.dispatch.heard_joined(event, event_id)
        self._left -= 1
        if not self._left:
            self._all_heard.set()

    async def tell(self, event: Event, listeners: int) -> None:
        self._left = listeners
        self._all_heard.clear()
        await self._rig.hub.bus.announce(event)
        await self._all_heard.wait()


@asynccontextmanager
async def _listening(rig: Rig, listeners: int) -> AsyncIterator[_Audience]:
    audience = _Audience(rig)
    readers = [connect(rig.hub.settings.redis_url, PATIENCE_S + BLOCK_MS / 1_000) for _ in range(listeners)]
    buses = [Bus(rig.hub.redis, reader) for reader in readers]
    for bus in buses:
        await bus.start()
    tasks = [asyncio.create_task(bus.read_forever(audience.hear)) for bus in buses]
    try:
        yield audience
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for reader in readers:
            await reader.aclose()


async def _heard(rig: Rig, event: Event, times: int, listeners: int) -> Cost:
    async with _listening(rig, listeners) as audience:

        async def ring(_number: int) -> None:
            for _ in range(times):
                await audience.tell(event, listeners)

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


async def _joined(rig: Rig) -> list[Part | Figure]:
    ids, many = [token.user_id for token in rig.users[: rig.sizes.chunk]], rig.sizes.readers
    event = Joined("another", ids)
    alone = await _heard(rig, event, _ANNOUNCEMENTS, 1)
    each = _one_more(alone, await _heard(rig, event, _ANNOUNCEMENTS, many), many, len(ids))
    return [Part("joined", f"an arrival of {len(ids):,} announced, each process that hears it", "arrival", each)]


async def _ticks_and_roll_call(rig: Rig, outbox: Outbox) -> list[Part | Figure]:
    hub = rig.hub
    await hub.bus.start()
    await hub.caretaker.tick()

    async def tick(_number: int) -> None:
        for _ in range(_TICKS):
            await hub.caretaker.tick()

    empty = await rig.meter.cost(_TICKS, tick)
    for token in rig.users:
        hub.registry.join(rig.session(token, outbox))
    full = await rig.meter.cost(_TICKS, tick)
    listener = asyncio.create_task(hub.bus.read_forever(hub.hear))
    called = await rig.meter.cost(len(rig.users), lambda _: hub.roll_call.agents())
    listener.cancel()
    await asyncio.gather(listener, return_exceptions=True)
    for session in list(hub.registry):
        hub.registry.leave(session)
    a_session = (full.hub - empty.hub) / len(rig.users)
    return [
        Part("tick", "the caretaker's second of a process, no order live", "process", empty),
        Figure("tick_session_us", "of its second, hub CPU a session", a_session, "µs"),
        Part("roll_call", "an agent in a roll call (answer and question in one process)", "agent", called),
    ]
