"""The orders that this process knows and that can still matter: in window, or within the hour after it.

The stories read and fill it. The invariant: an order is learned once; who was sent it over which connection
stands here, so that no connection gets the same order twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from hub.delivery import REPORTING_MS, is_in_window
from hub.registry import Session
from hub.store.records import OrderRow
from protocol.messages import Order


@dataclass(slots=True)
class LiveOrder:
    """An order, and what this process has done with it."""

    order: Order
    targets: frozenset[int] | None
    cancelled: str | None = None
    sent_ms: int | None = None
    sent: set[Session] = field(default_factory=set)
    acked: set[int] = field(default_factory=set)
    pulled: set[int] = field(default_factory=set)
    sweeps: int = 0

    def may_go_out(self, now_ms: int) -> bool:
        return self.cancelled is None and is_in_window(self.order, now_ms)

    def is_meant_for(self, user_id: int) -> bool:
        return self.targets is None or user_id in self.targets


class LiveOrders:
    """By id, oldest first."""

    def __init__(self) -> None:
        self._orders: dict[int, LiveOrder] = {}

    def __contains__(self, order_id: int) -> bool:
        return order_id in self._orders

    def __len__(self) -> int:
        return len(self._orders)

    def __iter__(self) -> Iterator[LiveOrder]:
        return iter(self._orders.values())

    def get(self, order_id: int) -> LiveOrder | None:
        return self._orders.get(order_id)

    def learn(self, row: OrderRow) -> LiveOrder | None:
        """The order, if it is new here."""
        if row.order.id in self._orders:
            return None
        targets = frozenset(row.targets) if row.targets is not None else None
        live = LiveOrder(row.order, targets, cancelled=None if row.is_live else "cancelled")
        self._orders[row.order.id] = live
        return live

    def open(self, now_ms: int) -> list[LiveOrder]:
        """Those that may still be handed out."""
        return [live for live in self._orders.values() if live.may_go_out(now_ms)]

    def over(self, now_ms: int) -> list[LiveOrder]:
        """Those whose window has ended."""
        return [live for live in self._orders.values() if not is_in_window(live.order, now_ms)]

    def drop_old(self, now_ms: int) -> list[int]:
        """Forgets those that no result is taken for any more; returns their ids."""
        old = [order_id for order_id, live in self._orders.items() if live.order.expires_ms + REPORTING_MS <= now_ms]
        for order_id in old:
            del self._orders[order_id]
        return old
