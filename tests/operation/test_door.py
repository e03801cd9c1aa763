"""What a stranger can leave unfinished ends by itself, on true connections of both event loops; and of connections that
show no token there are only so many."""

import asyncio
import gc
import json
import weakref
from collections.abc import Awaitable, Callable
from ipaddress import ip_network
from typing import Final

import pytest
from starlette.types import Receive, Scope, Send

from hub.sessions import door
from hub.sessions.door import BEGIN_BYTES, DOORS, KNOWN, MOST_ASKED, MOST_HEAD_BYTES, REST, DoorProtocol, Doors
from hub.sessions.wire import WireProtocol
from tests.services.process import free_port
from tests.services.waiting import eventually

from .loop_server import serving

MOST: Final = 5
HEAD = b"POST / HTTP/1.1\r\nHost: hub\r\nContent-Length: 10\r\n\r\n"
WHOLE = b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n"
TOKEN = b"GET /known HTTP/1.1\r\nHost: hub\r\n\r\n"
BUSY = b"GET /busy HTTP/1.1\r\nHost: hub\r\n\r\n"
SLOW = b"GET /slow HTTP/1.1\r\nHost: hub\r\n\r\n"
LARGE = b"GET /large HTTP/1.1\r\nHost: hub\r\n\r\n"
A_WHILE_S = 0.3
CLOCK_S = 0.002
"""uvloop's clock counts whole milliseconds."""
UNFINISHED = {
    "nothing at all": b"",
    "half a line": b"GET / HT",
    "half a head": b"GET / HTTP/1.1\r\nHost: hub\r\nX-Long: aaaa",
    "half a body": HEAD + b"12345",
    "no body": HEAD,
    "a second one unfinished": WHOLE + b"GET / HTTP/1.1\r\nHo",
}


class App:
    """Reads the body, and answers; `/known` shows a good token, `/large` answers more than anybody reads, `/busy` says
    to come back later, `/slow` answers once it may. `answered`: what became of the slow ones."""

    def __init__(self) -> None:
        self.port = free_port()
        self.begun = 0
        self.doors = Doors(MOST)
        self.may_answer = asyncio.Event()
        self.slow = 0
        self.answered: list[Exception | None] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            scope["state"][DOORS] = self.doors
            for reply in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{reply}.complete"})
            return
        self.begun += 1
        while (await receive()).get("more_body"):
            pass
        if scope["path"] == "/known":
            scope["state"][KNOWN]()
        if scope["path"] == "/busy":
            scope["state"][REST]()
        if scope["path"] == "/slow":
            await self._answer_late(send)
            return
        body = b"x" * 30_000_000 if scope["path"] == "/large" else b"here"
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer_late(self, send: Send) -> None:
        self.slow += 1
        await self.may_answer.wait()
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"late"})
        except RuntimeError as error:
            self.answered.append(error)
        else:
            self.answered.append(None)

    async def open(self, said: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(said)
        return reader, writer

    async def ask(self, said: bytes = WHOLE) -> tuple[bytes, asyncio.StreamReader, asyncio.StreamWriter]:
        """The status line and what follows, of one request."""
        reader, writer = await self.open(said)
        return await reader.read(4_096), reader, writer


Story = Callable[[App], Awaitable[None]]
Trial = Callable[[Story], None]


@pytest.fixture
def trial(runner: asyncio.Runner) -> Trial:
    async def whole(story: Story) -> None:
        app = App()
        async with serving(app, port=app.port, log_config=None, http=DoorProtocol, ws=WireProtocol):
            await story(app)

    return lambda story: runner.run(whole(story))


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What was said until the end of the connection."""
    said = b""
    try:
        while part := await reader.read(65_536):
            said += part
    except ConnectionError:
        pass
    return said


@pytest.mark.parametrize("what", UNFINISHED)
def test_what_is_left_unfinished_ends_by_itself(trial: Trial, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "HEAD_S", A_WHILE_S)
    monkeypatch.setattr(door, "BODY_S", A_WHILE_S)

    async def story(app: App) -> None:
        reader, writer = await app.open(UNFINISHED[what])
        await asyncio.wait_for(ended(reader), 20)
        writer.close()
        assert len(app.doors) == 0

    trial(story)


def test_bytes_that_trickle_do_not_begin_the_time_anew(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "HEAD_S", A_WHILE_S)

    async def story(app: App) -> None:
        reader, writer = await app.open(b"GET / HTTP/1.1\r\nX: ")
        over = asyncio.create_task(ended(reader))
        said = 0
        while not over.done():
            writer.write(b"a")
            said += 1
            await asyncio.sleep(A_WHILE_S / 10)
            assert said < 1_000
        writer.close()

    trial(story)


TOO_LARGE = b"GET / HTTP/1.1\r\nX: " + b"a" * (MOST_HEAD_BYTES + 1)
HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: hub\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nX: "
)
HEADS = {
    "unfinished": TOO_LARGE,
    "whole": TOO_LARGE + b"\r\n\r\n",
    "handshake with a long header": HANDSHAKE + b"a" * 9_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("what", HEADS)
def test_a_head_that_is_too_large_is_refused_in_the_envelope(trial: Trial, what: str) -> None:
    async def story(app: App) -> None:
        answer, _, writer = await app.ask(HEADS[what])
        writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 431 ")
        assert b"nosniff" in head
        assert json.loads(body)["code"] == 431

    trial(story)


def test_an_answer_that_nobody_takes_ends_the_connection(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "ANSWER_S", A_WHILE_S)

    async def story(app: App) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", app.port, limit=1_024)
        writer.write(LARGE)
        await eventually(lambda: len(app.doors) == 1, "it is there")
        await eventually(lambda: len(app.doors) == 0, "it is dropped")
        assert len(await ended(reader)) < 30_000_000
        writer.close()

    trial(story)


def test_of_too_many_strangers_the_oldest_makes_room_and_whoever_is_known_stays(trial: Trial) -> None:
    async def story(app: App) -> None:
        answer, known, known_writer = await app.ask(TOKEN)
        assert answer.startswith(b"HTTP/1.1 200")
        strangers = []
        for _ in range(MOST + 3):
            strangers.append(await app.open(b"GET / HT"))
            await asyncio.wait_for(_turns(), 5)
        gone = [asyncio.create_task(ended(reader)) for reader, _ in strangers[:3]]
        await asyncio.wait_for(asyncio.gather(*gone), 20)
        assert len(app.doors) == MOST
        known_writer.write(WHOLE)
        assert (await known.read(4_096)).startswith(b"HTTP/1.1 200")
        newcomer, _, writer = await app.ask()
        assert newcomer.startswith(b"HTTP/1.1 200")
        for one in (writer, known_writer, *(stranger for _, stranger in strangers)):
            one.close()

    trial(story)


def test_neighbours_count_together_and_those_behind_a_trusted_proxy_do_not() -> None:
    class Transport:
        aborted = 0

        def abort(self) -> None:
            Transport.aborted += 1

    def enter(doors: Doors, address: str) -> None:
        stranger = DoorProtocol.__new__(DoorProtocol)
        stranger.transport = Transport()  # type: ignore[assignment]
        doors.enter(stranger, address)

    doors = Doors(100, most_of_a_network=2, proxies=["10.0.0.0/8"])
    for address in ("10.0.0.1", "10.0.0.1", "10.0.0.1", "2001:db8::1", "2001:db8::2", "192.0.2.1"):
        enter(doors, address)
    assert (len(doors), Transport.aborted) == (6, 0)
    enter(doors, "2001:db8::3")
    assert (len(doors), Transport.aborted) == (6, 1)
    for address in ("::ffff:192.0.2.7", "::ffff:192.0.2.8", "::ffff:192.0.2.9"):  # on a socket for both, not neighbours
        enter(doors, address)
    assert (len(doors), Transport.aborted) == (9, 1)


def test_whoever_is_told_to_come_back_later_is_not_heard_for_a_moment_and_others_are(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "REST_S", A_WHILE_S)

    async def story(app: App) -> None:
        now = asyncio.get_running_loop().time
        asked = now()
        answer, reader, writer = await app.ask(BUSY + WHOLE)
        assert answer.count(b"HTTP/1.1 200") == 1
        other, _, other_writer = await app.ask()
        assert other.startswith(b"HTTP/1.1 200")
        assert (await reader.read(4_096)).startswith(b"HTTP/1.1 200")
        assert now() - asked >= A_WHILE_S - CLOCK_S
        writer.write(WHOLE)
        assert (await reader.read(4_096)).startswith(b"HTTP/1.1 200")
        writer.close()
        other_writer.close()

    trial(story)


def test_behind_a_trusted_proxy_nobody_waits_for_anothers_rest(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "REST_S", 1_000.0)

    async def story(app: App) -> None:
        app.doors._proxies.append(ip_network("127.0.0.1/32"))  # type: ignore[arg-type]
        answer, reader, writer = await app.ask(BUSY)
        writer.write(WHOLE)
        assert answer.startswith(b"HTTP/1.1 200")
        assert (await asyncio.wait_for(reader.read(4_096), 20)).startswith(b"HTTP/1.1 200")
        writer.close()

    trial(story)


def test_of_requests_that_came_at_once_none_is_answered_into_a_connection_that_has_gone(trial: Trial) -> None:
    async def story(app: App) -> None:
        _, writer = await app.open(SLOW * 3)
        await eventually(lambda: app.slow == 1, "the first is under way")
        writer.transport.abort()
        await eventually(lambda: len(app.doors) == 0, "it has gone")
        app.may_answer.set()
        await eventually(lambda: app.answered, "it has answered")
        assert app.answered == [None]

    trial(story)


@pytest.mark.parametrize(("length", "said"), [(10, 9), (BEGIN_BYTES, BEGIN_BYTES - 1)])
def test_half_a_body_begins_nothing_and_the_rest_of_it_does(length: int, said: int, trial: Trial) -> None:
    async def story(app: App) -> None:
        reader, writer = await app.open(b"POST / HTTP/1.1\r\nHost: hub\r\nContent-Length: %d\r\n\r\n" % length)
        writer.write(b"x" * said)
        assert (await app.ask())[0].startswith(b"HTTP/1.1 200")  # by now the half is heard, too
        assert app.begun == 1
        writer.write(b"x")
        assert (await asyncio.wait_for(reader.read(4_096), 20)).startswith(b"HTTP/1.1 200")
        assert app.begun == 2
        writer.close()

    trial(story)


@pytest.mark.parametrize("more", [b"", b"Expect: 100-continue\r\n"], ids=["large", "asks first"])
def test_a_large_body_and_one_that_is_announced_are_begun_before_they_are_whole(more: bytes, trial: Trial) -> None:
    async def story(app: App) -> None:
        length = 10 if more else 2 * BEGIN_BYTES
        head = b"POST / HTTP/1.1\r\nHost: hub\r\nContent-Length: %d\r\n" % length
        reader, writer = await app.open(head + more + b"\r\n")
        if more:
            assert (await asyncio.wait_for(reader.readline(), 20)).startswith(b"HTTP/1.1 100")
        else:
            writer.write(b"x" * BEGIN_BYTES)
        await eventually(lambda: app.begun == 1, "it is begun")
        writer.close()

    trial(story)


def test_whoever_asks_more_at_once_than_may_wait_is_cut_off(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "REST_S", A_WHILE_S)

    async def story(app: App) -> None:
        app.may_answer.set()
        reader, writer = await app.open(SLOW * (1 + MOST_ASKED))
        for _ in range(1 + MOST_ASKED):
            await asyncio.wait_for(reader.readuntil(b"late"), 20)
        writer.close()
        reader, writer = await app.open(SLOW * (2 + MOST_ASKED))
        assert (await asyncio.wait_for(ended(reader), 20)).count(b"late") <= 1
        writer.close()

    trial(story)


@pytest.mark.parametrize(
    "said", [WHOLE, SLOW * MOST_ASKED, b"GET / HT", HEAD], ids=["answered", "many", "no head", "no body"]
)
def test_what_has_gone_is_freed_without_a_collection(trial: Trial, said: bytes) -> None:
    async def story(app: App) -> None:
        gc.collect()
        gc.disable()
        try:
            _, writer = await app.open(said)
            await eventually(lambda: len(app.doors) == 1, "it is there")
            door = weakref.ref(next(iter(app.doors._all)))
            await eventually(lambda: app.slow == (said[:9] == SLOW[:9]), "it is heard")
            writer.transport.abort()
            await eventually(lambda: len(app.doors) == 0, "it has gone")
            app.may_answer.set()
            await eventually(lambda: door() is None, "it is freed")
        finally:
            gc.enable()

    trial(story)


async def _turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)
