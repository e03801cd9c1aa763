"""The orders that this process knows and that can still matter: in window, or within the hour after it.

The invariants: an order is tracked once; which connection was sent it, and when, stands here, so that no connection
gets the same order twice; a cancel that comes before its order is remembered for it; and what is kept of an order after
its window takes a tenth of what it took in it, since an hour of them is kept.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from hub.model.delivery import LONGEST_LIFE_MS, REPORTING_MS, is_in_window
from hub.model.records import CANCELLED, ORDER_EXPIRED, OrderRow
from hub.orders.packed import Packed
from hub.sessions.registry import Session
from protocol.messages import Order

CANCELLED_BY_ADMIN: Final = "cancelled by the admin"
"""The reason where only the database says that an order was cancelled."""
PACK_MS: Final = 5_000
"""So long after its window nearly all of an order's acks have come, and it is packed."""


@dataclass(slots=True)
class LiveOrder:
    """An order, and what this process has done with it. `sent`: to which session, and when.

    `is_over`: another process had seen its window end when this one came to know it, whatever our clock says. The
    sweeps after it are that process's; should it have died, the late sweep does them.
    """

    order: Order
    targets: frozenset[int] | Packed | None
    cancelled: str | None = None
    is_over: bool = False
    sent: dict[Session, int] = field(default_factory=dict)
    acked: set[int] = field(default_factory=set)
    pulled: set[int] = field(default_factory=set)
    sweeps: int = 0
    packed: tuple[Packed, Packed] | None = None
    """The numbers of the sessions it was sent to and the ids of the users who acked it, once it is packed."""

    def may_go_out(self, now_ms: int) -> bool:
        """Whether it may still be handed out."""
        is_closed = self.cancelled is not None or self.is_over or self.packed is not None
        return not is_closed and is_in_window(self.order, now_ms)

    def is_meant_for(self, user_id: int) -> bool:
        """Whether the user is among its targets."""
        return self.targets is None or user_id in self.targets

    def was_sent(self, session: Session) -> bool:
        """Whether this connection was given its frame."""
        return session in self.sent or (self.packed is not None and session.number in self.packed[0])

    def is_with(self, session: Session) -> bool:
        """Whether the device has it: sent over this connection, or in its journal from an earlier one."""
        return self.was_sent(session) or (self.order.id in session.have and self.is_meant_for(session.user_id))

    def note_acked(self, user_id: int) -> bool:
        """The user's device has it on disk; True the first time."""
        if user_id in self.acked or (self.packed is not None and user_id in self.packed[1]):
            return False
        self.acked.add(user_id)
        return True

    def pack(self) -> None:
        """It goes out no more."""
        self.packed = Packed([session.number for session in self.sent]), Packed(self.acked)
        self.sent, self.acked, self.pulled = {}, set(), set()

    def note_sent(self, sessions: Iterable[Session], at_ms: int) -> None:
        """These connections were given its frame."""
        self.sent.update(dict.fromkeys(sessions, at_ms))


class LiveOrders:
    """By id, oldest first."""

    def __init__(self) -> None:
        self._orders: dict[int, LiveOrder] = {}
        self._cancelled_before: dict[int, tuple[str, int]] = {}
        self._targets = Packed()

    def __contains__(self, order_id: int) -> bool:
        return order_id in self._orders

    def __len__(self) -> int:
        return len(self._orders)

    def __iter__(self) -> Iterator[LiveOrder]:
        return iter(self._orders.values())

    def get(self, order_id: int) -> LiveOrder | None:
        return self._orders.get(order_id)

    def track(self, row: OrderRow) -> LiveOrder | None:
        """Takes the order in; None when it is known already."""
        if row.order.id in self._orders:
            return None
        targets = frozenset(row.targets) if row.targets is not None else None
        cancelled = CANCELLED_BY_ADMIN if row.status == CANCELLED else None
        if row.order.id in self._cancelled_before:
            cancelled = self._cancelled_before.pop(row.order.id)[0]
        live = LiveOrder(row.order, targets, cancelled, is_over=row.status == ORDER_EXPIRED)
        self._orders[row.order.id] = live
        return live

    def cancel(self, order_id: int, reason: str, now_ms: int) -> LiveOrder | None:
        """Cancels the order, also if it is not known yet; returns it if this call cancelled it."""
        live = self._orders.get(order_id)
        if live is None:
            self._cancelled_before.setdefault(order_id, (reason, now_ms))
            return None
        if live.cancelled is not None:
            return None
        live.cancelled = reason
        return live

    def open(self, now_ms: int) -> list[LiveOrder]:
        """Those that may still be handed out."""
        return [live for live in self._orders.values() if live.may_go_out(now_ms)]

    def over(self, now_ms: int) -> list[LiveOrder]:
        """Those whose window has ended."""
        return [live for live in self._orders.values() if not is_in_window(live.order, now_ms)]

    def leave(self, session: Session) -> None:
        """The connection is gone: what it was sent and did not acknowledge may be sent to its device again."""
        for live in self._orders.values():
            live.sent.pop(session, None)

    def pack(self, now_ms: int) -> None:
        """Packs those whose window ended a moment ago. Targets that are those of the one before are kept once."""
        for live in self._orders.values():
            if live.packed is None and live.order.expires_ms + PACK_MS <= now_ms:
                live.pack()
                if isinstance(live.targets, frozenset):
                    own = Packed(live.targets)
                    self._targets = live.targets = self._targets if own == self._targets else own

    def drop_old(self, now_ms: int) -> list[int]:
        """Forgets those that no result is taken for any more; returns their ids."""
        old = [order_id for order_id, live in self._orders.items() if live.order.expires_ms + REPORTING_MS <= now_ms]
        for order_id in old:
            del self._orders[order_id]
        early = [order_id for order_id, (_, at) in self._cancelled_before.items() if at + LONGEST_LIFE_MS <= now_ms]
        for order_id in early:
            del self._cancelled_before[order_id]
        return old
