"""How a position ends: estimated from the index at first, confirmed by a list or the income history."""

import asyncio
import time
from decimal import Decimal
from typing import Any

import pytest

from agent.model.engine import Entry, Settlement, State, Submitted
from tests.exchange.account import Position
from tests.exchange.server import Exchange
from tests.services.waiting import eventually

from .conftest import Desk, Open
from .trading import RATIO, STAKE, entry

TEN_MINUTES_MS = 600_000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def standing(ends_in_ms: int = 300, **changes: Any) -> Entry:
    """A position of ten minutes that ends so soon."""
    at_ms = now_ms() - TEN_MINUTES_MS + ends_in_ms
    given = {"state": State.DONE, "outcome": "success", "exchange_order_id": "7000000001", **changes}
    return entry(at_ms=at_ms, entry_price=Decimal("100000.00"), **given)


def listed(exchange: Exchange, one: Entry, end: str | None) -> None:
    """The same position in the exchange's books, ended at that price."""
    at_ms = one.submitted_wall_ms or 0
    marks = (one.order.time_increments, one.order.symbol_name, RATIO, one.order.direction, at_ms)
    exchange.account.positions.append(
        Position(7_000_000_001, STAKE, *marks, Decimal("100000.00"), at_ms + TEN_MINUTES_MS, end and Decimal(end))
    )


@pytest.fixture
async def watching(desk: Desk) -> Desk:
    """With the price stream open."""
    await desk.prices.start()
    await eventually(lambda: desk.prices.price("BTCUSDT"), "the first price", 5)
    return desk


@pytest.mark.parametrize(
    ("end", "direction", "result", "profit"),
    [
        ("100000.01", "LONG", "won", "4.00"),
        ("99999.99", "LONG", "lost", "-5"),
        ("99999.99", "SHORT", "won", "4.00"),
        ("100000.00", "LONG", "tie", "0"),
        ("100000.00", "SHORT", "tie", "0"),
    ],
)
async def test_until_a_list_says_more_it_is_estimated_from_the_index(
    watching: Desk, exchange: Exchange, end: str, direction: str, result: str, profit: str
) -> None:
    exchange.prices.set("BTCUSDT", Decimal(end))
    one = standing(direction=direction)
    settled = await watching.driver.settle(one)
    assert settled == Settlement((one.submitted_wall_ms or 0) + TEN_MINUTES_MS, result, "estimated", Decimal(profit))


@pytest.mark.parametrize(("end", "result"), [("100001", "won"), ("99999", "lost"), ("100000.00", "tie")])
async def test_a_list_confirms(watching: Desk, exchange: Exchange, end: str, result: str) -> None:
    one = standing()
    listed(exchange, one, end)
    settled = await watching.driver.settle(one)
    assert settled is not None
    assert (settled.result, settled.source) == (result, "confirmed")


async def test_an_estimate_is_confirmed_later(desk: Desk, exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.drivers.binance.driver.CONFIRMED_AFTER_S", (0.05,) * 100)
    one = standing(-1_000, source="estimated")
    waiting = asyncio.create_task(desk.driver.settle(one))
    await eventually(lambda: exchange.witness.of(desk.facts.paths.closed), "the list was asked", 5)
    assert not waiting.done()
    listed(exchange, one, "100001")
    settled = await asyncio.wait_for(waiting, 5)
    assert settled is not None
    assert (settled.result, settled.source) == ("won", "confirmed")


async def test_a_profit_that_none_of_the_three_gives_confirms_nothing(
    watching: Desk, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.drivers.binance.driver.CONFIRMED_AFTER_S", ())
    one = standing(source="estimated")
    listed(exchange, one, "100001")
    exchange.account.positions[0].ratio = Decimal("0.5")
    assert await watching.driver.settle(one) is None


async def test_an_end_that_nobody_saw_is_not_estimated(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.drivers.binance.driver.CONFIRMED_AFTER_S", ())
    assert await desk.driver.settle(standing(-60_000)) is None


async def test_after_three_days_nobody_is_asked_any_more(desk: Desk, exchange: Exchange) -> None:
    assert await desk.driver.settle(standing(-3 * 86_400_000 - 1_000)) is None
    assert exchange.witness.of(desk.facts.paths.closed) == []


async def test_a_cancelled_wait_may_be_asked_again(watching: Desk) -> None:
    one = standing(500)
    waiting = asyncio.create_task(watching.driver.settle(one))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    settled = await watching.driver.settle(one)
    assert settled is not None


@pytest.mark.parametrize(("end", "result"), [("100001", "won"), ("100000.00", "tie")])
async def test_the_income_history_confirms_what_was_paid(
    open_desk: Open, exchange: Exchange, end: str, result: str
) -> None:
    desk = open_desk(bound=False, with_history=True)
    one = standing(-1_000)
    listed(exchange, one, end)
    settled = await desk.driver.settle(one)
    assert settled is not None
    assert (settled.result, settled.source) == (result, "confirmed")


async def test_that_nothing_was_paid_confirms_no_loss(
    open_desk: Open, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.drivers.binance.driver.CONFIRMED_AFTER_S", ())
    desk = open_desk(bound=False, with_history=True)
    one = standing(-1_000)
    listed(exchange, one, "99999")
    assert await desk.driver.settle(one) is None


async def test_the_price_at_the_order_is_kept_with_it(watching: Desk, exchange: Exchange) -> None:
    exchange.faults.arm("no-id")
    answer = await watching.submit()
    assert isinstance(answer, Submitted)
    assert answer.exchange_order_id is None
    assert answer.entry_price == exchange.prices.of("BTCUSDT")
