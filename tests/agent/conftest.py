"""A hub on loopback, and agents that are built as a trader's shell builds them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.agent import Agent
from agent.app import build
from agent.config import Settings
from agent.drivers.paper import PaperExchange
from agent.link.api import Credentials
from agent.model.engine import Entry, State
from agent.model.events import Event, SessionEnded
from agent.vault import Vault
from tests.exchange.server import Exchange
from tests.services.waiting import eventually

from .hub_on_loopback import HubOnLoopback, hub_on_loopback


class Trader:
    """A running agent and what it has told."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.events: list[Event] = []
        agent.events.subscribe(self.events.append)
        self.run: asyncio.Task[SessionEnded] = asyncio.create_task(agent.run())

    def told(self, kind: type) -> list[Any]:
        """The events of one kind, so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def entry(self, order_id: int) -> Entry | None:
        return self.agent.journal.entry(order_id)

    def is_in(self, order_id: int, state: State) -> bool:
        entry = self.entry(order_id)
        return entry is not None and entry.state is state

    @property
    def exchange(self) -> PaperExchange:
        exchange = self.agent._account.drivers.current
        assert isinstance(exchange, PaperExchange)
        return exchange

    async def stop(self) -> SessionEnded:
        self.agent.stop()
        return await asyncio.wait_for(self.run, 20)


@pytest.fixture(autouse=True)
def _nobodys_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No `.env` and no AGENT_ variable of the person who runs the tests."""
    monkeypatch.chdir(tmp_path)
    for name in ("AGENT_SERVER_URL", "AGENT_DRIVER", "AGENT_ORDER_AMOUNT", "AGENT_DATA_DIR", "AGENT_LANGUAGE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def hub() -> AsyncIterator[HubOnLoopback]:
    async with hub_on_loopback() as hub:
        yield hub


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    """The stand-in, with prices that come often."""
    async with Exchange() as exchange:
        exchange.prices.every_s = 0.05
        yield exchange


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., Settings]:
    def make(server: str, **changes: Any) -> Settings:
        given = {"data_dir": tmp_path / "data", "paper_speed": 10_000, **changes}
        return Settings(server_url=server, **given)

    return make


Trade = Callable[..., Any]


@pytest.fixture
def trade(hub: HubOnLoopback, settings: Callable[..., Settings]) -> Trade:
    """`async with trade(order_amount=7) as trader`: an agent that runs, and that is ended with the block."""

    @asynccontextmanager
    async def running(
        decide: Any = None,
        connected: bool = True,
        vault: Vault | None = None,
        server: str | None = None,
        **changes: Any,
    ) -> AsyncIterator[Trader]:
        options = {"vault": vault} if decide is None else {"vault": vault, "decide": decide}
        trader = Trader(build(settings(server or hub.url, **changes), Credentials("alice", hub.password), **options))
        try:
            if connected:
                await eventually(lambda: hub.times > 0 or trader.run.done(), "the agent is connected", 10)
            yield trader
        finally:
            trader.run.cancel()
            await asyncio.gather(trader.run, return_exceptions=True)

    return running
