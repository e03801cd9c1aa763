"""Which hub processes live, on a real Redis and on the embedded one."""

import time
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from hub.cluster.peers import ALIVE_S, GROUP, Peers
from hub.cluster.redis import PROCESSES, connect


@pytest.fixture(params=["embedded", "server"])
async def redis(request: pytest.FixtureRequest) -> AsyncIterator[Redis]:
    client = connect("embedded://" if request.param == "embedded" else request.getfixturevalue("redis_url"))
    await client.flushall()
    yield client
    await client.aclose()


async def test_who_says_so_is_alive_and_who_leaves_is_not(redis: Redis) -> None:
    one, other = Peers(redis), Peers(redis)
    await one.say_alive()
    assert await one.alive() == [one.name]
    assert not await one.has_others()
    assert await other.has_others()
    await other.say_alive()
    assert sorted(await one.alive()) == sorted([one.name, other.name])
    assert await one.has_others()
    await other.leave()
    assert await one.alive() == [one.name]


async def test_who_was_not_heard_of_lately_is_not_counted_and_later_forgotten(redis: Redis) -> None:
    peers = Peers(redis)
    await redis.zadd(PROCESSES, {"dead-1-a": 1})
    assert not await peers.has_others()
    await peers.say_alive()
    assert await redis.zrange(PROCESSES, 0, -1) == [peers.name.encode()]


async def test_the_workers_of_one_hub_are_no_others_to_each_other(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(GROUP, "family")
    one, other = Peers(redis), Peers(redis)
    await one.say_alive()
    await other.say_alive()
    assert len(await one.alive()) == 2
    assert not await one.has_others()


async def test_who_started_counts_before_it_says_that_it_lives_and_not_after_it_has_left(redis: Redis) -> None:
    one, other = Peers(redis), Peers(redis)
    await one.say_alive()
    one.on_started(other.name)
    assert await one.has_others()
    await other.say_alive()
    assert await one.has_others()
    await other.leave()
    assert not await one.has_others()


async def test_what_started_and_was_never_heard_of_is_forgotten(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Peers(redis)
    one.on_started("other-1-a")
    later = time.monotonic() + ALIVE_S + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert not await one.has_others()
