"""The duties of a hub process, each done once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hub.app import Hub
from hub.cluster.peers import Peers
from hub.config import Settings
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
