"""Counting tries: in Redis, so that all hubs count together; in this process while Redis is away or inside it."""

import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter
from redis.asyncio import Redis

from hub.cluster.redis import guarded, is_embedded
from hub.errors import Unavailable

T = TypeVar("T")

AWAY_S: Final = 5.0
"""After a failure Redis is not asked for so long: a login does not wait for each of its questions."""


class Limiters:
    """Both ways of counting over one storage."""

    def __init__(self, storage: MemoryStorage | RedisStorage) -> None:
        self.moving = MovingWindowRateLimiter(storage)
        self.fixed = FixedWindowRateLimiter(storage)


class Counters:
    """The counts here and those that all hubs share."""

    def __init__(self, redis: Redis) -> None:
        self.memory = MemoryStorage()
        self.here = Limiters(self.memory)
        self._shared: Limiters | None = None
        if not is_embedded(redis):
            pool = redis.connection_pool
            storage = RedisStorage("async+redis://", implementation="redispy", connection_pool=pool)  # type: ignore[arg-type]
            self._shared = Limiters(storage)
        self._away_until = 0.0

    async def ask(self, question: Callable[[Limiters], Awaitable[T]]) -> T:
        """Of Redis; of this process while that is away."""
        answer = await self.in_redis(question)
        return await question(self.here) if answer is None else answer

    async def in_redis(self, question: Callable[[Limiters], Awaitable[T]]) -> T | None:
        """None while it is away, and where it is inside this process."""
        if self._shared is None or time.monotonic() < self._away_until:
            return None
        try:
            with guarded():
                return await question(self._shared)
        except Unavailable:
            self._away_until = time.monotonic() + AWAY_S
            return None
