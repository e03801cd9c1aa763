"""The index price of each symbol: a stream (WebSocket, one line a second and symbol) and the REST twin."""

import asyncio
import contextlib
from decimal import Decimal
from typing import Any

from aiohttp import web

from .witness import now_ms


class Prices:
    """Set by the test or the person; it does not move by itself."""

    def __init__(self, every_s: float = 1.0) -> None:
        self.every_s = every_s
        self.is_silent = False
        self.delay_ms = 0
        self._prices = {"BTCUSDT": Decimal("100000.00"), "ETHUSDT": Decimal("4000.00")}
        self._sockets: set[web.WebSocketResponse] = set()
        self._changed = asyncio.Event()

    def of(self, symbol: str) -> Decimal:
        """The index price now."""
        return self._prices.get(symbol, Decimal(1))

    def set(self, symbol: str, price: Decimal) -> None:
        """From now on; the stream says it at once."""
        self._prices[symbol] = price
        self._changed.set()

    async def stream(self, request: web.Request) -> web.WebSocketResponse:
        """`/ws/<symbol>@markPrice@1s` for one, `/stream?streams=a/b` for several (wrapped, as the exchange does)."""
        names = request.query.get("streams", request.match_info.get("name", "")).split("/")
        socket = web.WebSocketResponse(heartbeat=20)
        await socket.prepare(request)
        self._sockets.add(socket)
        teller = asyncio.create_task(self._tell(socket, names, is_wrapped="streams" in request.query))
        try:
            async for _ in socket:
                pass
        finally:
            teller.cancel()
            self._sockets.discard(socket)
        return socket

    async def _tell(self, socket: web.WebSocketResponse, names: list[str], *, is_wrapped: bool) -> None:
        while not socket.closed:
            for name in names if not self.is_silent else ():
                line = self._line(name.partition("@")[0].upper())
                await socket.send_json({"stream": name, "data": line} if is_wrapped else line)
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.every_s):
                    await self._changed.wait()

    def _line(self, symbol: str) -> dict[str, Any]:
        price = str(self.of(symbol))
        return {"e": "markPriceUpdate", "E": now_ms() - self.delay_ms, "s": symbol, "p": price, "i": price}

    async def premium_index(self, request: web.Request) -> web.Response:
        """`GET /fapi/v1/premiumIndex?symbol=…`"""
        symbol = request.query.get("symbol", "")
        if symbol not in self._prices:
            return web.json_response({"code": -1121, "msg": "Invalid symbol."}, status=400)
        price = str(self.of(symbol))
        return web.json_response({"symbol": symbol, "markPrice": price, "indexPrice": price, "time": now_ms()})

    async def drop(self) -> None:
        """Close every stream, as the exchange does once a day."""
        for socket in tuple(self._sockets):
            await socket.close(code=1001)
