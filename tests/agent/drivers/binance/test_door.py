"""The function for scripts: one call, one request, and no doubt about what became of it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agent.drivers.binance.door import MayStand, NotPlaced, place_order_web
from tests.exchange.server import Exchange
from tests.services.process import free_port


async def place(exchange: Exchange, **changes: str) -> dict[str, Any]:
    session = exchange.log_in()
    marks = {
        "csrftoken": session.csrftoken,
        "p20t": session.p20t,
        "orderAmount": "5",
        "timeIncrements": "TEN_MINUTE",
        "symbolName": "BTCUSDT",
        "payoutRatio": "0.80",
        "direction": "LONG",
        **changes,
    }
    return await asyncio.to_thread(lambda: place_order_web(**marks))


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, exchange: Exchange) -> None:
    monkeypatch.setenv("AGENT_BINANCE_URL", exchange.url)
    monkeypatch.setenv("AGENT_DATA_DIR", str(tmp_path))


async def test_it_returns_the_answer_of_an_order_that_was_taken(exchange: Exchange) -> None:
    answer = await place(exchange)
    assert (answer["success"], answer["data"]["orderId"]) == (True, "7000000001")
    assert len(exchange.witness.orders) == 1


@pytest.mark.parametrize(
    ("change", "words"), [({"payoutRatio": "0.79"}, "Ratio has changed"), ({"p20t": "x"}, "Please log in first")]
)
async def test_it_returns_a_refusal_as_the_exchange_said_it(
    exchange: Exchange, change: dict[str, str], words: str
) -> None:
    answer = await place(exchange, **change)
    assert (answer["success"], answer["message"]) == (False, words)


@pytest.mark.parametrize("fault", ["cut-after-reading", "half-an-answer", "503", "unknown-code", "redirect", "10-mb"])
async def test_where_it_may_stand_it_raises(exchange: Exchange, fault: str) -> None:
    exchange.faults.arm(fault)
    with pytest.raises(MayStand):
        await place(exchange)
    assert len(exchange.witness.orders) == 1


async def test_where_nothing_has_left_it_says_so(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_BINANCE_URL", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(NotPlaced):
        await place(exchange)
