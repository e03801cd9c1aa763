"""Processes of one database and two Redis servers: one is refused, none hands an order out a second time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest

from hub.clock import now_ms
from hub.cluster.claims import NEW, OURS, Claims
from hub.cluster.redis import connect, identity
from hub.errors import Unavailable
from hub.orders.claiming import Claiming
from hub.orders.facts import ChunkSent
from hub.orders.family import Family, Split
from hub.orders.ledger import Ledger
from hub.store import Store, installation
from hub.store.migrations import migrate
from protocol.messages import Order
from tests.hub.model.test_delivery import Holder, draft
from tests.services.redis_server import RedisServer
from tests.services.waiting import eventually

AT = 4_000_000_000_000
ORDER = Order(7, "TEN_MINUTE", "BTCUSDT", "LONG", 60, AT, AT + 60_000)


async def trusted() -> None:
    """A clock without a doubt."""


class Process:
    """One hub process, as far as it claims."""

    def __init__(self, store: Store, name: str, redis_url: str) -> None:
        self.redis = connect(redis_url)
        self.heard_of: list[str] = []
        self.claims = Claims(self.redis)
        self.ledger = Ledger(store, now_ms)
        self.family = Family(
            store=store,
            identity=partial(identity, self.redis),
            present=self.present,
            process=name,
            unwritten=lambda: self.ledger.depth,
        )
        self.claiming = Claiming(
            clock=now_ms,
            check_clock=trusted,
            store=store,
            claims=self.claims,
            ledger=self.ledger,
            family=self.family,
        )

    async def present(self) -> set[str]:
        """Whom it has heard of in Redis."""
        return set(self.heard_of)

    async def claim(self, user: bytes) -> bytes:
        return await self.claiming.claim(ORDER, user, b"device")


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    await asyncio.to_thread(migrate, database_url)
    made = Store(database_url)
    yield made
    await made.close()


async def test_two_on_one_redis_are_one_family(store: Store, redis_url: str) -> None:
    processes = [Process(store, name, redis_url) for name in ("a", "b")]
    for process in processes:
        await process.family.beat()
        await process.family.check()
        await process.claiming.restore()
    assert list(await processes[0].claim(b"7")) == [NEW]
    assert list(await processes[1].claim(b"7")) == [OURS]
    for process in processes:
        await process.redis.aclose()


async def test_of_two_on_two_redis_the_second_claims_nothing_and_both_know(
    store: Store, redis_url: str, own_redis: Callable[[], RedisServer]
) -> None:
    other = await asyncio.to_thread(own_redis)
    first, second = Process(store, "a", redis_url), Process(store, "b", other.url())
    await first.family.beat()
    await first.claiming.restore()
    assert list(await first.claim(b"7")) == [NEW]
    await second.family.beat()
    with pytest.raises(Split, match=r"a has this database but another Redis: compare HUB_REDIS_URL"):
        await second.claim(b"7")
    await first.family.beat()
    with pytest.raises(Split, match="hub process b"):
        await first.claim(b"8")
    for process in (first, second):
        await process.redis.aclose()


async def test_a_redis_that_is_only_out_of_reach_stops_nobody_else(
    store: Store, redis_url: str, own_redis: Callable[[], RedisServer]
) -> None:
    dead = await asyncio.to_thread(own_redis)
    first, second = Process(store, "a", redis_url), Process(store, "b", dead.url())
    await asyncio.to_thread(dead.kill)
    await second.family.beat()
    await first.family.beat()
    await first.family.check()
    assert list(await first.claim(b"7")) == [NEW]
    for process in (first, second):
        await process.redis.aclose()


async def test_a_process_that_died_is_forgotten_and_the_other_goes_on(
    store: Store, redis_url: str, own_redis: Callable[[], RedisServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installation, "ALIVE_S", 1)
    other = await asyncio.to_thread(own_redis)
    dead, alive = Process(store, "a", redis_url), Process(store, "b", other.url())
    await dead.family.beat()
    await alive.family.beat()
    assert alive.family.split is not None

    async def is_whole() -> bool:
        await alive.family.beat()
        return alive.family.split is None

    await eventually(is_whole, "the dead one no longer counts")
    assert list(await alive.claim(b"7")) == [NEW]
    for process in (dead, alive):
        await process.redis.aclose()


async def test_a_server_that_is_exchanged_at_run_time_is_not_claimed_on_while_another_process_has_the_old_one(
    store: Store, redis_url: str, own_redis: Callable[[], RedisServer]
) -> None:
    """Also where the new one carries a mark of its own, from a day when the family used it."""
    other = await asyncio.to_thread(own_redis)
    earlier = Process(store, "c", other.url())
    await earlier.claiming.restore()
    await store.installation.leave("c")
    stays, moves = Process(store, "a", redis_url), Process(store, "b", redis_url)
    for process in (stays, moves):
        await process.family.beat()
        await process.claiming.restore()
    assert list(await stays.claim(b"7")) == [NEW]
    moves.redis.connection_pool.connection_kwargs["port"] = other.port
    await moves.redis.connection_pool.disconnect()
    moves.redis.connection_pool.reset()
    with pytest.raises(Split):
        await moves.claim(b"7")
    assert await earlier.claims.owner(ORDER.id, 7) is None
    for process in (stays, moves, earlier):
        await process.redis.aclose()


async def test_claims_are_not_complete_while_another_processs_rows_wait(store: Store, redis_url: str) -> None:
    """Redis is emptied while they wait for a locked table: who was given the order stands nowhere else."""
    user_id = await store.users.create("ann", "x", "trader", None, 0)
    waits, other = Process(store, "a", redis_url), Process(store, "b", redis_url)
    order = (await store.orders.publish(draft(valid_duration=300), now_ms()))[0].order
    await waits.claiming.restore()
    await other.family.beat()
    await other.claiming.restore()
    waits.ledger.sent(ChunkSent(order.id, now_ms(), [Holder(user_id, "phone")], frozenset()))
    await waits.family.beat()
    await waits.redis.flushall()
    restoring = asyncio.create_task(other.claiming.restore())
    await asyncio.wait([restoring], timeout=1.5)
    assert not restoring.done()
    await waits.ledger.flush()
    await waits.family.beat()
    await restoring
    claimed = await other.claiming.claim(order, str(user_id).encode(), b"laptop")
    assert claimed == b"0"
    for process in (waits, other):
        await process.redis.aclose()


async def test_nor_while_another_process_is_heard_of_in_redis_that_cannot_say_so(
    store: Store, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is cut off from the database for longer than it counts as alive there; its rows wait all the same."""
    monkeypatch.setattr("hub.orders.family.WRITTEN_WITHIN_S", 0.5)
    process = Process(store, "a", redis_url)
    await store.orders.publish(draft(valid_duration=300), now_ms())
    await process.family.beat()
    await process.claiming.restore()
    await process.redis.flushall()
    process.heard_of = ["a", "cut-off"]
    with pytest.raises(Unavailable, match="cut-off has rows that wait"):
        await process.claiming.restore()
    process.heard_of = ["a"]
    await process.claiming.restore()
    await process.redis.aclose()
