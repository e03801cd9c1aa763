"""The hub processes that share this database, and whether they share its Redis too.

Claims hold between processes of one Redis only. The invariant: no claim is made on a server while a live process
reports another one; a process whose Redis is merely out of reach reports none, and stops nobody.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from hub.errors import Unavailable
from hub.store import Store
from hub.store.installation import Peer

WRITTEN_WITHIN_S: Final = 5.0
LOOK_AGAIN_S: Final = 0.1
COMPARE: Final = "compare HUB_REDIS_URL and HUB_DATABASE_URL of both"

log = structlog.get_logger(__name__)


class Split(Unavailable):
    """Another live process of this database uses another Redis."""

    def __init__(self, others: list[Peer]) -> None:
        names = ", ".join(sorted(peer.name for peer in others))
        super().__init__("the family", f"hub process {names} has this database but another Redis: {COMPARE}")


class Family:
    """This process among those of its database. `split` stands while a live one reports another Redis."""

    def __init__(
        self,
        *,
        store: Store,
        identity: Callable[[], Awaitable[str]],
        present: Callable[[], Awaitable[set[str]]],
        process: str,
        unwritten: Callable[[], int],
    ) -> None:
        """`identity` asks the Redis of this process which server it is, `present` whom it has heard of there;
        `unwritten` is the depth of its ledger."""
        self._present = present
        self._store = store
        self._identity = identity
        self._unwritten = unwritten
        self._process = process
        self.split: Split | None = None
        self.gone = 0
        """How many processes have gone since this one began; some of them may have been killed."""
        self._known: set[str] = set()

    async def beat(self) -> None:
        """Writes that this process lives and which Redis it reaches, which proves that the database takes writes.
        Raises Unavailable."""
        try:
            server = await self._identity()
        except Unavailable:
            server = None
        await self._report(server)

    async def agree(self, server: str) -> None:
        """Before claims are made on this server: every live process is on it, or on none. Raises Unavailable, Split."""
        await self._report(server)
        await self.check()

    async def check(self) -> None:
        """Raises Split while a live process reports another Redis than this one."""
        if self.split is not None:
            raise self.split

    async def moment(self) -> int | None:
        """Now by the database's clock; None where no other process can be. Raises Unavailable."""
        return await self._store.installation.now_ms()

    async def wait_until_written(self, since_ms: int, is_over: Callable[[], Awaitable[bool]]) -> None:
        """Until every other live process has said, after that moment, that nothing waits in its ledger; or until one of
        them has seen to that. One that is cut off from the database, and heard of in Redis, is waited for too. Raises
        Unavailable when it takes too long."""
        until = time.monotonic() + WRITTEN_WITHIN_S
        while waiting := await self._waiting(since_ms):
            if await is_over():
                return
            if time.monotonic() > until:
                raise Unavailable("the record", f"hub process {', '.join(sorted(waiting))} has rows that wait")
            await asyncio.sleep(LOOK_AGAIN_S)

    async def _waiting(self, since_ms: int) -> set[str]:
        alive = {peer.name for peer in await self._store.installation.others(self._process)} | await self._present()
        return alive - {self._process} - await self._store.installation.written_since(since_ms)

    async def leave(self) -> None:
        """Takes this process out of the family. Raises Unavailable."""
        await self._store.installation.leave(self._process)

    async def _report(self, server: str | None) -> None:
        await self._store.installation.say_alive(self._process, server, self._unwritten())
        others = await self._store.installation.others(self._process)
        names = {peer.name for peer in others}
        self.gone += len(self._known - names)
        self._known = names
        elsewhere = [peer for peer in others if server and peer.redis and peer.redis != server]
        if elsewhere and self.split is None:
            log.error("the family is split: nothing is handed out", others=[peer.name for peer in elsewhere])
        self.split = Split(elsewhere) if elsewhere else None
