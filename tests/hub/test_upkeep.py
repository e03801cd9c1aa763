"""The duties of a hub process, each done once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hub.app import Hub
from hub.clock import Clock, now_ms, steady
from hub.cluster.family_clock import FamilyClock
from hub.cluster.peers import Peers
from hub.cluster.redis import connect
from hub.config import Settings
from hub.errors import Unavailable
from hub.store.migrations import migrate


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A laptop's, with a database."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HUB_DATA_DIR", str(tmp_path))
    settings = Settings()
    migrate(settings.database_url)
    return settings


@pytest.fixture
async def hub(settings: Settings) -> AsyncIterator[Hub]:
    """Its parts, of which none runs by itself."""
    hub = Hub(settings)
    await hub.redis.flushall()
    await hub.bus.start()
    yield hub
    hub.auth.close()
    await hub.redis.aclose()
    await hub.store.close()


async def test_each_part_of_readiness_is_proven_by_a_duty(hub: Hub) -> None:
    assert not any(part.is_ready for part in hub.readiness.parts())
    reading = asyncio.create_task(hub.bus.read_forever(hub.listener.hear))
    for duty in (*hub.upkeep.first, *hub.upkeep.later):
        await hub.supervisor.once(duty)
    assert hub.supervisor.down == []
    assert [part.name for part in hub.readiness.parts() if not part.is_ready] == []
    reading.cancel()


async def test_a_process_knows_whether_others_would_take_its_agents(hub: Hub) -> None:
    (presence,) = [duty for duty in hub.upkeep.first if duty.name == "presence"]
    await presence.run()
    assert not hub.hint.is_covered
    await Peers(hub.redis).say_alive()
    await presence.run()
    assert hub.hint.is_covered


async def test_a_family_whose_stores_contradict_each_other_hands_nothing_out(hub: Hub) -> None:
    """A second apart: one of the two machines' clocks is wrong, and nobody knows which."""
    clock = FamilyClock(connect("redis://127.0.0.1:1"))
    clock.compare(1_002_500, 1_000_000, 1_000_001)
    with pytest.raises(Unavailable, match=r"2\.5 s apart"):
        await clock.check()
    clock.compare(1_000_900, 1_000_000, 1_000_001)
    await clock.check()


async def test_two_processes_whose_machines_are_8_s_apart_have_one_clock(redis_url: str) -> None:
    redis = connect(redis_url)
    clocks = [FamilyClock(redis, lambda ahead=ahead: now_ms() + ahead, steady_ahead(ahead)) for ahead in (0, 8_000)]  # type: ignore[misc]
    assert abs(clocks[1].now() - clocks[0].now()) > 7_000
    for clock in clocks:
        await clock.sample()
    assert abs(clocks[1].now() - clocks[0].now()) < 100
    await redis.aclose()


def steady_ahead(ahead: int) -> Clock:
    """What a process counts whose machine was ahead when it started."""
    counted = steady()
    return lambda: counted() + ahead
