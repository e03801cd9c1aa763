"""The hub processes that live on this Redis: each says so once a second, by Redis's own clock.

A process's name begins with its group's: the workers of one `hub serve` are a group, and end together.
"""

import os
import secrets
import time
from typing import Final

from redis.asyncio import Redis

from hub.cluster.redis import PROCESSES, guarded

GROUP: Final = "HUB_PROCESS_FAMILY"
ALIVE_S: Final = 3
FORGOTTEN_S: Final = 60


def start_worker_group() -> None:
    """Gives the workers that are started from now on one group."""
    os.environ[GROUP] = secrets.token_hex(4)


class Peers:
    """This process among the others."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._group = os.environ.get(GROUP) or secrets.token_hex(4)
        self.name = f"{self._group}-{os.getpid()}-{secrets.token_hex(4)}"
        self._seen: dict[str, float] = {}
        self._started: dict[str, float] = {}

    async def say_alive(self) -> None:
        """Raises Unavailable."""
        now_s = await self._now_s()
        with guarded():
            await self._redis.zadd(PROCESSES, {self.name: now_s})
            await self._redis.zremrangebyscore(PROCESSES, 0, now_s - FORGOTTEN_S)

    async def leave(self) -> None:
        """Nobody needs to wait for this process any more. Raises Unavailable."""
        with guarded():
            await self._redis.zrem(PROCESSES, self.name)

    async def alive(self) -> list[str]:
        """The names of those that were heard of lately, this one among them. Raises Unavailable."""
        now_s = await self._now_s()
        with guarded():
            names: list[bytes] = await self._redis.zrange(  # type: ignore[assignment]
                PROCESSES, now_s - ALIVE_S, "+inf", byscore=True
            )
        found = [name.decode() for name in names]
        now = time.monotonic()
        seen = self._seen | dict.fromkeys(found, now)
        self._seen = {name: at for name, at in seen.items() if at > now - ALIVE_S}
        return found

    async def alive_lately(self) -> set[str]:
        """Those, and who was among them a moment ago, though Redis has been emptied since. Raises Unavailable."""
        await self.alive()
        return set(self._seen)

    def on_started(self, name: str) -> None:
        """A process says that it serves, which may be a moment before it first says that it lives."""
        self._started[name] = time.monotonic()

    async def has_others(self) -> bool:
        """Whether somebody is there for the agents while this group restarts. Raises Unavailable."""
        alive = await self.alive()
        since = time.monotonic() - ALIVE_S
        # Asked for after the answer came: who started meanwhile counts.
        self._started = {name: at for name, at in self._started.items() if at > since and name not in alive}
        return any(self.is_other(name) for name in (*alive, *self._started))

    def is_other(self, name: str) -> bool:
        """Whether the process of this name is of another group."""
        return not name.startswith(f"{self._group}-")

    async def _now_s(self) -> float:
        with guarded():
            seconds, microseconds = await self._redis.time()
        return int(seconds) + int(microseconds) / 1_000_000
