"""Fan-out on a real Redis: what is under way while frames are written, on the loop of production and on asyncio's."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import uvloop
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from hub.clock import now_ms
from hub.cluster.claims import Claims
from hub.cluster.peers import Peers
from hub.cluster.redis import claim_key, connect, identity
from hub.orders.claiming import Claiming
from hub.orders.family import Family
from hub.orders.fanout import FanOut
from hub.orders.ledger import Ledger
from hub.orders.live import LiveOrder
from hub.sessions.registry import FIRST_CHUNK, Registry, Session
from hub.store import Store
from hub.store.migrations import migrate
from protocol.conversation import Conversation
from protocol.messages import Hello, Order
from tests.services.redis_server import RedisServer
from tests.services.waiting import wait_until

ORDER_ID = 7
FIRST_OF_SECOND = FIRST_CHUNK + 1
FIRST_OF_THIRD = 3 * FIRST_CHUNK + 1


async def trusted() -> None:
    """A clock without a doubt."""


class Box:
    """An outbox that counts its frames; `meanwhile` runs while the loop is busy with writing this one."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self.frames = 0
        self._meanwhile = meanwhile

    def offer(self, text: bytes, frame: bytes) -> bool:
        self.frames += 1
        self._meanwhile()
        return True


class Together(Claims):
    """Redis's answers for the first two chunks are heard in the same moment, as when it was busy."""

    def __init__(self, redis: AsyncRedis) -> None:
        super().__init__(redis)
        self._both = asyncio.Barrier(2)

    async def claim(self, order_id: int, valid_duration: int, users: bytes, devices: bytes) -> bytes:
        flags = await super().claim(order_id, valid_duration, users, devices)
        if len(flags) > 1:
            await self._both.wait()
        return flags


def session(user_id: int, outbox: Box) -> Session:
    at_ms = now_ms()
    made = Session(
        user_id,
        f"user{user_id}",
        "token",
        account_expire_ms=None,
        token_expire_ms=at_ms + 60_000,
        address="127.0.0.1",
        outbox=outbox,  # type: ignore[arg-type]
        conversation=Conversation("hub"),
        now_ms=at_ms,
    )
    made.introduce(Hello("phone", "1", "paper", []))
    return made


async def fan_out(redis_url: str, database_url: str, sessions: list[Session]) -> None:
    store, redis = Store(database_url), connect(redis_url)
    claims, registry, ledger = Together(redis), Registry(), Ledger(store, now_ms)
    peers = Peers(redis)
    family = Family(
        store=store,
        identity=partial(identity, redis),
        present=peers.alive_lately,
        process=peers.name,
        unwritten=lambda: ledger.depth,
    )
    claiming = Claiming(clock=now_ms, check_clock=trusted, store=store, claims=claims, ledger=ledger, family=family)
    await claims.restore(await claims.begin_restoring(), [], lambda _order_id: 1)
    for one in sessions:
        registry.join(one)
    at_ms = now_ms()
    order = Order(ORDER_ID, "TEN_MINUTE", "BTCUSDT", "LONG", 60, at_ms, at_ms + 60_000)
    story = FanOut(clock=now_ms, store=store, claiming=claiming, registry=registry, ledger=ledger, mode="fast")
    try:
        await story.deliver(LiveOrder(order, None), registry.batches())
    finally:
        await redis.aclose()
        await store.close()


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_the_next_chunk_is_claimed_while_frames_are_written(
    new_loop: Callable[[], asyncio.AbstractEventLoop], redis_server: RedisServer, redis_url: str, tmp_path: Path
) -> None:
    database_url = f"sqlite+aiosqlite:///{tmp_path / 'hub.db'}"
    migrate(database_url)

    def wait_for_third_chunk(watcher: Redis) -> None:
        # The loop stands still in here: the claim arrives only if it was sent before the first of these frames.
        key = claim_key(ORDER_ID, FIRST_OF_THIRD)
        wait_until(lambda: watcher.exists(key), "the third chunk's claims at Redis", timeout_s=5)

    with redis_server.client() as watcher:
        boxes = [
            Box((lambda: wait_for_third_chunk(watcher)) if user_id == FIRST_OF_SECOND else lambda: None)
            for user_id in range(1, FIRST_OF_THIRD + 1)
        ]
        sessions = [session(user_id, box) for user_id, box in enumerate(boxes, 1)]
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(fan_out(redis_url, database_url, sessions))
    assert {box.frames for box in boxes} == {1}
