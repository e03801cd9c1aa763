"""The key that may only read: what it may do is asked before anything else."""

from typing import Any

import pytest

from agent.drivers.binance.history import History, HistoryKey
from agent.drivers.binance.network import Unreachable
from tests.exchange.history import KEY, SECRET
from tests.exchange.server import Exchange

from .conftest import facts_for


async def refusal(exchange: Exchange, key: HistoryKey | None = None) -> str | None:
    history = History(facts_for(exchange.url), key or HistoryKey(KEY, SECRET))
    try:
        refused = await history.refusal()
    finally:
        await history.close()
    return None if refused is None else refused.text()


async def test_a_key_that_may_only_read_is_taken(exchange: Exchange) -> None:
    assert await refusal(exchange) is None


@pytest.mark.parametrize("right", ["enableWithdrawals", "enableFutures", "enableSpotAndMarginTrading"])
async def test_a_key_that_may_do_more_is_refused_by_name_and_never_used(exchange: Exchange, right: str) -> None:
    exchange.history.may[right] = True
    assert right in (await refusal(exchange) or "")
    history = History(facts_for(exchange.url), HistoryKey(KEY, SECRET))
    assert await history.rows(0, 1) == []
    await history.close()
    assert exchange.witness.of("/fapi/v1/income") == []


@pytest.mark.parametrize("rights", [{}, {"enableReading": False}, {"enableReading": True, "enableFutures": "yes"}])
async def test_rights_that_are_not_said_clearly_are_refused(exchange: Exchange, rights: dict[str, Any]) -> None:
    exchange.history.may = rights
    assert await refusal(exchange) is not None


async def test_a_key_that_the_exchange_does_not_know_is_refused(exchange: Exchange) -> None:
    assert "status 401" in (await refusal(exchange, HistoryKey("k", "s")) or "")
    assert "status 400" in (await refusal(exchange, HistoryKey(KEY, "s")) or "")


async def test_an_exchange_that_does_not_answer_is_not_a_refusal(exchange: Exchange) -> None:
    exchange.faults.arm("cut-after-reading", on="history")
    with pytest.raises(Unreachable):
        await refusal(exchange)


def test_the_key_is_in_no_repr() -> None:
    assert repr(HistoryKey("MARKkey", "MARKsecret")) == "HistoryKey(…)"
