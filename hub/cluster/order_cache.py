"""Orders as the doorbell's companions: `order:cache:{id}` saves each process a query, and may be absent.

The invariant: it never says what has become of an order. A cancelled one leaves a tombstone that no later `put`
replaces, so that a process slow to announce an order cannot bring it back.
"""

from typing import Final

import msgspec
from redis.asyncio import Redis

from hub.cluster.redis import Command, guarded, order_cache_key
from hub.model.records import OrderRow
from protocol.messages import LONGEST_WINDOW_S

TOMBSTONE: Final = b"cancelled"


class Cancelled(Exception):
    """The order was cancelled: it is not handed out, whatever else is heard of it."""


class OrderCache:
    """Published orders in Redis, for as long as their window."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    @staticmethod
    def putting(row: OrderRow) -> Command:
        """The command that keeps the order, unless something is there."""
        return "SET", order_cache_key(row.order.id), msgspec.json.encode(row), "NX", "EX", row.order.valid_duration

    async def get(self, order_id: int) -> OrderRow | None:
        """None when it is not there, or not to be read. Raises Unavailable, Cancelled."""
        with guarded():
            value = await self._redis.get(order_cache_key(order_id))
        if value == TOMBSTONE:
            raise Cancelled
        try:
            return msgspec.json.decode(value, type=OrderRow) if value is not None else None
        except msgspec.MsgspecError:
            return None

    async def bury(self, order_id: int) -> None:
        """Leaves a tombstone for as long as a window can last. Raises Unavailable."""
        with guarded():
            await self._redis.set(order_cache_key(order_id), TOMBSTONE, ex=LONGEST_WINDOW_S)
