"""A small real hub: WebSocket and HTTP on one loopback port, turns decided by `Conversation("hub")`.

It does what it is told and writes down what it hears, so that a test can script a situation and look at the facts.
"""

import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from protocol.closes import Close
from protocol.conversation import Conversation
from protocol.messages import (
    SUBPROTOCOL,
    Ack,
    Error,
    Halt,
    Halted,
    Hello,
    Order,
    OrderMessage,
    Recorded,
    Result,
    Settled,
    Time,
    TimeReply,
    ToAgent,
    ToHub,
    Welcome,
)

HOUR_MS = 3_600_000


class Seat:
    """One agent's connection."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self.socket = socket
        self.conversation: Conversation[ToHub] = Conversation("hub")
        self.hello: Hello | None = None

    async def send(self, message: ToAgent) -> None:
        await self.socket.send_str(self.conversation.send(message).decode())


class HubOnLoopback:
    """Knobs first, facts after them."""

    def __init__(self) -> None:
        self.password = "correct horse"
        self.token_mark = ""
        self.heartbeat_s = 15
        self.clock_ahead_ms = 0
        self.halt: Halt | None = None
        self.after_welcome: list[ToAgent] = []
        self.is_mute = False
        self.records = True
        self.refuses_login: int | None = None
        self.refuses_sockets: int | None = None
        self.retry_after = ""
        self.http_failures = 0
        self.hub_id: str | None = None
        self.newest_order_id: int | None = None
        self.features: list[str] = []
        self.errors: dict[int, list[Error]] = defaultdict(list)
        """What to answer to the next results of an order, instead of `recorded`."""

        self.seats: list[Seat] = []
        self.logins: list[dict[str, Any]] = []
        self.handshakes = 0
        self.hellos: list[Hello] = []
        self.acks: dict[int, list[Ack]] = defaultdict(list)
        self.results: dict[int, list[Result]] = defaultdict(list)
        self.halted: list[int] = []
        self.halts: list[Halted] = []
        self.settled: list[Settled] = []
        self.times = 0
        self.by_http: dict[int, dict[str, Any]] = {}
        self.devices_by_http: dict[int, str] = {}
        self.goodbyes: list[int | None] = []

        self._port = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """On a free port; after a stop on the same one."""
        app = web.Application()
        app.add_routes(
            [
                web.post("/api/auth/login", self._login),
                web.post("/api/orders/record-result", self._record),
                web.get("/healthz", self._health),
                web.get("/ws", self._socket),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        for seat in list(self.seats):
            transport = seat.socket._req.transport if seat.socket._req is not None else None
            if transport is not None:
                transport.abort()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.clock_ahead_ms

    def order(self, order_id: int = 1, valid_s: int = 60, **changes: Any) -> Order:
        """An order published now."""
        now = self.now_ms()
        order = Order(order_id, "TEN_MINUTE", "BTCUSDT", "LONG", valid_s, now, now + valid_s * 1000)
        return msgspec.structs.replace(order, **changes)

    async def push(self, order: Order) -> None:
        await self.say(OrderMessage(order, self.now_ms()))

    async def say(self, message: ToAgent) -> None:
        """To everybody who is connected."""
        for seat in list(self.seats):
            await seat.send(message)

    async def close(self, close: Close) -> None:
        for seat in list(self.seats):
            await seat.socket.close(code=close.code, message=close.name.encode())

    async def _login(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.logins.append(body)
        if self.refuses_login is not None:
            return _answer(self.refuses_login, "no login for you")
        if body["password"] != self.password:
            return _answer(401, "wrong username or password")
        end = self.now_ms() + 24 * HOUR_MS
        token = f"token of {body['username']}{self.token_mark} on {body['device_id']}"
        data = {"token": token, "user_id": 7, "expire_at": None, "token_expire_at": "later"}
        return _answer(200, "success", {**data, "token_expire_ms": end, "expire_ms": None, "hub_id": self.hub_id})

    async def _record(self, request: web.Request) -> web.Response:
        if self.http_failures > 0:
            self.http_failures -= 1
            return _answer(503, "the store is out of reach")
        if not request.headers.get("Authorization", "").startswith("Bearer token of "):
            return _answer(401, "no token")
        body = await request.json()
        self.by_http[body["order_id"]] = body["result"]
        self.devices_by_http[body["order_id"]] = request.headers["Authorization"].rpartition(" on ")[2]
        return _answer(200, "success")

    async def _health(self, _request: web.Request) -> web.Response:
        return _answer(200, "success", {"status": "ok"})

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        self.handshakes += 1
        if self.refuses_sockets is not None:
            refused = _answer(self.refuses_sockets, "not with this token")
            if self.retry_after:
                refused.headers["Retry-After"] = self.retry_after
            return refused
        socket = web.WebSocketResponse(protocols=(SUBPROTOCOL,), compress=False)
        await socket.prepare(request)
        seat = Seat(socket)
        try:
            async for frame in socket:
                assert frame.type is WSMsgType.TEXT
                await self._hear(seat, seat.conversation.receive(frame.data))
        finally:
            self.goodbyes.append(socket.close_code)
            if seat in self.seats:
                self.seats.remove(seat)
        return socket

    async def _hear(self, seat: Seat, message: Any) -> None:
        match message:
            case Hello():
                await self._welcome(seat, message)
            case Time():
                self.times += 1
                if not self.is_mute:
                    now = self.now_ms()
                    await seat.send(TimeReply(message.t0_ms, now, now))
            case Ack():
                self.acks[message.order_id].append(message)
            case Result():
                self.results[message.order_id].append(message)
                if self.errors[message.order_id]:
                    await seat.send(self.errors[message.order_id].pop(0))
                elif self.records:
                    await seat.send(Recorded(message.order_id))
            case Halted():
                self.halted.append(message.epoch)
                self.halts.append(message)
            case Settled():
                self.settled.append(message)

    async def _welcome(self, seat: Seat, hello: Hello) -> None:
        seat.hello = hello
        self.hellos.append(hello)
        end = self.now_ms() + 24 * HOUR_MS
        told = (self.halt, self.hub_id, self.newest_order_id, self.features)
        await seat.send(Welcome("s1", 7, "alice", self.now_ms(), self.heartbeat_s, end, None, *told))
        self.seats.append(seat)
        for message in self.after_welcome:
            await seat.send(message)


def _answer(status: int, message: str, data: Any = None) -> web.Response:
    return web.json_response({"code": status, "message": message, "data": data}, status=status)


@asynccontextmanager
async def hub_on_loopback() -> AsyncIterator[HubOnLoopback]:
    """One that has started, and is gone at the end."""
    hub = HubOnLoopback()
    await hub.start()
    try:
        yield hub
    finally:
        await hub.stop()
