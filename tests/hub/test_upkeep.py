"""What the caretaker knows of the other processes when Redis was emptied."""

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


async def test_others_that_an_emptied_redis_does_not_know_yet_are_still_there_for_a_second(hub: Hub) -> None:
    await Peers(hub.redis).say_alive()
    await hub.caretaker.learn()
    await hub.caretaker.learn()
    assert hub.comeback.is_covered
    await hub.redis.flushall()
    await hub.caretaker.learn()
    assert hub.comeback.is_covered
    await hub.caretaker.learn()
    assert not hub.comeback.is_covered
