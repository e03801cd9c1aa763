"""Claims: one order of one user goes to one device, on a real Redis and on the embedded one."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from redis.asyncio import Redis

from hub.cluster.claims import KEPT_AFTER_WINDOW_S, NEW, OURS, Claims, Incomplete
from hub.cluster.redis import CLAIMS_COMPLETE, connect

OTHERS = ord("0")


@pytest.fixture(params=["embedded", "server"])
async def redis(request: pytest.FixtureRequest) -> AsyncIterator[Redis]:
    url = "embedded://" if request.param == "embedded" else request.getfixturevalue("redis_url")
    client = connect(url)
    await client.flushall()
    yield client
    await client.aclose()


async def restore(claims: Claims, rows: list[tuple[int, int, str]], seconds_of: Callable[[int], int]) -> bool:
    return await claims.restore(await claims.begin_restoring(), rows, seconds_of)


@pytest.fixture
async def claims(redis: Redis) -> Claims:
    """Complete, as after a start."""
    made = Claims(redis)
    assert await restore(made, [], lambda _order_id: 1)
    return made


async def test_new_ours_and_another_devices(claims: Claims) -> None:
    assert list(await claims.claim(1, 60, b"7,8", b"phone,tablet")) == [NEW, NEW]
    assert list(await claims.claim(1, 60, b"7,8,9", b"phone,laptop,phone")) == [OURS, OTHERS, NEW]
    assert list(await claims.claim(2, 60, b"7", b"laptop")) == [NEW]
    assert await claims.owner(1, 8) == "tablet"
    assert await claims.owner(1, 10) is None


async def test_of_two_hundred_who_try_at_once_one_gets_it(claims: Claims) -> None:
    flags = await asyncio.gather(*(claims.claim(1, 60, b"7", f"device-{n}".encode()) for n in range(200)))
    assert sorted(flag[0] for flag in flags) == [OTHERS] * 199 + [NEW]


async def test_a_whole_chunk_in_its_order(claims: Claims) -> None:
    users = list(range(1, 1_001))
    await claims.claim(
        1, 60, ",".join(str(user) for user in users[::3]).encode(), b",".join([b"old"] * len(users[::3]))
    )
    flags = await claims.claim(1, 60, ",".join(map(str, users)).encode(), b",".join([b"new"] * len(users)))
    assert [flag == NEW for flag in flags] == [(user - 1) % 3 != 0 for user in users]


async def test_a_claim_outlives_its_window_by_an_hour(claims: Claims, redis: Redis) -> None:
    await claims.claim(1, 60, b"7", b"phone")
    assert 60 < await redis.ttl("order:assigned:1:7") <= 60 + KEPT_AFTER_WINDOW_S
    assert await redis.ttl("order:assigned:1:7") > KEPT_AFTER_WINDOW_S


async def test_an_emptied_redis_claims_nothing_until_the_claims_are_back(claims: Claims, redis: Redis) -> None:
    await claims.claim(1, 60, b"7", b"phone")
    await redis.flushall()
    assert not await claims.is_complete()
    with pytest.raises(Incomplete):
        await claims.claim(1, 60, b"7", b"laptop")
    assert await redis.get("order:assigned:1:7") is None
    assert await restore(claims, [(1, 7, "phone"), (2, 7, "laptop")], lambda order_id: 100 * order_id)
    assert await claims.is_complete()
    assert list(await claims.claim(1, 60, b"7", b"laptop")) == [OTHERS]
    assert list(await claims.claim(1, 60, b"7", b"phone")) == [OURS]
    assert 100 < await redis.ttl("order:assigned:2:7") <= 200


async def test_a_redis_emptied_again_while_claims_are_restored_is_not_complete(claims: Claims, redis: Redis) -> None:
    """What was put back before the second loss is gone: the mark must not say otherwise."""
    await redis.flushall()
    sign = await claims.begin_restoring()
    await redis.flushall()
    assert not await claims.restore(sign, [(1, 7, "phone")], lambda _order_id: 100)
    assert not await claims.is_complete()
    assert await restore(claims, [(1, 7, "phone")], lambda _order_id: 100)
    assert await claims.owner(1, 7) == "phone"


async def test_a_claim_without_a_row_is_kept_and_a_row_is_the_proof_against_another_claim(claims: Claims) -> None:
    await claims.claim(1, 60, b"7,8", b"phone,phone")
    assert await restore(claims, [(1, 7, "laptop")], lambda _order_id: 100)
    assert await claims.owner(1, 7) == "laptop"
    assert await claims.owner(1, 8) == "phone"


async def test_a_mark_of_another_server_counts_for_nothing(claims: Claims, redis: Redis) -> None:
    """A snapshot that came back, a replica that was promoted: the data has a mark, of a server that is no more."""
    await redis.set(CLAIMS_COMPLETE, "of another server")
    assert not await claims.is_complete()
    with pytest.raises(Incomplete):
        await claims.claim(1, 60, b"7", b"laptop")


async def test_a_server_that_this_process_has_not_restored_to_is_not_claimed_on(claims: Claims, redis: Redis) -> None:
    """Its mark may be of earlier days, when the family used it before."""
    newcomer = Claims(redis)
    assert not await newcomer.is_complete()
    with pytest.raises(Incomplete):
        await newcomer.claim(1, 60, b"7", b"laptop")
    assert await restore(newcomer, [], lambda _order_id: 1)
    assert list(await newcomer.claim(1, 60, b"7", b"laptop")) == [NEW]
    assert await claims.is_complete()


@pytest.mark.parametrize("key", [CLAIMS_COMPLETE, "order:assigned:1:7"])
async def test_a_key_of_another_type_has_the_claims_restored(claims: Claims, redis: Redis, key: str) -> None:
    await claims.claim(1, 60, b"7", b"phone")
    await redis.delete(key)
    await redis.rpush(key, "something")
    with pytest.raises(Incomplete):
        await claims.claim(1, 60, b"7,8", b"laptop,laptop")
    assert not await claims.is_complete()
    assert await restore(claims, [(1, 7, "phone")], lambda _order_id: 60)
    assert list(await claims.claim(1, 60, b"7,8", b"laptop,laptop")) == [OTHERS, NEW]


async def test_a_script_that_redis_forgot_is_sent_again(claims: Claims, redis: Redis) -> None:
    await claims.claim(1, 60, b"7", b"phone")
    await redis.script_flush()
    assert list(await claims.claim(1, 60, b"8", b"phone")) == [NEW]
