"""How many wrong passwords a name, and an address, may try. Kept in this process, gone with it."""

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator
from typing import Final
from weakref import WeakValueDictionary

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from hub.errors import Refusal

PER_NAME: Final = parse("10 per minute")
PER_ADDRESS: Final = parse("100 per minute")


class LoginLimit:
    """Counts failures only: a thousand traders behind one address log in undisturbed."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @contextlib.asynccontextmanager
    async def one_at_a_time(self, username: str) -> AsyncIterator[None]:
        """Tries of one name wait for each other: else a thousand at once would all be checked before one is counted."""
        turn = self._turns.setdefault(username, asyncio.Lock())
        async with turn:
            yield

    def check(self, username: str, address: str) -> None:
        """Refuses 429, with the seconds to wait."""
        for limit, key in _keys(username, address):
            if not self._limiter.test(limit, key):
                reset = self._limiter.get_window_stats(limit, key).reset_time
                wait = max(1, math.ceil(reset - time.time()))
                raise Refusal("too_many", f"too many wrong passwords: try again in {wait} s", wait)

    def failed(self, username: str, address: str) -> None:
        for limit, key in _keys(username, address):
            self._limiter.hit(limit, key)

    def succeeded(self, username: str, address: str) -> None:
        """The right password clears the name's count."""
        limit, key = _keys(username, address)[0]
        self._limiter.clear(limit, key)


def _keys(username: str, address: str) -> list[tuple[RateLimitItem, str]]:
    return [(PER_NAME, f"name:{username}:{address}"), (PER_ADDRESS, f"address:{address}")]
