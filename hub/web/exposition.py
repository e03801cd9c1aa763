"""/metrics: Prometheus's text format, at the hub's port or at one of its own.

The invariants: it is found under its one spelling and no other, so that a proxy that hides the path hides it; where a
token is set nobody reads it without; and its text is made at most once a second, whoever asks how often.
"""

import asyncio
import contextlib
import hmac
import os
import socket
import time
from collections.abc import AsyncIterator, Iterator
from typing import Final

import uvicorn
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hub.errors import Refusal
from hub.runtime import metrics
from hub.sessions.door import DoorProtocol
from hub.web.envelope import ERRORS, bearer, plain

PATH: Final = "/metrics"
FRESH_S: Final = 1.0


class Exposition:
    """What this process says to whoever scrapes it. `token`: without it, 401."""

    def __init__(self, token: str | None) -> None:
        self._token = token.encode() if token is not None else None
        self._text = b""
        self._made_at = -FRESH_S

    async def show(self, request: Request) -> Response:
        """The numbers, at most a second old."""
        if request.scope["raw_path"] != PATH.encode():
            raise Refusal("not_found", "Not Found")
        if self._token is not None and not hmac.compare_digest((bearer(request) or "").encode(), self._token):
            raise Refusal("unauthorized", "takes an Authorization header: Bearer and the token of HUB_METRICS_TOKEN")
        if time.monotonic() - self._made_at >= FRESH_S:
            self._text, self._made_at = metrics.exposition(), time.monotonic()
        return plain(self._text, CONTENT_TYPE_PLAIN_0_0_4)

    @property
    def route(self) -> Route:
        return Route(PATH, self.show, methods=["GET"])


class _Server(uvicorn.Server):
    """Beside the hub's own server, which minds the signals for both."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def served(exposition: Exposition, host: str, port: int) -> AsyncIterator[None]:
    """Serves it at a port of its own for as long as this is open. Workers share the port: whoever is asked answers for
    all. Raises OSError where the port is taken."""
    app = Starlette(routes=[exposition.route], exception_handlers=ERRORS)
    app.router.redirect_slashes = False
    config = uvicorn.Config(
        app, http=DoorProtocol, ws="none", lifespan="off", log_config=None, access_log=False, server_header=False
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve([listening(host, port, metrics.MULTIPROCESS_DIR in os.environ)]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


def listening(host: str, port: int, is_shared: bool = False) -> socket.socket:
    """A socket bound to this port; `is_shared`: with the other workers. Raises OSError."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name != "nt":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared and hasattr(socket, "SO_REUSEPORT"):
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound
