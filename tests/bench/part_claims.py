"""Claims measured: one after the other, again by the same device, at saturation, and what one weighs in Redis.

Used by `parts`. Claims of orders that no table has: Redis needs none.
"""

import asyncio
from collections.abc import Iterator
from typing import Final

from hub.cluster.redis import claim_key

from .part_rig import DEVICE, Figure, Part, Rig

_SECONDS: Final = 60
_IN_FLIGHT: Final = 8
_ORDERS: Final = 4
_WEIGHED_ORDERS: Final = 20

Chunk = tuple[bytes, bytes]


async def measure(rig: Rig) -> list[Part | Figure]:
    """Hub and Redis CPU a claim; Redis's limit; bytes a claim."""
    chunks, size = _chunks(rig), f"chunks of {rig.sizes.chunk:,}"
    await rig.empty_redis(is_complete=True)
    orders = {r: [rig.new_order_id() for _ in range(_ORDERS)] for r in range(rig.sizes.rounds)}
    units = _ORDERS * rig.sizes.users

    async def claim(number: int) -> None:
        for order_id in orders[number]:
            for users, devices in chunks:
                await rig.hub.claims.claim(order_id, _SECONDS, users, devices)

    first = await rig.meter.cost(units, claim)
    again = await rig.meter.cost(units, claim)
    found: list[Part | Figure] = [
        Part("claim", f"a claim, {size}, one chunk after the other", "claim", first),
        Part("claim_again", "the same by the device that has it (a reconnect)", "claim", again),
    ]
    return found + await _saturated(rig, chunks) + await _weight(rig, chunks)


def _chunks(rig: Rig) -> list[Chunk]:
    def joined(ids: list[int]) -> Chunk:
        return ",".join(map(str, ids)).encode(), ",".join(DEVICE.format(i) for i in ids).encode()

    ids = [token.user_id for token in rig.users]
    return [joined(ids[start : start + rig.sizes.chunk]) for start in range(0, len(ids), rig.sizes.chunk)]


async def _saturated(rig: Rig, chunks: list[Chunk]) -> list[Part | Figure]:
    """Several chunks in flight all the time, so that Redis and not the hub is what all wait for."""

    async def worker(work: Iterator[tuple[int, Chunk]]) -> None:
        for order_id, (users, devices) in work:
            await rig.hub.claims.claim(order_id, _SECONDS, users, devices)

    async def flood(_number: int) -> None:
        orders = [rig.new_order_id() for _ in range(2 * _ORDERS)]
        work = ((order_id, chunk) for order_id in orders for chunk in chunks)
        await asyncio.gather(*(worker(work) for _ in range(_IN_FLIGHT)))

    cost = await rig.meter.cost(2 * _ORDERS * rig.sizes.users, flood)
    return [
        Part("claim_flood", f"a claim, {_IN_FLIGHT} chunks in flight", "claim", cost),
        Figure("claims_per_s", f"claims a second of one Redis, {_IN_FLIGHT} chunks in flight", 1e6 / cost.wall, "/s"),
        Figure("claims_busy", "Redis's core busy meanwhile", 100 * cost.redis / cost.wall, "%"),
    ]


async def _weight(rig: Rig, chunks: list[Chunk]) -> list[Part | Figure]:
    redis = rig.hub.redis
    await rig.empty_redis(is_complete=True)
    before = (await redis.info("memory"))["used_memory"]
    for number in range(_WEIGHED_ORDERS):
        for users, devices in chunks:
            await rig.hub.claims.claim(number + 1, _SECONDS, users, devices)
    used = (await redis.info("memory"))["used_memory"] - before
    claims = _WEIGHED_ORDERS * rig.sizes.users
    key = await redis.memory_usage(claim_key(1, rig.users[0].user_id))
    return [
        Figure("claim_bytes", f"Redis memory a claim, over {claims:,} claims", used / claims, "B"),
        Figure("claim_key_bytes", "of it the key and its value (MEMORY USAGE)", key, "B"),
    ]
