"""Live orders from a hub to the exchange's stand-in, by an agent that is built as a trader's is."""

import logging
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.app import _live_is_off
from agent.lines import line
from agent.model import events
from agent.model.account import Owner
from agent.model.consent import VERSION
from agent.model.engine import Mode, State
from agent.trading.accounts import Accounts
from agent.trading.controls import Controls
from agent.vault import MemoryVault
from tests.exchange.account import Session
from tests.exchange.server import Exchange
from tests.services.waiting import eventually

from .conftest import Trade
from .consenting import accept_live
from .hub_on_loopback import HubOnLoopback


@pytest.fixture
def vault(exchange: Exchange, hub: HubOnLoopback, tmp_path: Path) -> MemoryVault:
    """With a session that the exchange knows, of a trader who has switched live trading on."""
    accept_live(tmp_path / "data", hub.url, "alice", exchange.url)
    vault = MemoryVault()
    key = Accounts(tmp_path / "data").keys(Owner(hub.url, "alice"))[0]
    vault.put(key, "exchange_session", msgspec.json.encode(exchange.log_in()).decode())
    return vault


async def test_an_order_reaches_the_exchange_once_and_the_hub_hears_its_outcome(
    hub: HubOnLoopback, trade: Trade, exchange: Exchange, vault: MemoryVault
) -> None:
    async with trade(driver="binance-web", binance_url=exchange.url, vault=vault) as trader:
        await hub.push(hub.order(1))
        await eventually(lambda: trader.is_in(1, State.REPORTED), "the result is recorded")
        entry = trader.entry(1)
        assert (entry.driver, entry.mode, entry.outcome) == ("binance-web", Mode.LIVE, "success")
        assert entry.exchange_order_id == "7000000001"
        assert entry.entry_price == exchange.prices.of("BTCUSDT")
        assert len(exchange.witness.orders) == 1
        (told,) = trader.told(events.ExchangeSession)
        assert told.state == "bound"


async def test_without_a_session_an_order_is_rejected_and_nothing_is_sent(
    hub: HubOnLoopback, trade: Trade, exchange: Exchange, tmp_path: Path
) -> None:
    accept_live(tmp_path / "data", hub.url, "alice", exchange.url)
    async with trade(driver="binance-web", binance_url=exchange.url, vault=MemoryVault()) as trader:
        await hub.push(hub.order(1))
        await eventually(lambda: hub.results[1], "a result came")
        assert hub.results[1][0].outcome == "rejected"
        assert hub.results[1][0].message == "no session at the exchange: run agent bind"
        assert trader.told(events.ExchangeSession)[0].state == "unbound"
        assert exchange.witness.orders == []


async def test_a_session_that_ended_fails_one_order_and_rejects_the_next(
    hub: HubOnLoopback, trade: Trade, exchange: Exchange, vault: MemoryVault
) -> None:
    async with trade(driver="binance-web", binance_url=exchange.url, vault=vault):
        exchange.account.end_sessions()
        await hub.push(hub.order(1))
        await eventually(lambda: hub.results[1], "the first result came")
        await hub.push(hub.order(2))
        await eventually(lambda: hub.results[2], "the second result came")
        assert [hub.results[n][0].outcome for n in (1, 2)] == ["failed", "rejected"]
        assert len(exchange.witness.orders) == 1


@pytest.mark.parametrize("taken_by", ["paper", "binance-web"])
async def test_only_the_exchange_that_took_it_is_asked_what_became_of_it(
    hub: HubOnLoopback, trade: Trade, exchange: Exchange, vault: MemoryVault, taken_by: str
) -> None:
    exchange.faults.arm("never")
    slow: dict[str, Any] = {"binance_url": exchange.url, "vault": vault, "paper_latency_s": 60}
    async with trade(driver=taken_by, **slow) as trader:
        await hub.push(hub.order(1))
        await eventually(lambda: trader.is_in(1, State.SUBMITTING), "it is on its way")
        if taken_by == "binance-web":
            await eventually(lambda: exchange.account.positions, "it was taken")
    lists = ("/bapi/futures/v2/private/future/event-contract/ongoing-order-list",)
    before = len(exchange.witness.seen)
    other = {"paper": "binance-web", "binance-web": "paper"}[taken_by]
    async with trade(driver=other, binance_url=exchange.url, vault=vault) as trader:
        await eventually(lambda: trader.entry(1).outcome is not None, "it has an outcome")
        asked = [seen for seen in exchange.witness.seen[before:] if seen.path in lists]
        assert bool(asked) is (taken_by == "binance-web")
        assert trader.entry(1).outcome == {"paper": "unknown", "binance-web": "success"}[taken_by]
    assert len(exchange.witness.orders) == (taken_by == "binance-web")


def files_in(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


async def test_no_mark_of_the_session_is_in_a_file_a_message_a_line_or_an_event(
    hub: HubOnLoopback, trade: Trade, exchange: Exchange, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    session = Session("MARK" + "c" * 28, "web.1.MARKcookie", None)
    exchange.account.sessions[session.p20t] = session
    vault = MemoryVault()
    key = Accounts(tmp_path / "data").keys(Owner(hub.url, "alice"))[0]
    vault.put(key, "exchange_session", msgspec.json.encode(session).decode())
    accept_live(tmp_path / "data", hub.url, "alice", exchange.url)
    faults = ["echo", "half-an-answer", "html", "cut-after-reading", "unknown-code", "ratio-changed"]
    async with trade(driver="binance-web", binance_url=exchange.url, vault=vault) as trader:
        for number, fault in enumerate(faults, 1):
            exchange.faults.arm(fault, times=1)
            await hub.push(hub.order(number))
            await eventually(lambda number=number: hub.results[number], "a result came")
        lines = [line(event) for event in trader.events]
    heard = [hub.results, hub.acks, hub.hellos, hub.logins, trader.events, lines, caplog.text]
    files = files_in(tmp_path)
    assert len(exchange.witness.orders) == len(faults)
    assert "MARK" in repr(exchange.witness.seen), "the marks were on the wire"
    assert "MARK" not in repr(heard)
    assert {file.name for file in files} >= {"journal.db", "paper.db"}
    assert [file for file, held in files.items() if b"MARK" in held] == []


@pytest.mark.parametrize(
    ("accepted", "code"),
    [
        (None, "live.no_consent"),
        ("http://127.0.0.1:1", "live.other_exchange"),
    ],
)
def test_the_driver_itself_wants_consent_to_this_exchange(tmp_path: Path, accepted: str | None, code: str) -> None:
    controls = Controls(tmp_path, lambda: 0)
    if accepted is not None:
        controls.give_consent(VERSION, accepted)
    refused = _live_is_off(controls, "https://www.exchange.invalid")
    controls.close()
    assert refused is not None
    assert refused.code == code


async def test_consent_that_is_withdrawn_while_it_runs_stops_the_next_order(
    hub: HubOnLoopback, trade: Trade, exchange: Exchange, vault: MemoryVault, tmp_path: Path
) -> None:
    async with trade(driver="binance-web", binance_url=exchange.url, vault=vault) as trader:
        await hub.push(hub.order(1))
        await eventually(lambda: hub.results[1], "the first result came")
        controls = Controls(Accounts(tmp_path / "data").folder(Owner(hub.url, "alice")), lambda: 0)
        controls.withdraw()
        controls.close()
        assert trader.agent._account.drivers.current.refuses().code == "live.no_consent"
        await hub.push(hub.order(2))
        await eventually(lambda: hub.results[2], "the second result came")
        assert [hub.results[n][0].outcome for n in (1, 2)] == ["success", "rejected"]
        assert len(exchange.witness.orders) == 1


async def test_paper_on_the_live_market_ends_as_the_index_says(
    hub: HubOnLoopback, trade: Trade, exchange: Exchange
) -> None:
    live = {"paper_market": "live", "binance_url": exchange.url, "paper_speed": 1_200}
    async with trade(**live) as trader:
        await eventually(lambda: exchange.witness.of("/stream"), "the stream is open")
        market = trader.exchange._market
        await eventually(lambda: market.price("BTCUSDT"), "a price came")
        await hub.push(hub.order(1))
        await eventually(lambda: trader.told(events.Executed), "it is placed")
        exchange.prices.set("BTCUSDT", Decimal("100001"))
        (settled,) = await eventually(lambda: trader.told(events.Settled), "it has ended")
        assert (settled.mode, settled.result, settled.profit) == (Mode.PAPER, "won", Decimal("4.00"))
        assert trader.entry(1).entry_price == Decimal("100000.00")


async def test_paper_on_a_live_market_without_a_price_refuses(
    hub: HubOnLoopback, trade: Trade, exchange: Exchange
) -> None:
    exchange.prices.is_silent = True
    async with trade(paper_market="live", binance_url=exchange.url):
        await hub.push(hub.order(1))
        await eventually(lambda: hub.results[1], "a result came")
        assert hub.results[1][0].outcome == "failed"
        assert "the index price of BTCUSDT is not known" in hub.results[1][0].message
