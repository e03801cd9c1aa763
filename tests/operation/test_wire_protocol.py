"""The wire under uvicorn, on true connections of both event loops: what ASGI sends and what the wire sends."""

import asyncio
import os
from collections.abc import Awaitable, Callable

import pytest
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from hub.sessions.door import DoorProtocol
from hub.sessions.outbox import frame_of
from hub.sessions.wire import EXTENSION, Wire, WireProtocol, write_all
from tests.services.process import free_port
from tests.services.waiting import eventually

from .kernel import reset_at_close
from .loop_server import serving

LONG = 20_000
Story = Callable[["Served"], Awaitable[None]]
Trial = Callable[[Story], None]


class Served:
    """An ASGI application that accepts and waits; `wires` and `sends`, in the order of the connections."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.wires: list[Wire] = []
        self.sends: list[Send] = []
        self.lost = 0
        self.leave = asyncio.Event()
        """Until then the application holds on to lost connections, as one does that is busy for a moment."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        self.wires.append(scope["extensions"][EXTENSION])
        self.sends.append(send)
        while (await receive())["type"] != "websocket.disconnect":
            pass
        self.lost += 1
        await self.leave.wait()

    async def text(self, text: str, connection: int = 0) -> None:
        """Through ASGI."""
        await self.sends[connection]({"type": "websocket.send", "text": text})

    def frame(self, text: bytes, connection: int = 0) -> bool:
        """Through the wire; whether it was taken."""
        return not write_all([self.wires[connection]], text, frame_of(text))

    async def direct(self, connection: int = 0) -> int:
        """The connection's descriptor, once frames go straight to it: handshakes wait in the transport for a moment."""
        wire = self.wires[connection]
        await eventually(lambda: self.frame(b"direct", connection) and wire.descriptor >= 0, "nothing waits")
        return wire.descriptor

    async def join(self) -> ClientConnection:
        """One more client, once the application has its wire."""
        count = len(self.wires)
        client = await connect(f"ws://127.0.0.1:{self.port}/", compression=None)
        await eventually(lambda: len(self.wires) > count, "the connection is accepted")
        return client


@pytest.fixture
def trial(runner: asyncio.Runner) -> Trial:
    async def whole(story: Story) -> None:
        app = Served(free_port())
        protocols = {"http": DoorProtocol, "ws": WireProtocol, "ws_ping_interval": None}
        async with serving(app, port=app.port, lifespan="off", log_config=None, **protocols):
            try:
                await story(app)
            finally:
                app.leave.set()

    return lambda story: runner.run(whole(story))


def test_frames_and_asgi_messages_arrive_in_the_order_in_which_they_were_sent(trial: Trial) -> None:
    async def story(app: Served) -> None:
        client = await app.join()
        sent = []
        for number in range(20):
            await app.text(f"asgi {number}" + "." * (LONG if number % 5 == 0 else 0))
            assert app.frame(b"wire %d" % number)
            sent += [f"asgi {number}", f"wire {number}"]
        assert [(await client.recv()).rstrip(".") for _ in sent] == sent
        await app.direct()

    trial(story)


def test_after_the_close_frame_nothing_is_sent(trial: Trial) -> None:
    async def story(app: Served) -> None:
        client = await app.join()
        await app.sends[0]({"type": "websocket.close", "code": 1000, "reason": ""})
        assert not app.frame(b"too late")
        with pytest.raises(ConnectionClosed):
            await client.recv()

    trial(story)


def test_a_descriptor_that_another_connection_got_is_not_written_to(trial: Trial) -> None:
    async def story(app: Served) -> None:
        first, second = await app.join(), await app.join()
        numbers = [await app.direct(connection) for connection in (0, 1)]
        reset_at_close(first.transport.get_extra_info("socket"))
        first.transport.abort()
        await eventually(lambda: app.lost, "the first has gone")
        # As the kernel does for the next connection, only at once.
        os.dup2(numbers[1], numbers[0])
        try:
            assert not app.frame(b"of the first")
            assert app.frame(b"yours", 1)
        finally:
            os.close(numbers[0])
        while (text := await second.recv()) != "yours":
            assert text == "direct"

    trial(story)
