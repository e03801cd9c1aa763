"""The hub processes that live on this Redis: each says so once a second.

An adapter for the caretaker and the roll call. A process's name begins with its family's: the workers of one
`hub serve` are a family, and end together.
"""

import os
import secrets
from typing import Final

from redis.asyncio import Redis

from hub.clock import now_ms
from hub.cluster.redis import PROCESSES, guarded

FAMILY: Final = "HUB_PROCESS_FAMILY"
ALIVE_S: Final = 3
FORGOTTEN_S: Final = 60


def found_family() -> None:
    """Before workers are started: they inherit it."""
    os.environ[FAMILY] = secrets.token_hex(4)


class Peers:
    """This process among the others."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._family = os.environ.get(FAMILY) or secrets.token_hex(4)
        self.name = f"{self._family}-{os.getpid()}-{secrets.token_hex(4)}"

    async def say_alive(self) -> None:
        """Raises Unavailable."""
        now_s = now_ms() / 1_000
        with guarded():
            await self._redis.zadd(PROCESSES, {self.name: now_s})
            await self._redis.zremrangebyscore(PROCESSES, 0, now_s - FORGOTTEN_S)

    async def leave(self) -> None:
        """Nobody needs to wait for this process any more. Raises Unavailable."""
        with guarded():
            await self._redis.zrem(PROCESSES, self.name)

    async def alive(self) -> list[str]:
        """The names of those that were heard of lately, this one among them. Raises Unavailable."""
        with guarded():
            names: list[bytes] = await self._redis.zrange(  # type: ignore[assignment]
                PROCESSES, now_ms() / 1_000 - ALIVE_S, "+inf", byscore=True
            )
        return [name.decode() for name in names]

    async def has_others(self) -> bool:
        """Whether somebody is there for the agents while this family restarts. Raises Unavailable."""
        return any(self.is_other(name) for name in await self.alive())

    def is_other(self, name: str) -> bool:
        """Whether the process of this name is of another family."""
        return not name.startswith(f"{self._family}-")
