"""The public index-price stream, as a `Market`: one connection for all symbols, opened again whenever it ends.

The invariant: a price is as old as the exchange says it is, and one that is too old is none.
"""

import asyncio
import contextlib
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncIterator, Iterable
from decimal import Decimal
from typing import Any, Final

import aiohttp
import msgspec

from agent.drivers.binance import network
from agent.drivers.binance.answers import decimal
from agent.drivers.binance.facts import Facts
from agent.drivers.binance.network import FAILURES, Proxy
from agent.world import REAL, World

KEPT_TICKS: Final = 1_200
SILENCE_S: Final = 10.0
FIRST_DELAY_S, LONGEST_DELAY_S = 0.5, 30.0
LONGEST_LINE: Final = 65_536


class Tick(msgspec.Struct, frozen=True):
    """The index price of a symbol at a time of the exchange."""

    symbol: str
    at_ms: int
    price: Decimal


class IndexPrices:
    """A `Market`. Before `start`, and while the stream is down, no price is known."""

    def __init__(self, facts: Facts, symbols: Iterable[str], proxy: Proxy | None = None, world: World = REAL) -> None:
        self._facts = facts
        self._proxy = proxy
        self._world = world
        self._ticks: dict[str, deque[Tick]] = {symbol: deque(maxlen=KEPT_TICKS) for symbol in sorted(symbols)}
        self._heard_ms: dict[str, int] = {}
        self._news = asyncio.Event()
        self._stream: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to listen; returns at once."""
        if self._stream is None and self._ticks:
            self._stream = asyncio.create_task(self._listen(), name="index prices")

    async def close(self) -> None:
        """End the stream."""
        if self._stream is not None:
            self._stream.cancel()
            await asyncio.gather(self._stream, return_exceptions=True)
            self._stream = None

    def price(self, symbol: str) -> Decimal | None:
        """The newest one, unless it came too long ago."""
        ticks = self._ticks.get(symbol)
        if not ticks or self._world.read().monotonic_ms - self._heard_ms[symbol] > self._oldest_ms:
            return None
        return ticks[-1].price

    def known_at(self, symbol: str, at_ms: int) -> Decimal | None:
        """The last one at or before that moment, as far as it is known by now."""
        return self._seen_at(list(self._ticks.get(symbol, ())), at_ms)

    def moved(self, symbol: str, since_ms: int) -> Decimal | None:
        """How far the index moved since that moment, in per cent and without a sign; None where it is not known."""
        then, now = self.known_at(symbol, since_ms), self.price(symbol)
        return None if then is None or now is None else abs(now - then) / then * 100

    async def at(self, symbol: str, at_ms: int) -> Decimal | None:
        """The last one at or before that moment, once a later one shows that none is missing."""
        ticks = self._ticks.get(symbol)
        if ticks is None:
            return None
        await self.start()
        until_ms = at_ms + self._facts.timing.settle_after_s * 1000
        while (not ticks or ticks[-1].at_ms < at_ms) and (left := until_ms - self._world.read().wall_ms) > 0:
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left / 1000, 1.0)):
                    await self._news.wait()
        return self._seen_at(list(ticks), at_ms)

    def note(self, line: bytes | str) -> None:
        """One message of the stream; what is no price of a symbol of ours is passed over."""
        try:
            told = msgspec.json.decode(line)
        except msgspec.DecodeError:
            return
        tick = _tick(told.get("data", told) if isinstance(told, dict) else None)
        ticks = self._ticks.get(tick.symbol) if tick is not None else None
        if tick is None or ticks is None:
            return
        if not ticks or ticks[-1].at_ms <= tick.at_ms:
            ticks.append(tick)
        self._heard_ms[tick.symbol] = self._world.read().monotonic_ms
        self._news.set()

    @property
    def _oldest_ms(self) -> float:
        return self._facts.timing.price_age_s * 1000

    def _seen_at(self, ticks: list[Tick], at_ms: int) -> Decimal | None:
        place = bisect_right(ticks, at_ms, key=lambda tick: tick.at_ms)
        if place == 0 or at_ms - ticks[place - 1].at_ms > self._oldest_ms:
            return None
        return ticks[place - 1].price

    async def _listen(self) -> None:
        delay = FIRST_DELAY_S
        while True:
            with contextlib.suppress(*FAILURES):
                async for line in self._lines():
                    self.note(line)
                    delay = FIRST_DELAY_S
            await self._world.sleep(delay * (0.5 + self._world.random.random() / 2))
            delay = min(delay * 2, LONGEST_DELAY_S)

    async def _lines(self) -> AsyncIterator[str]:
        """What one connection says until it ends or falls silent."""
        async with network.open_client(self._facts.timing, self._proxy) as client:
            limits: dict[str, Any] = {"max_msg_size": LONGEST_LINE, "heartbeat": SILENCE_S}
            async with client.ws_connect(self._url(), **limits) as socket:
                while True:
                    message = await socket.receive(timeout=SILENCE_S)
                    if message.type is not aiohttp.WSMsgType.TEXT:
                        return
                    yield message.data

    def _url(self) -> str:
        paths = self._facts.paths
        streams = "/".join(paths.stream_of.format(symbol=symbol.lower()) for symbol in self._ticks)
        return self._facts.urls.stream + paths.stream.format(streams=streams)


def _tick(told: Any) -> Tick | None:
    if not isinstance(told, dict) or not isinstance(told.get("E"), int):
        return None
    price = decimal(told.get("i"))
    return None if price is None or price <= 0 else Tick(str(told.get("s")), told["E"], price)
