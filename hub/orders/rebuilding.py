"""Rows that died with a process, rebuilt from the claims that it made.

A process that is killed takes with it what it had not written yet; who was given what still stands in Redis. The
invariant: after a process is gone, or this one has begun, every claim of an order that results are taken for has its
row. A poller's claim has none on purpose: its order was never given out without one.
"""

from dataclasses import dataclass
from typing import Final

import structlog

from hub.clock import Clock
from hub.cluster.claims import Claims
from hub.errors import Unavailable
from hub.model.delivery import POLLER, device_of, journal_of, takes_reports
from hub.model.records import OrderRow
from hub.orders.facts import ChunkSent
from hub.orders.family import Family
from hub.orders.ledger import Ledger
from hub.store import Store

AT_ONCE: Final = 1_000

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Holder:
    user_id: int
    device_id: str
    journal: str | None


class Rebuilding:
    """The rows of the dead. `strict`: a claim without a row was never sent, as rows are committed first."""

    def __init__(
        self, *, store: Store, claims: Claims, family: Family, ledger: Ledger, strict: bool, clock: Clock
    ) -> None:
        self._clock = clock
        self._store = store
        self._claims = claims
        self._family = family
        self._ledger = ledger
        self._is_strict = strict
        self._seen: int | None = None

    async def run(self) -> None:
        """Rebuilds what is missing, once at the start and once for each process that is gone. Raises Unavailable."""
        gone = self._family.gone
        if gone == self._seen:
            return
        now = self._clock()
        for row in await self._store.orders.recent(now):
            if takes_reports(row.order.expires_ms, now):
                await self._rebuild(row)
        self._seen = gone

    async def _rebuild(self, row: OrderRow) -> None:
        missing = await self._store.assignments.without_row(row.order.id, row.targets)
        for start in range(0, len(missing), AT_ONCE):
            if self._ledger.is_full:
                raise Unavailable("the record", "too much waits for the database")
            users = missing[start : start + AT_ONCE]
            found = zip(users, await self._claims.holders(row.order.id, users), strict=True)
            holders = [
                _Holder(user_id, device_of(holder), journal_of(holder))
                for user_id, holder in found
                if holder is not None and not holder.startswith(POLLER)
            ]
            if holders:
                unsent = frozenset(holder.user_id for holder in holders) if self._is_strict else frozenset[int]()
                self._ledger.sent(ChunkSent(row.order.id, self._clock(), holders, unsent))
                log.warning("rows are rebuilt from claims", order_id=row.order.id, rows=len(holders))
