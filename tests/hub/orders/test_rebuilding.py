"""What a killed process had claimed and not written: its rows come back from the claims."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from hub.clock import now_ms
from hub.cluster.claims import NEW
from hub.model.delivery import holder_of
from hub.model.records import AssignmentRow, OrderRow
from hub.orders.rebuilding import Rebuilding
from hub.store import Store, installation
from hub.store.migrations import migrate
from tests.hub.model.test_delivery import draft
from tests.services.waiting import eventually

from .test_family import Process


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    await asyncio.to_thread(migrate, database_url)
    made = Store(database_url)
    yield made
    await made.close()


def rebuilding(process: Process, store: Store, strict: bool = False) -> Rebuilding:
    return Rebuilding(
        store=store,
        claims=process.claims,
        family=process.family,
        ledger=process.ledger,
        strict=strict,
        clock=now_ms,
    )


async def given(store: Store, redis_url: str, *devices: str) -> tuple[OrderRow, Process]:
    """An order that a process claimed for a user a device, and did not write; and that process."""
    dies = Process(store, "dies", redis_url)
    users = [await store.users.create(f"user{n}", "x", "trader", None, 0) for n in range(len(devices))]
    row, _ = await store.orders.publish(draft(valid_duration=300), now_ms())
    await dies.family.beat()
    await dies.claiming.restore()
    claimed = await dies.claiming.claim(row.order, ",".join(map(str, users)).encode(), ",".join(devices).encode())
    assert list(claimed) == [NEW] * len(devices)
    return row, dies


async def rows(store: Store, row: OrderRow) -> list[AssignmentRow]:
    return (await store.assignments.of_order(row.order.id, None, row.order.created_ms))[0]


@pytest.mark.parametrize("strict", [False, True])
async def test_they_are_there_at_the_next_start(store: Store, redis_url: str, strict: bool) -> None:
    """In fast they may have been sent; in strict they were not, for want of a row."""
    row, dies = await given(store, redis_url, holder_of("phone", "journal-1"), "laptop", "poll:7")
    starts = Process(store, "starts", redis_url)
    await starts.family.beat()
    await rebuilding(starts, store, strict).run()
    await starts.ledger.flush()
    found = await rows(store, row)
    assert sorted((one.device_id, one.was_sent) for one in found) == [("laptop", not strict), ("phone", not strict)]
    owners = await store.assignments.owners([row.order.id])
    assert {holder for _, _, holder in owners} == {"phone/journal-1", "laptop"}
    for process in (dies, starts):
        await process.redis.aclose()


async def test_a_survivor_does_it_for_one_that_is_heard_of_no_more(
    store: Store, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installation, "ALIVE_S", 1)
    lives, other = Process(store, "lives", redis_url), Process(store, "dies", redis_url)
    work = rebuilding(lives, store)
    await other.family.beat()
    await lives.family.beat()
    await work.run()
    row, dies = await given(store, redis_url, "phone")
    await work.run()
    assert await rows(store, row) == []  # it lives, and will write them itself

    async def is_gone() -> bool:
        await lives.family.beat()
        return lives.family.gone == 1

    await eventually(is_gone, "it is heard of no more")
    await work.run()
    await lives.ledger.flush()
    assert [one.device_id for one in await rows(store, row)] == ["phone"]
    for process in (dies, lives, other):
        await process.redis.aclose()
