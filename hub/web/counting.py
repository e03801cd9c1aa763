"""Counts HTTP requests by route and status.

The invariant: no more routes than the URL table has, whatever paths are asked for.
"""

from collections.abc import Mapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.runtime import metrics

UNKNOWN = "none"


class Counting:
    """ASGI middleware. `paths` names the handlers' routes."""

    def __init__(self, app: ASGIApp, paths: Mapping[Any, str]) -> None:
        self._app = app
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        status = 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            route = self._paths.get(scope.get("endpoint"), UNKNOWN)
            metrics.HTTP_REQUESTS.labels(route, str(status)).inc()
