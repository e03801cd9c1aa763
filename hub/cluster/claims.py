"""Claims: one order of one user goes to one device, over all devices and hub processes.

A claim is the quick barrier, the unique row in the database is the proof. So the claims of a Redis count only while it
carries the mark of its own identity: when it was emptied, restarted from a snapshot, failed over or promoted, claims
are restored from the rows before anything else is claimed, and `claim.lua` refuses until then. Each process restores
before its own first claim on a server, and after that goes by the server's identity: one that is exchanged under it,
also for one that carries a mark of its own from earlier days, is restored anew.

What the mark cannot see: single keys that Redis evicted (`hub doctor` asks for `noeviction`).
"""

import secrets
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from hub.cluster.redis import (
    CLAIMS_COMPLETE,
    claim_key,
    claim_prefix,
    guarded,
    identity,
    restoring_key,
)
from hub.model.delivery import device_of

KEPT_AFTER_WINDOW_S: Final = 3_600
RESTORED_WITHIN_S: Final = 60
NEW: Final = ord("1")
OURS: Final = ord("2")

_SCRIPT: Final = Path(__file__).with_name("claim.lua").read_text()
_MARK: Final = "if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end redis.call('SET', KEYS[2], ARGV[1]) return 1"


class Incomplete(Exception):
    """Redis does not hold all claims: restore them, then claim again."""


class Claims:
    """The claims of all orders in window."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._claim = redis.register_script(_SCRIPT)
        self._mark = redis.register_script(_MARK)
        self._server: str | None = None

    async def claim(self, order_id: int, valid_duration: int, users: bytes, devices: bytes) -> bytes:
        """Claims one order for a chunk: ids and devices joined by commas, in the same order.

        Returns a flag a user: NEW, OURS (this device had it) or another's. Raises Incomplete, Unavailable.
        """
        if self._server is None:
            raise Incomplete
        seconds = valid_duration + KEPT_AFTER_WINDOW_S
        arguments: list[Any] = [claim_prefix(order_id), seconds, users, devices, self._server]
        with guarded():
            flags = await self._claim_or_incomplete(arguments)
        if flags is None:
            raise Incomplete
        return flags

    async def _claim_or_incomplete(self, arguments: list[Any]) -> bytes | None:
        try:
            flags: bytes = await self._claim(keys=[CLAIMS_COMPLETE], args=arguments)
        except ResponseError as error:
            if str(error).startswith("INCOMPLETE"):
                return None
            raise
        return flags

    async def owner(self, order_id: int, user_id: int) -> str | None:
        """The device that has the claim. Raises Unavailable."""
        with guarded():
            value = await self._redis.get(claim_key(order_id, user_id))
        return None if value is None else device_of(value.decode() if isinstance(value, bytes) else value)

    async def holders(self, order_id: int, user_ids: Sequence[int]) -> list[str | None]:
        """Who has the claim of each of these users, as it was claimed: device and journal. Raises Unavailable."""
        with guarded():
            values: list[Any] = await self._redis.mget([claim_key(order_id, user_id) for user_id in user_ids])
        return [None if value is None else value.decode() for value in values]

    @property
    def is_new(self) -> bool:
        """Whether this process has restored claims to no server yet."""
        return self._server is None

    async def is_complete(self) -> bool:
        """Whether this is the server that this process restored claims to, and it carries its mark. Raises
        Unavailable."""
        me = await identity(self._redis)
        return me == self._server and await self.is_marked(me)

    async def is_marked(self, server: str) -> bool:
        """Whether this Redis carries the mark of this server: some process restored the claims to it. Raises
        Unavailable."""
        with guarded():
            # Asked for with MGET, which answers nil for a key of another type.
            mark: list[Any] = await self._redis.mget([CLAIMS_COMPLETE])
        return mark[0] is not None and bool(mark[0].decode() == server)

    async def begin_restoring(self) -> tuple[str, str]:
        """The server's identity, and the name of a sign that dies with its data: by both `restore` knows that nothing
        was lost meanwhile. Raises Unavailable."""
        server = await identity(self._redis)
        sign = restoring_key(secrets.token_hex(8))
        with guarded():
            await self._redis.set(sign, server, ex=RESTORED_WITHIN_S)
        return server, sign

    async def restore(
        self, begun: tuple[str, str], rows: Iterable[tuple[int, int, str]], seconds_of: Callable[[int], int]
    ) -> bool:
        """Puts back the claims of (order id, user id, device id), then the mark; False when Redis was emptied again
        since the sign was set, and all must be read anew. Raises Unavailable.

        A claim that differs from the row is the older snapshot's: the row is the proof and replaces it.
        """
        server, sign = begun
        with guarded():
            async with self._redis.pipeline(transaction=False) as pipe:
                for order_id, user_id, device_id in rows:
                    pipe.set(claim_key(order_id, user_id), device_id, ex=seconds_of(order_id))
                await pipe.execute()
        if await identity(self._redis) != server:
            return False
        with guarded():
            is_marked = bool(await self._mark(keys=[sign, CLAIMS_COMPLETE], args=[server]))
        if is_marked:
            self._server = server
        return is_marked
