"""The orders that a process knows: learned once, open in their window, over after it, forgotten an hour later."""

import msgspec
import pytest

from hub.model.delivery import REPORTING_MS
from hub.model.records import ASSIGNED, CANCELLED, ORDER_EXPIRED, PENDING, OrderRow
from hub.orders.live import LiveOrders
from protocol.messages import Order

ENDS = 61_000


def row(order_id: int = 1, status: int = PENDING, targets: tuple[int, ...] | None = None) -> OrderRow:
    return OrderRow(Order(order_id, "TEN_MINUTE", "BTCUSDT", "LONG", 60, 1_000, ENDS), status, targets, None)


def test_an_order_is_learned_once_and_keeps_what_was_done_with_it() -> None:
    orders = LiveOrders()
    live = orders.track(row())
    assert live is not None
    live.acked.add(7)
    assert orders.track(msgspec.structs.replace(row(), status=CANCELLED)) is None
    assert orders.get(1) is live
    assert (1 in orders, 2 in orders, len(orders)) == (True, False, 1)


@pytest.mark.parametrize(
    ("status", "may_go_out"), [(PENDING, True), (ASSIGNED, True), (ORDER_EXPIRED, False), (CANCELLED, False)]
)
def test_only_a_live_order_goes_out(status: int, may_go_out: bool) -> None:
    orders = LiveOrders()
    orders.track(row(status=status))
    assert (len(orders.open(ENDS - 1)) == 1) == may_go_out


def test_the_window_ends_for_going_out_and_an_hour_later_for_being_known() -> None:
    orders = LiveOrders()
    orders.track(row())
    assert [live.order.id for live in orders.open(ENDS - 1)] == [1]
    assert orders.over(ENDS - 1) == []
    assert orders.open(ENDS) == []
    assert [live.order.id for live in orders.over(ENDS)] == [1]
    assert orders.drop_old(ENDS + REPORTING_MS - 1) == []
    assert orders.drop_old(ENDS + REPORTING_MS) == [1]
    assert list(orders) == []


def test_a_cancelled_order_goes_out_no_more() -> None:
    orders = LiveOrders()
    live = orders.track(row())
    assert live is not None
    live.cancelled = "wrong direction"
    assert orders.open(ENDS - 1) == []


def test_only_a_cancelled_order_is_called_so() -> None:
    orders = LiveOrders()
    learned = [
        orders.track(row(order_id, status)) for order_id, status in enumerate((PENDING, ORDER_EXPIRED, CANCELLED), 1)
    ]
    assert [live and live.cancelled is not None for live in learned] == [False, False, True]


def test_targets() -> None:
    orders = LiveOrders()
    for_all, for_two, for_none = (
        orders.track(row(1)),
        orders.track(row(2, targets=(7, 8))),
        orders.track(row(3, targets=())),
    )
    assert for_all is not None
    assert for_two is not None
    assert for_none is not None
    assert [for_all.is_meant_for(user) for user in (7, 9)] == [True, True]
    assert [for_two.is_meant_for(user) for user in (7, 9)] == [True, False]
    assert not for_none.is_meant_for(7)


def test_orders_are_kept_oldest_first() -> None:
    orders = LiveOrders()
    for order_id in (1, 2, 3):
        orders.track(row(order_id))
    assert [live.order.id for live in orders.open(ENDS - 1)] == [1, 2, 3]
