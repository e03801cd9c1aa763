"""The orders that a process knows: learned once, open in their window, over after it, forgotten an hour later."""

import sys

import msgspec
import pytest

from hub.model.delivery import REPORTING_MS
from hub.model.records import ASSIGNED, CANCELLED, ORDER_EXPIRED, PENDING, OrderRow
from hub.orders.live import PACK_MS, LiveOrders
from hub.orders.packed import Packed
from protocol.messages import Order

from .test_fanout import Box, session

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


def test_after_its_window_an_order_is_packed_and_what_was_done_with_it_is_still_known() -> None:
    orders = LiveOrders()
    first, second, late = (session(user, Box(int)) for user in (7, 8, 9))
    live = orders.track(row(targets=(7, 8)))
    assert live is not None
    live.note_sent([first, second], 2_000)
    assert live.note_acked(7)
    orders.pack(ENDS)
    assert live.packed is None  # acks are under way
    orders.pack(ENDS + PACK_MS)
    assert (live.sent, live.acked) == ({}, set())
    assert not live.may_go_out(ENDS - 1)  # whatever the clock says: who was sent it is looked up no more
    assert [live.was_sent(who) for who in (first, second, late)] == [True, True, False]
    assert [live.is_meant_for(user) for user in (7, 8, 9)] == [True, True, False]
    assert [live.note_acked(user) for user in (7, 8, 8)] == [False, True, False]


def test_an_hour_of_orders_to_the_same_people_keeps_them_once() -> None:
    orders = LiveOrders()
    everybody, half = tuple(range(1, 2_001)), tuple(range(1, 1_001))
    lives = [orders.track(row(order_id, targets=targets)) for order_id, targets in enumerate([everybody] * 3 + [half])]
    orders.pack(ENDS + PACK_MS)
    assert len({id(live.targets) for live in lives if live is not None}) == 2
    assert [live is not None and live.is_meant_for(1_001) for live in lives] == [True, True, True, False]


def test_packed_numbers_take_four_bytes_each_or_eight() -> None:
    small, large = Packed(range(1_000)), Packed([2**40, 5, 0])
    assert sys.getsizeof(small._numbers) < 4_500
    assert [number in small for number in (0, 999, 1_000)] == [True, True, False]
    assert [number in large for number in (0, 5, 6, 2**40)] == [True, True, False, True]
    assert 0 not in Packed()
    assert (Packed([2, 1]) == Packed([1, 2]), Packed([1]) == Packed([2])) == (True, False)
