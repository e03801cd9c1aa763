"""Passwords and their hashes: made to be slow, so only so many wait for one, and admins do not wait for traders.

The invariant: a hash is computed in a thread of its queue, one at a time, and never for a caller who is gone.
"""

import asyncio
import contextlib
import math
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from hub.errors import Refusal

T = TypeVar("T")
IsGone = Callable[[], Awaitable[bool]]

MOST_WAITING: Final = 20
LONGEST_WAIT_S: Final = 30
FIRST_GUESS_S: Final = 0.03

_hasher: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""OWASP's minimum for Argon2id (Password Storage Cheat Sheet): more would be a lever against the hub itself."""


class Checked(NamedTuple):
    """Whether the password is right; `renewed`: its hash by today's parameters, where the stored one is older."""

    is_right: bool
    renewed: str | None


class HashQueue:
    """Those who wait for one thread."""

    def __init__(self, name: str) -> None:
        # One thread, so that hashing never takes both cores.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._turn = asyncio.Semaphore(1)
        self._waiting = 0
        self._takes_s = FIRST_GUESS_S
        self._next_slot = 0.0

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """A place among those who wait, for as long as it is open. Refuses 429 at once where there is none, each caller
        with a later moment to come back, so that a crowd spreads by itself."""
        if self._waiting > MOST_WAITING:
            raise self._full()
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    def _full(self) -> Refusal:
        now = time.monotonic()
        soonest = now + MOST_WAITING * self._takes_s
        self._next_slot = min(max(self._next_slot, soonest) + self._takes_s, now + LONGEST_WAIT_S)
        wait_s = max(1, math.ceil(self._next_slot - now))
        return Refusal("too_many", f"too many people log in at this moment: try again in {wait_s} s", wait_s)

    async def run(self, work: Callable[[], T], is_gone: IsGone | None = None) -> T:
        """What the work returns. Refuses a caller who is gone when its turn comes."""
        async with self._turn:
            if is_gone is not None and await is_gone():
                raise Refusal("bad_request", "the caller has gone")
            began = time.monotonic()
            result = await asyncio.get_running_loop().run_in_executor(self._thread, work)
            self._takes_s += (time.monotonic() - began - self._takes_s) / 8
            return result

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits behind the one whose turn it is."""
        return self._waiting <= 1

    def close(self) -> None:
        self._thread.shutdown(wait=False)


class Hashing:
    """The two queues, and what is done in them."""

    def __init__(self) -> None:
        self._traders = HashQueue("argon2")
        self._admins = HashQueue("argon2-admins")
        self._nobody = _hasher.hash(secrets.token_hex(16))

    def queue(self, is_admin: bool) -> HashQueue:
        """Where an account's hashes are computed."""
        return self._admins if is_admin else self._traders

    async def hash(self, password: str, is_of_admin: bool = True) -> str:
        """A new password's hash; `is_of_admin`: whether an admin asks for it."""
        return await self.queue(is_of_admin).run(lambda: _hasher.hash(password))

    async def check(self, queue: HashQueue, stored: str | None, password: str, is_gone: IsGone | None) -> Checked:
        """Holds the password against the stored hash; None, for a name that nobody has, costs the same time."""

        def work() -> Checked:
            try:
                is_right = _hasher.verify(stored or self._nobody, password) and stored is not None
            except (VerificationError, InvalidHashError):
                return Checked(False, None)
            # In a crowd an older hash stays until a quieter login: it would double what all wait for.
            is_old = is_right and queue.is_idle and _hasher.check_needs_rehash(stored or self._nobody)
            return Checked(is_right, _hasher.hash(password) if is_old else None)

        return await queue.run(work, is_gone)

    def close(self) -> None:
        self._traders.close()
        self._admins.close()
