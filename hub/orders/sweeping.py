"""Windows that have ended: what is still open of their orders gets its outcome.

The invariant: what was never sent is `expired`; what was sent or acknowledged and not reported is `unknown`, after a
grace for reports under way; an order's rows are looked at again later, for those that were written late; and what a
process left open when it died is closed by whoever runs.
"""

from typing import Final

from hub.clock import Clock
from hub.orders.ledger import Ledger
from hub.orders.live import LiveOrder, LiveOrders
from hub.store import Store

SWEEPS_MS: Final = (0, 2_000, 10_000, 60_000)
"""How long after its window an order's unsent deliveries are closed: at once, and again for rows that came late. Those
that were sent are closed the same, a grace later."""


class Sweeping:
    """The sweeps of one process. `grace_ms`: how long after its window an order's report may be under way."""

    def __init__(self, *, store: Store, live: LiveOrders, ledger: Ledger, grace_ms: int, clock: Clock) -> None:
        self._clock = clock
        self._store = store
        self._live = live
        self._ledger = ledger
        self._dues = sorted([*SWEEPS_MS, *(grace_ms + after for after in SWEEPS_MS)])
        self._grace_ms = grace_ms

    async def sweep(self) -> None:
        """Closes what this process knows of. Raises Unavailable."""
        now = self._clock()
        due = [live for live in self._live.over(now) if not live.is_over and live.sweeps < self._sweeps_due(live, now)]
        if due:
            ids = [live.order.id for live in due]
            await self._store.orders.note_over(ids, now)
            await self._close([(live.order.id, live.order.expires_ms) for live in due], now)
            for live in due:
                live.sweeps = self._sweeps_due(live, now)
        self._live.pack(now)
        for order_id in self._live.drop_old(now):
            self._ledger.forget_order(order_id)

    async def sweep_old(self) -> None:
        """Closes rows that a process left open when it died, however long ago. Raises Unavailable."""
        now = self._clock()
        ids = await self._store.assignments.open_orders()
        rows = (await self._store.orders.get_many(ids)).values()
        await self._close([(row.order.id, row.order.expires_ms) for row in rows], now)

    async def _close(self, orders: list[tuple[int, int]], now: int) -> None:
        over = [order_id for order_id, expires_ms in orders if expires_ms <= now]
        long_over = [order_id for order_id, expires_ms in orders if expires_ms + self._grace_ms <= now]
        if over:
            await self._ledger.close_unsent(over)
        if long_over:
            await self._ledger.close_unheard(long_over)

    def _sweeps_due(self, live: LiveOrder, now: int) -> int:
        """How many of its sweeps should have been by now; a late one does for those before it."""
        return sum(live.order.expires_ms + after <= now for after in self._dues)
