"""The stand-in itself: one port of loopback for web pages, their API, the login, the key API and the price stream.

The invariant: every request is in the witness before it is answered.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from aiohttp import web

from .account import Account, Session
from .connections import Connection, Connections
from .control import Control
from .faults import Faults
from .history import History
from .login import Login
from .prices import Prices
from .web_api import KINDS, WebApi
from .witness import Witness, now_ms, of_request

_HISTORY: Final = {"/fapi/v1/income": "history", "/sapi/v1/account/apiRestrictions": "history"}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Exchange:
    """`async with Exchange() as exchange`, or `start` and `stop`. Its parts are its knobs."""

    def __init__(
        self,
        witness: Path | None = None,
        *,
        rate: float = 0.0,
        seed: int = 0,
        speed: float = 1.0,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.witness = Witness(witness)
        self.faults = Faults(rate, seed)
        self.prices = Prices()
        self.account = Account(now_ms, self.prices.of, speed)
        self.login = Login(self.account)
        self.history = History(self.account)
        self.api = WebApi(self.account, self._connection_of)
        self._port = port
        self._tls = tls
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None
        self._connections: Connections | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self._port}"

    @property
    def stream_url(self) -> str:
        """The same for WebSockets."""
        return f"ws://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Listen. Raises OSError where the port is taken."""
        self._runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        make_inner = self._runner.server
        assert make_inner is not None
        self._connections = Connections(make_inner, self.witness, self.faults)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connections, "127.0.0.1", self._port, ssl=self._tls)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close every connection; whoever comes is refused from now on. A second time does nothing."""
        if self._server is None or self._runner is None:
            return
        assert self._connections is not None
        self._server.close()
        for connection in list(self._connections.open()):
            assert connection.transport is not None
            connection.transport.abort()
        await self._runner.cleanup()
        self._server = self._runner = None
        self.witness.close()

    async def __aenter__(self) -> "Exchange":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def log_in(self) -> Session:
        """A session, without the page."""
        return self.account.log_in()

    def drop_idle(self) -> int:
        """Close what waits for a next request; how many those were."""
        assert self._connections is not None
        return self._connections.drop_idle()

    @property
    def connections(self) -> int:
        """How many connections there have been."""
        return 0 if self._connections is None else self._connections.count

    def _app(self) -> web.Application:
        app = web.Application(middlewares=[self._watch], client_max_size=1_000_000)
        app.add_routes([*self.api.routes(), *self.login.routes(), *Control(self).routes()])
        app.add_routes(
            [
                web.get("/robots.txt", _robots),
                web.get("/fapi/v1/premiumIndex", self.prices.premium_index),
                web.get("/fapi/v1/income", self.history.income),
                web.get("/sapi/v1/account/apiRestrictions", self.history.restrictions),
                web.get("/ws/{name}", self.prices.stream),
                web.get("/stream", self.prices.stream),
            ]
        )
        return app

    @web.middleware
    async def _watch(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Write it down, then let the fault or the handler answer."""
        body = await request.read()
        if request.path.startswith("/_"):  # not the exchange's
            self._connection_of(request).was_read()
            return await handler(request)
        connection, nth = self._connection_of(request), self._connection_of(request).nth
        kind = (KINDS | _HISTORY).get(request.path, "page")
        fault = connection.fault if kind == "place-order" else self.faults.next(kind)
        name = None if fault is None else fault.name
        connection.was_read()
        self.witness.write(
            of_request(connection.number, nth, request.method, request.path_qs, request.headers, body, name)
        )
        if fault is None:
            return await handler(request)
        return await self.api.go_wrong(fault, request, lambda: handler(request))

    def _connection_of(self, request: web.Request) -> Connection:
        assert self._connections is not None
        return self._connections.of(request.transport)


async def _robots(_: web.Request) -> web.Response:
    return web.Response(text="User-agent: *")
