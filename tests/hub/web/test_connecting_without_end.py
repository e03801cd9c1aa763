"""A trader's agent that connects without end is told to come back later, and everybody else gets in."""

import asyncio
from pathlib import Path

import pytest
import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from hub.access import pace
from hub.app import Hub, build
from hub.config import Settings
from hub.server import uvicorn_options
from hub.store.migrations import migrate
from hub.web import socket
from protocol.messages import SUBPROTOCOL
from tests.operation.loop_server import serving
from tests.operation.test_memory import log_in
from tests.services.process import free_port


async def enter(port: int, token: str) -> ClientConnection:
    headers = {"Authorization": f"Bearer {token}"}
    return await connect(f"ws://127.0.0.1:{port}/ws", subprotocols=[SUBPROTOCOL], additional_headers=headers)


async def story(settings: Settings) -> None:
    port, app = free_port(), build(settings)
    hub: Hub = app.state.hub
    async with serving(app, **uvicorn_options("127.0.0.1", port)):
        alice, bob = await log_in(hub, "alice"), await log_in(hub, "bob")
        async with await enter(port, alice):
            with pytest.raises(InvalidStatus) as refused:
                await enter(port, alice)
            assert refused.value.response.status_code == 429
            assert refused.value.response.headers["Retry-After"] == "10"
            async with await enter(port, bob):
                pass


def test_who_connects_without_end_is_refused_and_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "CONNECT_BURST", 1)
    monkeypatch.setattr(pace, "CONNECTS_PER_S", 0.1)
    monkeypatch.setattr(socket, "REST_S", 0.01)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HUB_DATA_DIR", str(tmp_path))
    settings = Settings()
    migrate(settings.database_url)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(story(settings))
