"""/healthz: the process answers. /readyz: it can do its work, or which part cannot."""

import asyncio
from collections.abc import Awaitable
from typing import Final

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from redis.asyncio import Redis
from starlette.requests import Request
from starlette.responses import Response

from hub.cluster.redis import guarded
from hub.errors import Unavailable
from hub.runtime import metrics
from hub.store import Store
from hub.upkeep import Caretaker
from hub.web.envelope import answer, unavailable

PATIENCE_S: Final = 2


class HealthRoutes:
    def __init__(self, *, store: Store, redis: Redis, caretaker: Caretaker) -> None:
        self._store = store
        self._redis = redis
        self._caretaker = caretaker

    async def healthz(self, _request: Request) -> Response:
        return answer()

    async def readyz(self, _request: Request) -> Response:
        try:
            await self._check("the database", self._store.database.ping())
            await self._check("Redis", self._ping_redis())
            if not self._caretaker.has_loaded:
                raise Unavailable("the list of orders", "it is being read")
        except Unavailable as error:
            return unavailable(error)
        return answer()

    async def metrics(self, _request: Request) -> Response:
        return Response(metrics.exposition(), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    async def _ping_redis(self) -> None:
        with guarded():
            await self._redis.ping()

    async def _check(self, what: str, asking: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await asking
        except TimeoutError:
            raise Unavailable(what, f"no answer within {PATIENCE_S} s") from None
