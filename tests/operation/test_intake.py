"""A connection that says too much, under uvicorn on true connections of both event loops: nobody else waits for it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from hub.sessions import budget
from hub.sessions.budget import Budget
from hub.sessions.door import DoorProtocol
from hub.sessions.wire import EXTENSION, MOST_FRAGMENTS, Wire, WireProtocol
from tests.services.process import free_port
from tests.services.waiting import eventually

from .loop_server import serving

MANY = 20_000
SMALL_BURST = 300
ENOUGH = 10
"""How often the loop turns while a flood is heard: many pieces, not one."""

FLOODS: dict[str, list[Frame]] = {
    "texts": [Frame(Opcode.TEXT, b"flood")] * MANY,
    "pings": [Frame(Opcode.PING, b"")] * MANY,
    "pongs": [Frame(Opcode.PONG, b"")] * MANY,
    "empty fragments": [
        Frame(Opcode.TEXT, b"", fin=False),
        *[Frame(Opcode.CONT, b"", fin=False)] * (MOST_FRAGMENTS // 2),
    ],
}


class Hearing:
    """An ASGI application that hears through the wire. `heard`: the texts of each connection, in the order of joining;
    `exceeded`: how often each was found to want too much."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.wires: list[Wire] = []
        self.heard: list[list[bytes]] = []
        self.exceeded: list[int] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        wire: Wire = scope["extensions"][EXTENSION]
        place = len(self.wires)
        self.wires.append(wire)
        self.heard.append([])
        self.exceeded.append(0)
        wire.hear = self.heard[place].append
        wire.on_excess = lambda: self._exceed(place)
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass

    def _exceed(self, place: int) -> None:
        self.exceeded[place] += 1

    async def join(self) -> ClientConnection:
        client = await connect(f"ws://127.0.0.1:{self.port}/", compression=None, ping_interval=None)
        await eventually(lambda: self.wires, "the connection is accepted")
        return client


Story = Callable[[Hearing], Awaitable[None]]
Trial = Callable[[Story], None]


@pytest.fixture
def trial(runner: asyncio.Runner) -> Trial:
    async def whole(story: Story) -> None:
        app = Hearing(free_port())
        protocols = {"http": DoorProtocol, "ws": WireProtocol, "ws_ping_interval": None}
        async with serving(app, port=app.port, lifespan="off", log_config=None, **protocols):
            await story(app)

    return lambda story: runner.run(whole(story))


def bytes_of(frames: list[Frame]) -> bytes:
    """As a client sends them."""
    kinds = {id(frame): frame.serialize(mask=True, extensions=[]) for frame in frames}
    return b"".join(kinds[id(frame)] for frame in frames)


def test_a_long_piece_is_heard_whole_in_order_and_in_many_turns_of_the_loop(trial: Trial) -> None:
    async def story(app: Hearing) -> None:
        client = await app.join()
        turns = 0

        async def turn() -> None:
            nonlocal turns
            while len(app.heard[0]) < MANY // 2:
                turns += 1
                await asyncio.sleep(0)

        sent = [b"%06d" % number for number in range(MANY // 2)]
        client.transport.write(b"".join(Frame(Opcode.TEXT, text).serialize(mask=True, extensions=[]) for text in sent))
        await turn()
        assert app.heard[0] == sent
        assert turns > ENOUGH

    trial(story)


def test_another_is_heard_while_a_flood_is(trial: Trial) -> None:
    async def story(app: Hearing) -> None:
        flooder, other = await app.join(), await app.join()
        await eventually(lambda: len(app.wires) == 2, "both are there")
        before: list[int] = []
        app.wires[1].hear = lambda _text: before.append(len(app.heard[0]))
        flooder.transport.write(bytes_of(FLOODS["texts"][: MANY // 2]))
        other.transport.write(bytes_of([Frame(Opcode.TEXT, b"quiet")]))
        await eventually(lambda: len(app.heard[0]) == MANY // 2, "the flood has been heard")
        assert len(before) == 1
        assert before[0] < MANY // 2

    trial(story)


@pytest.mark.parametrize("kind", FLOODS)
def test_each_kind_of_frame_counts_and_who_wants_too_much_for_long_is_noticed(
    trial: Trial, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "BURST_MESSAGES", SMALL_BURST)
    monkeypatch.setattr(budget, "EXCESS_S", 0.0)

    async def story(app: Hearing) -> None:
        client = await app.join()
        app.wires[0].budget = Budget(asyncio.get_running_loop().time())
        client.transport.write(bytes_of(FLOODS[kind]))
        await eventually(lambda: app.exceeded[0], "it is noticed")
        assert len(app.heard[0]) < MANY // 2

    trial(story)


def test_while_it_is_held_nothing_is_heard_and_afterwards_all_of_it_in_order(trial: Trial) -> None:
    async def story(app: Hearing) -> None:
        client, other = await app.join(), await app.join()
        await eventually(lambda: len(app.wires) == 2, "both are there")
        app.wires[0].hold_reading(True)
        for number in range(100):
            await client.send(b"%d" % number, text=True)
        await other.send(b"quiet", text=True)
        await eventually(lambda: app.heard[1], "the other is heard")
        assert app.heard[0] == []
        app.wires[0].hold_reading(False)
        await eventually(lambda: len(app.heard[0]) == 100, "all is heard")
        assert app.heard[0] == [b"%d" % number for number in range(100)]

    trial(story)


def test_a_message_of_endless_fragments_ends_the_connection(trial: Trial) -> None:
    async def story(app: Hearing) -> None:
        client = await app.join()
        fragments = [Frame(Opcode.TEXT, b"", fin=False), *[Frame(Opcode.CONT, b"", fin=False)] * (MOST_FRAGMENTS + 9)]
        client.transport.write(bytes_of(fragments))
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4000

    trial(story)
