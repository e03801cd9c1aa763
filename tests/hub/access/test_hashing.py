"""Hashes are slow, so few wait for one: the next is told when to come back, and who has gone is not hashed."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator

import pytest
from argon2 import PasswordHasher, extract_parameters

from hub.access.hashing import LONGEST_WAIT_S, MOST_WAITING, Hashing, HashQueue
from hub.errors import Refusal

OLD = PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=4)


@pytest.fixture
async def hashing() -> AsyncIterator[Hashing]:
    made = Hashing()
    yield made
    made.close()


@pytest.fixture
async def queue() -> AsyncIterator[HashQueue]:
    made = HashQueue("test")
    yield made
    made.close()


async def gone() -> bool:
    return True


async def test_when_twenty_wait_the_next_is_refused_at_once_and_each_with_a_later_moment(queue: HashQueue) -> None:
    waits: list[int] = []
    with contextlib.ExitStack() as places:
        for _ in range(1 + MOST_WAITING):
            places.enter_context(queue.place())
        for _ in range(2_000):
            with pytest.raises(Refusal) as refused, queue.place():
                pass
            assert refused.value.reason == "too_many"
            assert refused.value.retry_after_s is not None
            waits.append(refused.value.retry_after_s)
    assert waits == sorted(waits)
    assert 1 <= waits[0] < waits[-1] <= LONGEST_WAIT_S
    with queue.place():
        assert queue.is_idle


async def test_a_caller_who_has_gone_is_not_hashed(queue: HashQueue) -> None:
    hashed: list[str] = []
    with pytest.raises(Refusal):
        await queue.run(lambda: hashed.append("gone"), gone)
    await queue.run(lambda: hashed.append("there"))
    assert hashed == ["there"]


async def test_admins_do_not_wait_for_traders(hashing: Hashing) -> None:
    free = threading.Event()
    busy = asyncio.create_task(hashing.queue(is_admin=False).run(free.wait))
    stored = await hashing.hash("a good password")
    assert (await hashing.check(hashing.queue(is_admin=True), stored, "a good password", None)).is_right
    assert not busy.done()
    free.set()
    await busy


async def test_an_older_hash_is_made_anew_and_one_of_today_is_kept(hashing: Hashing) -> None:
    queue = hashing.queue(is_admin=False)
    renewed = (await hashing.check(queue, OLD.hash("a good password"), "a good password", None)).renewed
    assert renewed is not None
    found = extract_parameters(renewed)
    assert (found.memory_cost, found.time_cost, found.parallelism) == (19 * 1_024, 2, 1)
    assert await hashing.check(queue, renewed, "a good password", None) == (True, None)


async def test_a_wrong_password_and_a_name_that_nobody_has_are_wrong_and_renew_nothing(hashing: Hashing) -> None:
    queue = hashing.queue(is_admin=False)
    assert await hashing.check(queue, OLD.hash("a good password"), "another password", None) == (False, None)
    assert await hashing.check(queue, None, "a good password", None) == (False, None)
    assert await hashing.check(queue, "no hash at all", "a good password", None) == (False, None)
