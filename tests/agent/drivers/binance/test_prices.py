"""The index price: as old as the exchange says, none where it is too old, and the stream comes back."""

import json
import random
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from agent.drivers.binance.network import proxy_of
from agent.drivers.binance.prices import IndexPrices
from agent.model.clock import Reading
from agent.world import World
from tests.exchange.server import Exchange
from tests.exchange.witness import now_ms
from tests.services.waiting import eventually

from .conftest import facts_for
from .proxy import LoopbackProxy


@pytest.fixture
async def prices(exchange: Exchange) -> AsyncIterator[IndexPrices]:
    prices = IndexPrices(facts_for(exchange.url), ["BTCUSDT", "ETHUSDT"])
    yield prices
    await prices.close()


class Steps:
    """A world whose clocks stand still until they are moved."""

    def __init__(self) -> None:
        self.ms = 1_000_000

    @property
    def world(self) -> World:
        async def sleep(_: float) -> None:
            raise AssertionError("nothing waits here")

        return World(lambda: Reading(monotonic_ms=self.ms, wall_ms=self.ms), sleep, random.Random(0))


def line(symbol: str, price: str, at_ms: int) -> bytes:
    return json.dumps({"stream": "x", "data": {"s": symbol, "i": price, "E": at_ms}}).encode()


async def test_all_symbols_come_by_one_connection(prices: IndexPrices, exchange: Exchange) -> None:
    assert prices.price("BTCUSDT") is None
    await prices.start()
    await eventually(lambda: prices.price("BTCUSDT") and prices.price("ETHUSDT"), "both prices", 5)
    assert prices.price("BTCUSDT") == exchange.prices.of("BTCUSDT")
    assert exchange.connections == 1
    assert exchange.witness.seen[0].path == "/stream"


async def test_a_stream_that_ends_is_opened_again(prices: IndexPrices, exchange: Exchange) -> None:
    await prices.start()
    await eventually(lambda: prices.price("BTCUSDT"), "the first price", 5)
    await exchange.prices.drop()
    exchange.prices.set("BTCUSDT", Decimal("101000"))
    await eventually(lambda: prices.price("BTCUSDT") == Decimal("101000"), "the price after it", 10)


async def test_through_the_proxy_too(exchange: Exchange, proxy: LoopbackProxy) -> None:
    prices = IndexPrices(facts_for(exchange.url), ["BTCUSDT"], proxy_of(proxy.url("socks5")))
    await prices.start()
    try:
        await eventually(lambda: prices.price("BTCUSDT"), "a price", 5)
    finally:
        await prices.close()
    assert len(proxy.served) == 1


def test_a_price_that_came_too_long_ago_is_none() -> None:
    steps = Steps()
    prices = IndexPrices(facts_for("http://127.0.0.1:1"), ["BTCUSDT"], world=steps.world)
    prices.note(line("BTCUSDT", "100.5", steps.ms))
    steps.ms += 3_000
    assert prices.price("BTCUSDT") == Decimal("100.5")
    steps.ms += 1
    assert prices.price("BTCUSDT") is None


async def test_at_a_moment_it_is_the_last_one_before_it() -> None:
    steps = Steps()
    prices = IndexPrices(facts_for("http://127.0.0.1:1"), ["BTCUSDT"], world=steps.world)
    for at_ms, price in ((1_000_000, "1"), (1_001_000, "2"), (1_002_000, "3"), (1_009_000, "4")):
        prices.note(line("BTCUSDT", price, at_ms))
    steps.ms = 1_020_000
    seen = {at_ms: await prices.at("BTCUSDT", at_ms) for at_ms in (999_999, 1_000_000, 1_001_500, 1_002_000, 1_006_000)}
    assert seen == {
        999_999: None,
        1_000_000: Decimal(1),
        1_001_500: Decimal(2),
        1_002_000: Decimal(3),
        1_006_000: None,  # there is a hole of seven seconds
    }
    assert await prices.at("DOGEUSDT", 1_000_000) is None


@pytest.mark.parametrize(
    "odd", [b"", b"{", b"[]", b"1", line("BTCUSDT", "-1", 1), line("BTCUSDT", "NaN", 1), b'{"data":3}']
)
def test_a_line_that_is_no_price_is_passed_over(odd: bytes) -> None:
    prices = IndexPrices(facts_for("http://127.0.0.1:1"), ["BTCUSDT"])
    prices.note(odd)
    assert prices.price("BTCUSDT") is None


def test_an_older_line_changes_nothing() -> None:
    prices = IndexPrices(facts_for("http://127.0.0.1:1"), ["BTCUSDT"])
    prices.note(line("BTCUSDT", "2", now_ms()))
    prices.note(line("BTCUSDT", "1", now_ms() - 5_000))
    assert prices.price("BTCUSDT") == Decimal(2)
