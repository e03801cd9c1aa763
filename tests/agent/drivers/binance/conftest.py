"""The driver as the wiring builds it, against the stand-in, with a session that both know."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from agent.drivers.binance.api import WebApi, WebSession
from agent.drivers.binance.driver import BinanceWeb
from agent.drivers.binance.facts import Facts, load
from agent.drivers.binance.history import HistoryKey, KeptHistory
from agent.drivers.binance.network import proxy_of
from agent.drivers.binance.prices import IndexPrices
from agent.drivers.binance.session import SessionKeeper
from agent.model.engine import Answer, Entry
from agent.model.events import Event, Events
from agent.model.reasons import Reason
from tests.exchange.history import KEY, SECRET
from tests.exchange.server import Exchange

from .proxy import LoopbackProxy
from .trading import RATIO, STAKE, order

QUICK = {"connect_s": 1.0, "answer_s": 1.0}


@pytest.fixture
async def proxy() -> AsyncIterator[LoopbackProxy]:
    async with LoopbackProxy() as proxy:
        yield proxy


class Desk:
    """One driver with all that it was given."""

    def __init__(self, exchange: Exchange, timing: dict[str, Any], proxy: str | None, with_history: bool) -> None:
        self.exchange = exchange
        self.kept: str | None = None
        self.consent: Reason | None = None
        self.entries: list[Entry] = []
        self.told: list[Event] = []
        events = Events()
        events.subscribe(self.told.append)
        self.facts = facts_for(exchange.url, **timing)
        through = proxy_of(proxy)
        self.api = WebApi(self.facts, through)
        self.sessions = SessionKeeper(self.api, self.facts, lambda: self.kept, events)
        self.prices = IndexPrices(self.facts, ["BTCUSDT"], through)
        key = msgspec.json.encode(HistoryKey(KEY, SECRET)).decode() if with_history else None
        self.driver = BinanceWeb(
            self.facts,
            self.api,
            self.sessions,
            self.prices,
            events,
            may_trade=lambda: self.consent,
            others=lambda _: self.entries,
            read_history=KeptHistory(self.facts, lambda: key, through),
        )

    def bind(self) -> WebSession:
        session = self.exchange.log_in()
        self.kept = msgspec.json.encode(session).decode()
        return WebSession(session.csrftoken, session.p20t, session.expires_ms)

    async def submit(self, order_id: int = 1, within_s: float = 5.0, **changes: Any) -> Answer:
        return await self.driver.submit(order(order_id, **changes), STAKE, RATIO, within_s)

    def pooled(self) -> int:
        """How many connections wait, as far as the client knows, for a next request."""
        client = self.api._opened
        assert client is not None
        assert client.connector is not None
        return sum(proto.is_connected() for waiting in client.connector._conns.values() for proto, _ in waiting)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.told if isinstance(event, kind)]


def facts_for(url: str, **timing: Any) -> Facts:
    """The facts of this version with the stand-in's address and short patience."""
    facts = load(None, web=url)
    return msgspec.structs.replace(facts, timing=msgspec.structs.replace(facts.timing, **QUICK | timing))


Open = Callable[..., Desk]


@pytest.fixture
async def open_desk(exchange: Exchange) -> AsyncIterator[Open]:
    """`open_desk(bound=True, proxy=None, with_history=False, **timing)`; closed at the end of the test."""
    opened: list[Desk] = []

    def open_one(*, bound: bool = True, proxy: str | None = None, with_history: bool = False, **timing: Any) -> Desk:
        desk = Desk(exchange, timing, proxy, with_history)
        opened.append(desk)
        if bound:
            desk.bind()
        return desk

    yield open_one
    for desk in opened:
        await desk.driver.close()
        await desk.prices.close()


@pytest.fixture
async def desk(open_desk: Open) -> Desk:
    """A driver that has started, with a session."""
    one = open_desk()
    await one.driver.start()
    return one
