"""Orders as the doorbell's companions: `order:cache:{id}` saves each process a query, and may be absent."""

import msgspec
from redis.asyncio import Redis

from hub.cluster.redis import guarded, order_cache_key
from hub.model.records import OrderRow


class OrderCache:
    """Published orders in Redis, for as long as their window."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def put(self, row: OrderRow) -> None:
        with guarded():
            await self._redis.set(order_cache_key(row.order.id), msgspec.json.encode(row), ex=row.order.valid_duration)

    async def get(self, order_id: int) -> OrderRow | None:
        """Raises Unavailable."""
        with guarded():
            value = await self._redis.get(order_cache_key(order_id))
        return msgspec.json.decode(value, type=OrderRow) if value is not None else None

    async def drop(self, order_id: int) -> None:
        with guarded():
            await self._redis.delete(order_cache_key(order_id))
