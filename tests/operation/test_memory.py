"""What a connection leaves behind: nothing. Its objects go when it ends, without the garbage collector's help, on which
the hub does not call while traders are connected (`hub.runtime.memory`)."""

import asyncio
import gc
from collections import Counter
from pathlib import Path

import pytest
import uvloop
from websockets.asyncio.client import connect
from websockets.server import ServerProtocol

from hub.app import Hub, build
from hub.clock import now_ms
from hub.config import Settings
from hub.model.tokens import Token, Tokens
from hub.server import uvicorn_options
from hub.sessions.door import DoorProtocol
from hub.sessions.registry import Session
from hub.sessions.wire import Wire, WireProtocol
from hub.store.migrations import migrate
from protocol.messages import SUBPROTOCOL
from tests.services.process import free_port
from tests.services.waiting import eventually

from .loop_server import serving

AGENTS = 20
HELLO = '{"type": "hello", "device_id": "phone", "version": "1", "driver": "paper", "have": []}'
OF_A_CONNECTION = (DoorProtocol, WireProtocol, ServerProtocol, Wire, Session)


async def log_in(hub: Hub, name: str) -> str:
    """A new trader's token."""
    user_id = await hub.store.users.create(name, "x", "trader", None, now_ms())
    token = Token(user_id, f"token-{name}", "phone", now_ms() + 60_000)
    await hub.store.users.set(user_id, now_ms(), session_id=token.id)
    return Tokens(hub.settings.signing_secret()).sign(token)


async def come_and_go(hub: Hub, port: int, tokens: list[str], end: str) -> None:
    sockets = [
        await connect(
            f"ws://127.0.0.1:{port}/ws",
            subprotocols=[SUBPROTOCOL],
            additional_headers={"Authorization": f"Bearer {token}"},
            compression=None,
        )
        for token in tokens
    ]
    for socket in sockets:
        await socket.send(HELLO)
        await socket.recv()
    assert len(hub.registry) == len(tokens)
    for socket in sockets:
        if end == "goodbye":
            await socket.close()
        else:
            socket.transport.abort()
    await eventually(lambda: not len(hub.registry), "all have gone")


def alive() -> Counter[str]:
    return Counter(type(found).__name__ for found in gc.get_objects() if type(found) in OF_A_CONNECTION)


async def story(settings: Settings, end: str) -> None:
    port = free_port()
    app = build(settings)
    hub: Hub = app.state.hub
    async with serving(app, **uvicorn_options("127.0.0.1", port)):
        tokens = [await log_in(hub, f"trader{number}") for number in range(AGENTS)]
        await come_and_go(hub, port, tokens, end)
        await eventually(lambda: not alive(), f"nothing is left of {AGENTS} connections; there is {alive()}", 5)


@pytest.mark.parametrize("end", ["goodbye", "cut"])
def test_a_connection_that_ended_leaves_nothing_to_collect(
    end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HUB_DATA_DIR", str(tmp_path))
    settings = Settings()
    migrate(settings.database_url)
    gc.collect()
    gc.disable()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(story(settings, end))
    finally:
        gc.enable()
