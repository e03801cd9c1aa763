"""A day of a live trader on a real hub and the stand-in: limits while it runs, a crash, another address of the hub."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from agent.model.engine import State
from tests.exchange.server import Exchange
from tests.services.hub_process import HubProcess, HubSettings
from tests.services.process import free_port
from tests.services.waiting import eventually

from .live_agent import LiveAgent

PASSWORD = "correct horse"


async def in_thread(call: Any, *arguments: Any) -> Any:
    return await asyncio.to_thread(call, *arguments)


async def published(hub: HubProcess, symbol: str) -> int:
    order = {"time_increments": "TEN_MINUTE", "symbol_name": symbol, "direction": "LONG", "valid_duration": 60}
    return int((await in_thread(hub.post, "/api/orders/create", order))["order_id"])


async def outcome(hub: HubProcess, agent: LiveAgent, order_id: int) -> tuple[str, str]:
    """What the hub's admin sees of it, once it is there."""
    await eventually(lambda: agent.is_in(order_id, State.REPORTED), f"order {order_id} is reported")
    told = await in_thread(hub.get, f"/api/orders/{order_id}")
    (row,) = told["assignments"]
    return row["outcome"], row["message"]


async def test_limits_hold_and_change_while_it_runs_and_a_crash_and_a_new_address_lose_nothing(
    exchange: Exchange, tmp_path: Path
) -> None:
    hub = HubProcess(tmp_path / "hub", HubSettings())
    (tmp_path / "passphrase").write_text("a phrase\n")
    agent = LiveAgent(tmp_path / "device", hub.url, "alice", PASSWORD, "--driver=binance-web")
    try:
        await in_thread(hub.start)
        await in_thread(hub.post, "/api/admin/users/create", {"username": "alice", "password": PASSWORD})
        agent.server, agent.exchange = hub.url, exchange.url
        session = msgspec.to_builtins(exchange.log_in())
        agent.gets_ready(session, loss_per_day="100", orders_per_day="100", orders_per_hour="2")
        await in_thread(agent.start)

        said = [await outcome(hub, agent, await published(hub, "BTCUSDT")) for _ in range(3)]
        assert said[:2] == [("success", "")] * 2
        assert said[2] == ("rejected", "orders_per_hour: 2 in the last hour, at most 2")
        assert len(exchange.witness.orders) == 2
        agent.says("limits", "set", "orders_per_hour", "3")
        assert await outcome(hub, agent, await published(hub, "ETHUSDT")) == ("success", "")
        assert len(exchange.witness.orders) == 3

        agent.says("limits", "set", "orders_per_hour", "5")
        exchange.faults.arm("never", times=1)
        left = await published(hub, "BTCUSDT")
        await eventually(lambda: len(exchange.witness.orders) == 4, "the exchange has it")
        agent.kill()
        await in_thread(hub.stop)
        hub.port = free_port()
        agent.server = hub.url
        await in_thread(hub.start)
        await in_thread(agent.start)
        assert await outcome(hub, agent, left) == ("success", "")
        exchange.faults.arm("cut-before-reading", times=1)
        lost = await published(hub, "ETHUSDT")
        assert (await outcome(hub, agent, lost))[0] == "unknown"
        agent.says("resolve", str(lost), "failed")
        await eventually(lambda: (agent.entry(lost) or lost).resolved_by == "person", "the word is heard")  # type: ignore[union-attr]
        assert await outcome(hub, agent, lost) == ("failed", "the trader looked at the exchange and said so")
        said = [await outcome(hub, agent, await published(hub, "BTCUSDT")) for _ in range(2)]
        assert [one for one, _ in said] == ["success", "rejected"], "the limits are there, and count what was before"
        assert len(exchange.witness.orders) == 6
        assert await in_thread(agent.stop) == 0
    finally:
        agent.kill()
        hub.kill()
