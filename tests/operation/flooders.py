"""Who floods a hub, each kind a coroutine: `python -m tests.operation.flooders URL SECONDS KIND=TOKEN …`, a process of
its own, whose last line is what each kind got, as JSON. `floods` starts it.

Each is as rude as it can be and comes back when it is shown the door. Invariant: each kind comes from an address of its
own on loopback, so that limits by address meet it and nobody else.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidMessage, InvalidStatus, WebSocketException
from websockets.frames import Frame, Opcode

from hub.sessions.door import MOST_ASKED
from protocol.codec import encode
from protocol.messages import SUBPROTOCOL, Ack, Halted, Hello, Result, Time, ToHub

BLOCK: Final = 64 * 1024
"""Bytes that are written at a time."""
SOCKETS: Final = 400
SOCKETS_OF_ONE: Final = 100
GUESSERS: Final = 50
PAGE: Final = b"GET /openapi.json HTTP/1.1\r\nHost: hub\r\n\r\n"
HEAD: Final = b"POST /api/auth/login HTTP/1.1\r\nHost: hub\r\n"


@dataclass
class Flood:
    """One flooder: where it comes from, whose token it has, until when, and what it got."""

    url: str
    address: str
    token: str
    until: float
    got: Counter[str] = field(default_factory=Counter)

    @property
    def is_on(self) -> bool:
        return time.monotonic() < self.until

    async def socket(self) -> ClientConnection:
        return await connect(
            f"ws{self.url.removeprefix('http')}/ws",
            subprotocols=[SUBPROTOCOL],
            additional_headers={"Authorization": f"Bearer {self.token}"},
            compression=None,
            proxy=None,
            ping_interval=None,
            close_timeout=1,
            local_addr=(self.address, 0),
        )

    async def stranger(self, first: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A bare connection, and what it says first."""
        parts = urlsplit(self.url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, local_addr=(self.address, 0))
        writer.write(first)
        self.got["opened"] += 1
        return reader, writer

    def http(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=(self.address, 0), limit=GUESSERS))


Kind = Callable[[Flood], Awaitable[None]]


def block_of(frame: Frame) -> bytes:
    """The same frame, as a client sends it, as often as fits."""
    one = frame.serialize(mask=True, extensions=[])
    return one * max(1, BLOCK // len(one))


def saying(message: ToHub) -> Kind:
    return flooding(lambda: block_of(Frame(Opcode.TEXT, encode(message))))


def flooding(make_block: Callable[[], bytes], first: Frame | None = None) -> Kind:
    """An agent that says hello and then the same for ever; ended, it comes back."""

    async def flood(flood: Flood) -> None:
        block = make_block()
        while flood.is_on:
            try:
                socket = await flood.socket()
            except (OSError, WebSocketException) as error:
                flood.got[_refusal(error)] += 1
                await asyncio.sleep(0.2)
                continue
            await socket.send(encode(Hello("flooder", "1", "paper")), text=True)
            reading = asyncio.create_task(_read_away(socket))
            if first is not None:
                socket.transport.write(first.serialize(mask=True, extensions=[]))
            await _write_for_ever(flood, socket, block)
            socket.transport.abort()
            await reading
            flood.got[f"closed {socket.close_code}" if flood.is_on else "stayed"] += 1

    return flood


async def _read_away(socket: ClientConnection) -> None:
    with suppress(WebSocketException, OSError):
        async for _text in socket:
            pass


async def _write_for_ever(flood: Flood, socket: ClientConnection, block: bytes) -> None:
    transport = socket.transport
    while flood.is_on and not transport.is_closing():
        if transport.get_write_buffer_size() < 2 * len(block):
            transport.write(block)
            flood.got["MB"] += 1
            await asyncio.sleep(0)
        else:
            await asyncio.sleep(0.01)


def _refusal(error: Exception) -> str:
    return f"refused {error.response.status_code}" if isinstance(error, InvalidStatus) else type(error).__name__


def strangers(first: bytes, more: bytes = b"", sockets: int = SOCKETS) -> Kind:
    """Connections that are never anybody's: each says `first`, then `more` each second; ended, it is replaced."""

    async def one(flood: Flood) -> None:
        while flood.is_on:
            try:
                reader, writer = await flood.stranger(first)
            except OSError as error:
                flood.got[type(error).__name__] += 1
                await asyncio.sleep(0.2)
                continue
            began = time.monotonic()
            while flood.is_on and not reader.at_eof() and not writer.is_closing():
                with suppress(OSError, TimeoutError):
                    writer.write(more)
                    async with asyncio.timeout(1):
                        await reader.read(BLOCK)
            flood.got[f"ended after {time.monotonic() - began:.0f} s" if flood.is_on else "open at the end"] += 1
            writer.transport.abort()

    async def flood(flood: Flood) -> None:
        await asyncio.gather(*(one(flood) for _ in range(sockets)))

    return flood


async def wrong_logins(flood: Flood) -> None:
    numbers = count()

    async def guess(http: aiohttp.ClientSession) -> None:
        while flood.is_on:
            body = {"username": f"nobody-{next(numbers) % 500}", "password": "a wrong password"}
            with suppress(aiohttp.ClientError, TimeoutError):
                async with http.post(f"{flood.url}/api/auth/login", json=body) as answer:
                    flood.got[str(answer.status)] += 1

    async with flood.http() as http:
        await asyncio.gather(*(guess(http) for _ in range(GUESSERS)))


def asking(method: str, path: str, body: object = None) -> Kind:
    """A login's same request over HTTP, again and again, over many connections."""

    async def one(flood: Flood, http: aiohttp.ClientSession) -> None:
        headers = {"Authorization": f"Bearer {flood.token}"}
        while flood.is_on:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with http.request(method, f"{flood.url}{path}", json=body, headers=headers) as answer:
                    await answer.read()
                    flood.got[str(answer.status)] += 1

    async def flood(flood: Flood) -> None:
        async with flood.http() as http:
            await asyncio.gather(*(one(flood, http) for _ in range(GUESSERS)))

    return flood


async def without_hello(flood: Flood) -> None:
    """One login with as many sockets as it gets, none of which says hello."""

    async def one() -> None:
        while flood.is_on:
            try:
                socket = await flood.socket()
            except (OSError, WebSocketException) as error:
                flood.got[_refusal(error)] += 1
                await asyncio.sleep(0.2)
                continue
            flood.got["opened"] += 1
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, flood.until - time.monotonic())):
                    await _read_away(socket)
            flood.got[f"closed {socket.close_code}" if flood.is_on else "open at the end"] += 1
            socket.transport.abort()

    await asyncio.gather(*(one() for _ in range(SOCKETS_OF_ONE)))


async def long_handshakes(flood: Flood) -> None:
    while flood.is_on:
        try:
            async with (
                asyncio.timeout(5),
                connect(
                    f"ws{flood.url.removeprefix('http')}/ws",
                    additional_headers={"Authorization": f"Bearer {flood.token}", "X-Long": "x" * 9_000},
                    proxy=None,
                    local_addr=(flood.address, 0),
                ),
            ):
                flood.got["accepted"] += 1
        except (OSError, TimeoutError, InvalidMessage, InvalidStatus) as error:
            flood.got[_refusal(error)] += 1


async def coming_and_going(flood: Flood) -> None:
    """An agent that connects, says hello and is gone, again and again."""
    while flood.is_on:
        try:
            socket = await flood.socket()
            await socket.send(encode(Hello("flooder", "1", "paper")), text=True)
            await socket.recv()
            flood.got["welcomed"] += 1
            socket.transport.abort()
        except (OSError, WebSocketException) as error:
            flood.got[_refusal(error)] += 1


async def untaken_answers(flood: Flood) -> None:
    """Asks for a large page as often as may wait, and reads nothing."""

    async def one() -> None:
        while flood.is_on:
            _reader, writer = await flood.stranger(PAGE * MOST_ASKED)
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            with suppress(OSError):
                while flood.is_on and not writer.is_closing():
                    await asyncio.sleep(1)
                    writer.write(b"\r\n")  # whoever reads nothing learns only so that it was shown the door
            flood.got["ended" if flood.is_on else "open at the end"] += 1
            writer.transport.abort()

    await asyncio.gather(*(one() for _ in range(20)))


async def much_at_once(flood: Flood) -> None:
    """Asks for a page as fast as it can be written, whatever the answers."""

    async def one() -> None:
        while flood.is_on:
            reader, writer = await flood.stranger()
            with suppress(OSError):
                while flood.is_on and not writer.is_closing():
                    writer.write(PAGE * 1_000)
                    await reader.read(BLOCK)
            flood.got["ended" if flood.is_on else "open at the end"] += 1
            writer.transport.abort()

    await asyncio.gather(*(one() for _ in range(20)))


FOREIGN: Final = 2**40
KINDS: Final[dict[str, Kind]] = {
    "foreign results": saying(Result(FOREIGN, "success", 1)),
    "large results": saying(Result(FOREIGN, "success", 1, "x" * 2_000, {"x": "y" * 40_000})),
    "foreign acks": saying(Ack(FOREIGN, 1, 1)),
    "time": saying(Time(1)),
    "halted": saying(Halted(1)),
    "no JSON": flooding(lambda: block_of(Frame(Opcode.TEXT, b"{"))),
    "pings": flooding(lambda: block_of(Frame(Opcode.PING, b""))),
    "pongs": flooding(lambda: block_of(Frame(Opcode.PONG, b""))),
    "empty fragments": flooding(
        lambda: block_of(Frame(Opcode.CONT, b"", fin=False)), first=Frame(Opcode.TEXT, b"", fin=False)
    ),
    "coming and going": coming_and_going,
    "sockets without hello": without_hello,
    "long handshakes": long_handshakes,
    "silent sockets": strangers(b""),
    "half lines": strangers(b"GET / HT"),
    "unfinished heads": strangers(HEAD, more=b"X-Long: " + b"x" * 100 + b"\r\n"),
    "large heads": strangers(HEAD + b"X-Long: ", more=b"x" * BLOCK, sockets=50),
    "half bodies": strangers(HEAD + b"Content-Length: 1000\r\n\r\n{", more=b" "),
    "wrong logins": wrong_logins,
    "untaken answers": untaken_answers,
    "polling": asking("GET", "/api/orders/pull"),
    "results over HTTP": asking(
        "POST", "/api/orders/record-result", {"order_id": FOREIGN, "result": {"success": True}}
    ),
    "much at once": much_at_once,
}
"""By name; those whose name stands in `STRANGERS` need no token."""


async def run(url: str, seconds: float, tokens: dict[str, str]) -> dict[str, dict[str, int]]:
    """All of these at once; what each got."""
    until = time.monotonic() + seconds
    places = {name: place for place, name in enumerate(KINDS)}
    floods = {name: Flood(url, f"127.1.{places[name]}.2", token, until) for name, token in tokens.items()}
    await asyncio.gather(*(KINDS[name](flood) for name, flood in floods.items()))
    for flood in floods.values():
        if "MB" in flood.got:
            flood.got["MB"] = round(flood.got["MB"] * BLOCK / 1e6)
    return {name: dict(flood.got) for name, flood in floods.items()}


def main() -> int:
    url, seconds, *pairs = sys.argv[1:]
    tokens = dict(pair.split("=", 1) for pair in pairs)
    print(json.dumps(asyncio.run(run(url, float(seconds), tokens))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
