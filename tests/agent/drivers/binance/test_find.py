"""What became of an order: found only where every mark agrees, and never a no."""

import asyncio
import time
from typing import Any

import pytest

from agent.model.engine import Submitted
from tests.exchange.server import Exchange

from .conftest import Desk, Open
from .trading import STAKE, entry


@pytest.fixture
async def lost(desk: Desk, exchange: Exchange) -> int:
    """An order that was taken and whose answer never came; when it was submitted."""
    exchange.faults.arm("cut-after-reading", times=1)
    at_ms = time.time_ns() // 1_000_000
    await desk.submit()
    assert len(exchange.account.positions) == 1
    return at_ms


async def test_an_order_whose_answer_was_lost_is_found_with_its_id_and_price(
    desk: Desk, exchange: Exchange, lost: int
) -> None:
    found = await desk.driver.find(entry(at_ms=lost))
    assert isinstance(found, Submitted)
    assert (found.exchange_order_id, found.entry_price) == ("7000000001", exchange.prices.of("BTCUSDT"))
    assert len(exchange.witness.orders) == 1


async def test_it_is_found_among_those_that_have_ended(desk: Desk, exchange: Exchange, lost: int) -> None:
    exchange.account.positions[0].ends_ms = lost
    exchange.account.settle_due()
    found = await desk.driver.find(entry(at_ms=lost))
    assert isinstance(found, Submitted)


@pytest.mark.parametrize(
    "change",
    [
        {"stake": STAKE + 1},
        {"symbol_name": "ETHUSDT"},
        {"direction": "SHORT"},
        {"time_increments": "ONE_HOUR"},
    ],
)
async def test_one_mark_that_differs_and_it_is_not_ours(desk: Desk, lost: int, change: dict[str, Any]) -> None:
    assert await desk.driver.find(entry(at_ms=lost, **change)) is None


@pytest.mark.parametrize("off_ms", [-21_000, 4_000])
async def test_another_time_and_it_is_not_ours(desk: Desk, lost: int, off_ms: int) -> None:
    assert await desk.driver.find(entry(at_ms=lost + off_ms)) is None


async def test_two_that_could_be_it_are_none(desk: Desk, lost: int) -> None:
    await desk.submit(2)
    assert await desk.driver.find(entry(at_ms=lost)) is None


async def test_one_that_is_known_to_be_anothers_is_not_counted(desk: Desk, lost: int) -> None:
    other = await desk.submit(2)
    assert isinstance(other, Submitted)
    desk.entries = [entry(2, lost, outcome="success", exchange_order_id=other.exchange_order_id)]
    found = await desk.driver.find(entry(at_ms=lost))
    assert isinstance(found, Submitted)
    assert found.exchange_order_id == "7000000001"


async def test_two_orders_that_both_lost_their_answer_stay_unknown(desk: Desk, lost: int) -> None:
    desk.entries = [entry(2, lost + 100, outcome="unknown")]
    assert await desk.driver.find(entry(1, lost)) is None


async def test_one_that_was_refused_for_certain_is_no_rival(desk: Desk, lost: int) -> None:
    desk.entries = [entry(2, lost + 100, outcome="failed")]
    assert await desk.driver.find(entry(1, lost)) is not None


async def test_what_was_never_taken_is_not_a_no(desk: Desk) -> None:
    assert await desk.driver.find(entry()) is None


@pytest.mark.parametrize("fault", ["503", "html", "401", "changed-fields", "cut-after-reading", "10-mb", "no-id"])
async def test_lists_that_go_wrong_say_nothing(desk: Desk, exchange: Exchange, lost: int, fault: str) -> None:
    exchange.faults.arm(fault, on="lists")
    assert await desk.driver.find(entry(at_ms=lost)) is None


async def test_the_second_page_is_read_too(open_desk: Open, exchange: Exchange) -> None:
    desk = open_desk(list_rows=2)
    await desk.driver.start()
    exchange.faults.arm("cut-after-reading", times=1)
    at_ms = time.time_ns() // 1_000_000
    await desk.submit()
    await asyncio.gather(*(desk.submit(number, symbol_name="ETHUSDT") for number in range(2, 5)))
    assert await desk.driver.find(entry(at_ms=at_ms)) is not None


async def test_the_income_history_finds_it_without_a_session(open_desk: Open, exchange: Exchange) -> None:
    desk = open_desk(with_history=True)
    await desk.driver.start()
    exchange.faults.arm("cut-after-reading", times=1)
    at_ms = time.time_ns() // 1_000_000
    await desk.submit()
    desk.kept = None
    await desk.sessions.check()
    found = await desk.driver.find(entry(at_ms=at_ms))
    assert isinstance(found, Submitted)
    assert found.data is not None
    assert found.data["source"] == "income"


async def test_the_income_history_is_no_proof_where_another_order_was_near(open_desk: Open, exchange: Exchange) -> None:
    desk = open_desk(with_history=True)
    await desk.driver.start()
    exchange.faults.arm("cut-after-reading", times=1)
    at_ms = time.time_ns() // 1_000_000
    await desk.submit()
    exchange.account.end_sessions()
    desk.entries = [entry(2, at_ms, direction="SHORT", outcome="success", exchange_order_id="1")]
    assert await desk.driver.find(entry(at_ms=at_ms)) is None
