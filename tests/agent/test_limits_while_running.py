"""Limits, pause and consent are changed by commands while the agent runs, and hold for the next order."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from agent.cli.commands import app
from agent.drivers.paper import Simulation, fate
from agent.lines import line
from agent.model import events
from agent.model.account import Owner
from agent.model.engine import State
from agent.model.events import TradingChanged
from agent.trading.accounts import Accounts
from agent.vault import MemoryVault
from tests.exchange.server import Exchange
from tests.services.waiting import eventually

from .conftest import Trade, Trader
from .hub_on_loopback import HubOnLoopback

Agent = Callable[..., str]


@pytest.fixture
def agent(hub: HubOnLoopback, exchange: Exchange, tmp_path: Path) -> Agent:
    """`agent("limits", "set", …)`: a command of the same person on the same computer."""

    def run(*arguments: str, typed: str | None = None) -> str:
        given = ("--user", "alice", "--server", hub.url, "--data-dir", str(tmp_path / "data"))
        env = {"AGENT_BINANCE_URL": exchange.url}
        done = CliRunner().invoke(app, (*arguments, *given), input=typed, env=env)
        assert done.exit_code == 0, done.output
        return done.stdout

    return run


async def outcome(hub: HubOnLoopback, trader: Trader, order_id: int) -> tuple[str | None, str]:
    """What the trader's journal and the hub hear of one more order."""
    await hub.push(hub.order(order_id))
    await eventually(lambda: trader.is_in(order_id, State.REPORTED), f"order {order_id} is reported")
    entry = trader.entry(order_id)
    assert entry is not None
    return entry.outcome, entry.message


async def test_a_limit_that_is_set_while_it_runs_holds_for_the_next_order(
    hub: HubOnLoopback, trade: Trade, agent: Agent
) -> None:
    async with trade(paper_speed=1) as trader:
        assert (await outcome(hub, trader, 1))[0] == "success"
        agent("limits", "set", "loss_per_day", "12")
        assert (await outcome(hub, trader, 2))[0] == "success"
        refused = await outcome(hub, trader, 3)
        assert refused == ("rejected", "loss_per_day: 0 lost today, 10 at risk and 5 more, at most 12")
        assert (await outcome(hub, trader, 4))[0] == "rejected"
        assert [event.reason.code for event in trader.told(events.LimitReached)] == ["limit.loss_per_day"]
    async with trade(paper_speed=1) as again:
        await eventually(lambda: again.told(events.Connected), "it is back")
        assert (await outcome(hub, again, 5))[0] == "rejected"


async def test_a_pause_holds_for_the_next_order_until_continue(hub: HubOnLoopback, trade: Trade, agent: Agent) -> None:
    async with trade() as trader:
        agent("pause", "lunch")
        assert await outcome(hub, trader, 1) == ("rejected", "paused by you: lunch")
        agent("continue")
        assert (await outcome(hub, trader, 2))[0] == "success"


async def test_what_the_command_line_changes_is_told_while_it_runs(
    hub: HubOnLoopback, trade: Trade, agent: Agent, exchange: Exchange
) -> None:
    async with trade() as trader:
        agent("pause", "lunch")
        await eventually(lambda: trader.told(TradingChanged), "the pause is told", 5)
        agent("continue")
        await eventually(lambda: len(trader.told(TradingChanged)) == 2, "that it goes on is told", 5)
    assert [(told.is_live, told.is_paused) for told in trader.told(TradingChanged)] == [(False, True), (False, False)]
    for key in ("loss_per_day", "orders_per_day"):
        agent("limits", "set", key, "50")
    async with trade(driver="binance-web", binance_url=exchange.url, vault=MemoryVault()) as trader:
        agent("live", "on", typed="TRADE LIVE\n")
        await eventually(lambda: trader.told(TradingChanged), "live on is told", 5)
        agent("live", "off")
        await eventually(lambda: len(trader.told(TradingChanged)) == 2, "live off is told", 5)
    on, off = trader.told(TradingChanged)
    assert (on.is_live, on.is_paused, on.reason) == (True, False, None)
    assert off.reason.code == "live.no_consent"
    assert [line(told)[0] for told in (on, off)] == ["trading goes on", "no order is placed"]


async def test_the_persons_word_about_an_unknown_order_reaches_the_hub_while_it_runs(
    hub: HubOnLoopback, trade: Trade, agent: Agent
) -> None:
    drawn = Simulation(ambiguous_rate=1)
    order = next(one for one in map(hub.order, range(1, 100)) if fate(drawn, one).lost == "request")
    async with trade(paper_ambiguous_rate=1) as trader:
        await hub.push(order)
        await eventually(lambda: trader.is_in(order.id, State.REPORTED), "the hub knows that nobody knows")
        agent("resolve", str(order.id), "failed")
        await eventually(lambda: len(hub.results[order.id]) == 2, "the person's word is reported", 10)
        await eventually(lambda: trader.is_in(order.id, State.REPORTED), "and recorded")
        entry = trader.entry(order.id)
    assert [result.outcome for result in hub.results[order.id]] == ["unknown", "failed"]
    assert entry is not None
    assert (entry.outcome, entry.resolved_by) == ("failed", "person")


async def test_a_burst_stays_within_its_limit(hub: HubOnLoopback, trade: Trade, agent: Agent) -> None:
    agent("limits", "set", "orders_per_day", "3")
    async with trade(paper_speed=1, paper_latency_s=0.2) as trader:
        for order_id in range(1, 11):
            await hub.push(hub.order(order_id))
        await eventually(lambda: all(trader.is_in(one, State.REPORTED) for one in range(1, 11)), "all are reported")
        ends = [entry.outcome for entry in trader.agent.journal.entries()]
        assert (ends.count("success"), ends.count("rejected")) == (3, 7)


async def test_live_within_limits_that_change_without_a_restart(
    hub: HubOnLoopback, trade: Trade, agent: Agent, exchange: Exchange, tmp_path: Path
) -> None:
    vault = MemoryVault()
    key = Accounts(tmp_path / "data").keys(Owner(hub.url, "alice"))[0]
    vault.put(key, "exchange_session", msgspec.json.encode(exchange.log_in()).decode())
    for rule, value in (("loss_per_day", "50"), ("orders_per_day", "20"), ("orders_per_hour", "2")):
        agent("limits", "set", rule, value)
    async with trade(driver="binance-web", binance_url=exchange.url, vault=vault) as trader:
        assert "live trading is off" in (await outcome(hub, trader, 1))[1]
        agent("live", "on", typed="TRADE LIVE\n")
        assert [(await outcome(hub, trader, number))[0] for number in (2, 3)] == ["success", "success"]
        assert await outcome(hub, trader, 4) == ("rejected", "orders_per_hour: 2 in the last hour, at most 2")
        assert len(exchange.witness.orders) == 2
        agent("limits", "set", "orders_per_hour", "3")
        assert (await outcome(hub, trader, 5))[0] == "success"
        agent("live", "off")
        assert "live trading is off" in (await outcome(hub, trader, 6))[1]
        assert len(exchange.witness.orders) == 3


async def test_with_no_price_known_max_move_refuses_and_says_so(hub: HubOnLoopback, trade: Trade, agent: Agent) -> None:
    agent("limits", "set", "max_move", "0.5")
    async with trade(price_url="ws://127.0.0.1:9") as trader:
        said = await outcome(hub, trader, 1)
        assert said == ("rejected", "max_move: the index price of BTCUSDT is not known, so nothing is placed")
