"""Claims: one order of one user goes to one device, over all devices and hub processes.

An adapter over Redis for the stories. A claim is the quick barrier, the unique row in the database is the proof;
so when Redis has lost its data, claims are restored from the rows before anything else is claimed: `claim.lua`
refuses to work without the mark that says they are complete.
"""

import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from hub.cluster.redis import CLAIMS_COMPLETE, claim_key, claim_prefix, guarded, restoring_key

KEPT_AFTER_WINDOW_S: Final = 3_600
RESTORED_WITHIN_S: Final = 60
NEW: Final = ord("1")
OURS: Final = ord("2")

_SCRIPT: Final = Path(__file__).with_name("claim.lua").read_text()
_MARK: Final = "if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end redis.call('SET', KEYS[2], '1') return 1"


class Incomplete(Exception):
    """Redis does not hold all claims (it was emptied): restore them, then claim again."""


class Claims:
    """The claims of all orders in window."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._claim = redis.register_script(_SCRIPT)
        self._mark = redis.register_script(_MARK)

    async def claim(self, order_id: int, valid_duration: int, users: bytes, devices: bytes) -> bytes:
        """Claims one order for a chunk: ids and devices joined by commas, in the same order.

        Returns a flag a user: NEW, OURS (this device had it) or another's. Raises Incomplete, Unavailable.
        """
        arguments: list[str | int | bytes] = [
            claim_prefix(order_id),
            valid_duration + KEPT_AFTER_WINDOW_S,
            users,
            devices,
        ]
        with guarded():
            try:
                flags: bytes = await self._claim(keys=[CLAIMS_COMPLETE], args=arguments)
            except ResponseError as error:
                if str(error).startswith("INCOMPLETE"):
                    raise Incomplete from None
                raise
        return flags

    async def owner(self, order_id: int, user_id: int) -> str | None:
        """The device that has the claim. Raises Unavailable."""
        with guarded():
            value = await self._redis.get(claim_key(order_id, user_id))
        return value.decode() if isinstance(value, bytes) else value

    async def is_complete(self) -> bool:
        """Whether Redis still holds the mark. Raises Unavailable."""
        with guarded():
            return bool(await self._redis.exists(CLAIMS_COMPLETE))

    async def begin_restoring(self) -> str:
        """The name of a sign that dies with Redis's data: by it `restore` knows that nothing was lost meanwhile."""
        sign = restoring_key(secrets.token_hex(8))
        with guarded():
            await self._redis.set(sign, "1", ex=RESTORED_WITHIN_S)
        return sign

    async def restore(self, sign: str, rows: Iterable[tuple[int, int, str]], seconds_of: Callable[[int], int]) -> bool:
        """Puts back the claims of (order id, user id, device id), then the mark; False when Redis was emptied again
        since the sign was set, and all must be read anew. Raises Unavailable.
        """
        with guarded():
            async with self._redis.pipeline(transaction=False) as pipe:
                for order_id, user_id, device_id in rows:
                    pipe.set(claim_key(order_id, user_id), device_id, nx=True, ex=seconds_of(order_id))
                await pipe.execute()
            return bool(await self._mark(keys=[sign, CLAIMS_COMPLETE]))
