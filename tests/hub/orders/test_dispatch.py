"""The story's own promises, where no store is to blame."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hub.app import Hub
from hub.config import Settings
from hub.model.records import OrderRow
from hub.orders.live import LiveOrder
from hub.sessions.registry import ClaimBatch
from hub.store.migrations import migrate
from tests.hub.model.test_delivery import draft

from .test_fanout import Box, session


@pytest.fixture
async def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hub]:
    """A laptop's, with a database; none of its parts runs by itself."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HUB_DATA_DIR", str(tmp_path))
    settings = Settings()
    await asyncio.to_thread(migrate, settings.database_url)
    hub = Hub(settings)
    await hub.bus.start()
    yield hub
    await hub.background.stop()
    hub.auth.close()
    await hub.redis.aclose()
    await hub.store.close()


async def order_of(hub: Hub, seconds: int) -> OrderRow:
    return (await hub.store.orders.publish(draft(valid_duration=seconds), hub.clock.now()))[0]


async def test_a_fan_out_that_failed_is_tried_again_while_the_window_is_open(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it failed of: a mistake of ours in one chunk must not cost all others the order."""
    whole, tries = hub.registry.batches, []

    def broken_twice() -> Iterator[ClaimBatch]:
        tries.append(hub.clock.now())
        if len(tries) <= 2:
            raise RuntimeError("a mistake of ours")
        return iter(whole())

    monkeypatch.setattr(hub.registry, "batches", broken_twice)
    await hub.dispatch.fan_out(LiveOrder((await order_of(hub, 60)).order, None))
    assert len(tries) == 3


async def test_and_not_beyond_it(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Iterator[ClaimBatch]:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(hub.registry, "batches", broken)
    row = await order_of(hub, 1)
    await hub.dispatch.fan_out(LiveOrder(row.order, None))
    assert hub.clock.now() >= row.order.expires_ms


async def test_who_arrives_while_an_order_goes_out_gets_one_frame_of_it(hub: Hub) -> None:
    """Fan-out and catch-up both have the claim, and both wait for the row: a laptop's hub is strict."""
    await hub.supervisor.once(hub.upkeep.first[1])
    await hub.claiming.restore()
    boxes = [Box(lambda: None) for _ in range(20)]
    people = [await hub.store.users.create(f"user{n}", "x", "trader", None, 0) for n in range(20)]
    sessions = [session(user_id, box) for user_id, box in zip(people, boxes, strict=True)]
    for one in sessions:
        hub.registry.join(one)
    live = hub.live.track(await order_of(hub, 60))
    assert live is not None
    await asyncio.gather(hub.dispatch.fan_out(live), *(hub.dispatch.catch_up([one]) for one in sessions))
    assert [box.frames for box in boxes] == [1] * 20
