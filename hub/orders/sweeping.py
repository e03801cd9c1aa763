"""Windows that have ended: what is still open of their orders gets its outcome.

The invariant: an order's rows are closed at the end of its window and again later, for rows that were written late; and
what a process left open when it died is closed by whoever runs.
"""

from typing import Final

from hub.clock import now_ms
from hub.model.delivery import LONGEST_LIFE_MS
from hub.orders.ledger import Ledger
from hub.orders.live import LiveOrder, LiveOrders
from hub.store import Store

SWEEPS_MS: Final = (0, 2_000, 10_000, 60_000)
"""How long after its window an order's open deliveries are closed: at once, and again for rows that came late."""


class Sweeping:
    """The sweeps of one process."""

    def __init__(self, *, store: Store, live: LiveOrders, ledger: Ledger) -> None:
        self._store = store
        self._live = live
        self._ledger = ledger

    async def sweep(self) -> None:
        """Closes what this process knows of. Raises Unavailable."""
        now = now_ms()
        due = [live for live in self._live.over(now) if not live.is_over and live.sweeps < _sweeps_due(live, now)]
        if due:
            ids = [live.order.id for live in due]
            await self._store.orders.note_over(ids, now)
            await self._ledger.close_overdue(ids)
            for live in due:
                live.sweeps = _sweeps_due(live, now)
        for order_id in self._live.drop_old(now):
            self._ledger.forget_order(order_id)

    async def sweep_old(self) -> None:
        """Closes rows that a process left open when it died. Raises Unavailable."""
        now = now_ms()
        ids = await self._store.assignments.open_orders(now - LONGEST_LIFE_MS)
        rows = (await self._store.orders.get_many(ids)).values()
        over = [row.order.id for row in rows if row.order.expires_ms <= now]
        if over:
            await self._ledger.close_overdue(over)


def _sweeps_due(live: LiveOrder, now: int) -> int:
    """How many of its sweeps should have been by now; a late one does for those before it."""
    return sum(live.order.expires_ms + after <= now for after in SWEEPS_MS)
