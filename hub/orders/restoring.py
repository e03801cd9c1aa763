"""Claims put back when Redis has lost its data.

The invariant: nothing is claimed between the loss of the claims and their restoration (`claim.lua` refuses), and a
restoration that was itself overtaken by a loss is begun again.
"""

import asyncio
from typing import Final

import structlog

from hub.clock import now_ms
from hub.cluster.claims import KEPT_AFTER_WINDOW_S, Claims
from hub.orders.ledger import Ledger
from hub.store import Store

SETTLE_S: Final = 0.4
"""Longer than rows wait to be written: after it, what other processes handed out before the loss is in the rows."""

log = structlog.get_logger(__name__)


class Restoring:
    """Makes the claims in Redis complete again, from the rows of orders in window."""

    def __init__(self, *, store: Store, claims: Claims, ledger: Ledger) -> None:
        self._store = store
        self._claims = claims
        self._ledger = ledger
        self._restoring = asyncio.Lock()

    async def restore_claims(self) -> None:
        """Makes the claims complete again. Raises Unavailable."""
        async with self._restoring:
            while not await self._claims.is_complete():
                sign = await self._claims.begin_restoring()
                await self._ledger.flush()
                await asyncio.sleep(SETTLE_S)
                seconds = await self._seconds_to_keep()
                rows = await self._store.assignments.owners(seconds)
                if await self._claims.restore(sign, rows, seconds.__getitem__):
                    log.info("claims restored from the database", orders=len(seconds), claims=len(rows))

    async def _seconds_to_keep(self) -> dict[int, int]:
        """Of each order that can still be claimed, for how long its claims matter."""
        now = now_ms()
        live = await self._store.orders.live()
        return {
            row.order.id: (row.order.expires_ms - now) // 1_000 + KEPT_AFTER_WINDOW_S
            for row in live
            if row.order.expires_ms > now
        }
