"""Orders and cancels found in the database that nobody told this process of.

The invariant: whatever the stream does, an order that is committed is known here within a second of the database's
answer, and a cancelled one is handed out no more.
"""

from collections.abc import Callable

from hub.clock import Clock
from hub.model.records import CANCELLED, OrderRow
from hub.orders.live import CANCELLED_BY_ADMIN, LiveOrders
from hub.store import Store


class Loading:
    """Asks the database for live orders. `track` and `cancel` are the story's."""

    def __init__(
        self,
        *,
        store: Store,
        live: LiveOrders,
        track: Callable[[OrderRow], None],
        cancel: Callable[[int, str], None],
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._store = store
        self._live = live
        self._track = track
        self._cancel = cancel
        self._has_loaded = False

    async def load(self) -> None:
        """Tracks every order that the database has and this process does not know. Raises Unavailable."""
        rows = await (self._store.orders.live() if self._has_loaded else self._store.orders.recent(self._clock()))
        for row in rows:
            self._track(row)
        self._has_loaded = True
        await self._notice_cancels({row.order.id for row in rows})

    async def _notice_cancels(self, live_ids: set[int]) -> None:
        """An order that is open here but not live in the database was cancelled, and the doorbell did not ring."""
        doubtful = [live.order.id for live in self._live.open(self._clock()) if live.order.id not in live_ids]
        if doubtful:
            for order_id, row in (await self._store.orders.get_many(doubtful)).items():
                if row.status == CANCELLED:
                    self._cancel(order_id, CANCELLED_BY_ADMIN)
