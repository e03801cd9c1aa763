"""The way to a claim: on a server that the whole family uses and that holds all claims, restored where it does not.

The invariant: nothing is claimed between the loss of the claims and their restoration (`claim.lua` refuses), a
restoration that was itself overtaken by a loss is begun again, and none is made on a server that a live process of the
family does not use.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import structlog

from hub.clock import Clock
from hub.cluster.claims import KEPT_AFTER_WINDOW_S, Claims, Incomplete
from hub.orders.family import Family
from hub.orders.ledger import Ledger
from hub.store import Store
from protocol.messages import Order

SETTLE_S: Final = 0.4
"""Longer than the answer to a claim can be under way: after it, what was claimed before a loss is in the ledgers."""

log = structlog.get_logger(__name__)


class Claiming:
    """Claims of this process, and their restoration from the rows of orders in window. `check_clock` raises Unavailable
    while the family's clock is not to be trusted."""

    def __init__(
        self,
        *,
        store: Store,
        claims: Claims,
        ledger: Ledger,
        family: Family,
        check_clock: Callable[[], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._store = store
        self._claims = claims
        self._ledger = ledger
        self._family = family
        self._check_clock = check_clock
        self._restoring = asyncio.Lock()

    async def claim(self, order: Order, users: bytes, devices: bytes) -> bytes:
        """Claims one order for a chunk: ids and devices joined by commas. Returns a flag a user, as `Claims.claim`.
        Raises Unavailable."""
        while True:
            await self._family.check()
            await self._check_clock()
            try:
                return await self._claims.claim(order.id, order.valid_duration, users, devices)
            except Incomplete:
                await self.restore()

    async def restore(self) -> None:
        """Makes the claims complete, if they are not. Raises Unavailable."""
        async with self._restoring:
            while not await self._claims.is_complete():
                server, sign = await self._claims.begin_restoring()
                await self._family.agree(server)
                await self._restore(server, sign)

    async def _restore(self, server: str, sign: str) -> None:
        seconds = await self._seconds_to_keep()
        # A process that starts finds what was claimed on this server; only a loss, or another server, is made up for.
        is_new_here = self._claims.is_new and await self._claims.is_marked(server)
        if seconds and not is_new_here:
            await self._wait_for_rows(server)
        rows = await self._store.assignments.owners(seconds)
        if await self._claims.restore((server, sign), rows, seconds.__getitem__):
            log.info("claims restored from the database", orders=len(seconds), claims=len(rows))

    async def _wait_for_rows(self, server: str) -> None:
        """Until what every process had handed out before the loss is in the rows."""
        lost_ms = await self._family.moment()
        await asyncio.sleep(SETTLE_S)
        await self._ledger.flush()
        await self._family.agree(server)  # says as well that nothing of ours waits
        if lost_ms is not None:
            # Whoever marks the server first has waited for all of us: nobody waits for two.
            is_marked = partial(self._claims.is_marked, server)
            await self._family.wait_until_written(lost_ms + round(SETTLE_S * 1_000), is_marked)

    async def _seconds_to_keep(self) -> dict[int, int]:
        """Of each order that can still be claimed, for how long its claims matter."""
        now = self._clock()
        live = await self._store.orders.live()
        return {
            row.order.id: (row.order.expires_ms - now) // 1_000 + KEPT_AFTER_WINDOW_S
            for row in live
            if row.order.expires_ms > now
        }
