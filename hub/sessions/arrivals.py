"""Sessions that have said hello: announced to the other processes, and handed on in batches.

A user has one session: of two processes that each have one, the one that was announced earlier ends its. The
invariants: who could not be announced is announced by a resync, and is the newer one until then; and a session keeps
the place that its first announcement gave it, so that of two never both end, and never the newer one.
"""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import zip_longest
from typing import Final

import structlog

from hub.cluster.bus import Bus, EventId, Joined
from hub.errors import Unavailable
from hub.runtime import memory
from hub.runtime.gathering import Gathering
from hub.sessions.account_changes import AccountChanges
from hub.sessions.registry import Registry, Session
from hub.sessions.resync import Resync
from protocol import closes

GATHER_S: Final = 0.005
CROWD_GATHER_S: Final = 0.05
"""How long arrivals are gathered, longer once a crowd comes: it then costs one announcement and one claim script an
order for fifty, not for five."""

log = structlog.get_logger(__name__)


class Arrivals:
    """The sessions of this process that have just joined."""

    def __init__(self, *, registry: Registry, bus: Bus, changes: AccountChanges, resync: Resync, process: str) -> None:
        self._registry = registry
        self._bus = bus
        self._changes = changes
        self._resync = resync
        self._process = process
        self._waiting: list[Session] = []
        self._someone_waits = asyncio.Event()
        self._announcing = asyncio.Lock()

    def add(self, session: Session) -> None:
        """The session has said hello."""
        self._waiting.append(session)
        self._someone_waits.set()

    async def serve(self, catch_up: Callable[[list[Session]], Awaitable[None]]) -> None:
        """Announces those who came within the same moment, and hands them to `catch_up`."""
        gathering = Gathering(GATHER_S, CROWD_GATHER_S)
        while True:
            await self._someone_waits.wait()
            await gathering.pause()
            gathering.takes(len(self._waiting))
            await self._take_batch(catch_up)

    async def _take_batch(self, catch_up: Callable[[list[Session]], Awaitable[None]]) -> None:
        """A function of its own, so that nothing holds the last batch's sessions while nobody comes."""
        taken = len(self._waiting)
        batch = [session for session in self._waiting if session.closed is None]
        self._changes.arrivals(batch)
        await self._announce_or_doubt(batch)
        if len(batch) >= memory.STORM:
            memory.set_aside()
        await catch_up([session for session in batch if session.closed is None])
        # Only now: a failure above must not lose them.
        del self._waiting[:taken]
        if not self._waiting:
            self._someone_waits.clear()

    async def announce_everyone(self) -> None:
        """Tells the other processes of everyone who is here. Raises Unavailable."""
        await self._announce(list(self._registry))

    def on_joined(self, event: Joined, event_id: EventId) -> None:
        """Ends sessions here whose users have newer ones at another process."""
        if event.process == self._process:
            return
        for user_id, since in zip_longest(event.user_ids, event.since):
            session = self._registry.get(user_id)
            # Not announced yet means that ours is the newer one: its own event will come after this one.
            if session is not None and session.announced is not None and session.announced < (since or event_id):
                self._registry.close(session, closes.SESSION_REPLACED)

    async def _announce_or_doubt(self, batch: list[Session]) -> None:
        try:
            await self._announce(batch)
        except Unavailable as error:
            self._resync.request("arrivals were not announced")
            log.warning("arrivals not announced yet", sessions=len(batch), error=str(error))

    async def _announce(self, sessions: list[Session]) -> None:
        if not sessions:
            return
        async with self._announcing:  # a session whose first announcement is under way has no place yet
            since = [session.announced for session in sessions]
            joined = Joined(self._process, [session.user_id for session in sessions], since if any(since) else [])
            event_id = await self._bus.announce(joined)
            for session in sessions:
                session.announced = session.announced or event_id
