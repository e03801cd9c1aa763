"""A TCP proxy before a store, which falls ill on demand.

Invariant: `become` returns when the new behaviour holds for connections that are open and for those to come.
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final, Literal

from tests.services.process import free_port

Mode = Literal[
    "passes",
    "refuses",
    "accepts and closes",
    "resets",
    "never answers",
    "freezes in the middle",
    "talks HTTP",
]
ILL: Final[tuple[Mode, ...]] = (
    "refuses",
    "accepts and closes",
    "resets",
    "never answers",
    "freezes in the middle",
    "talks HTTP",
)
_HTTP: Final = b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_LINGER_NOT: Final = struct.pack("ii", 1, 0)
_CHUNK: Final = 65_536


class Proxy:
    """From a port of its own to the store's. `never answers`: no request arrives, and no answer. `freezes in the
    middle`: requests arrive, and of each answer the first half comes. What was held back goes on when it passes
    again, also where the hub has given up: as a network's retransmissions would."""

    def __init__(self, target_port: int) -> None:
        self.port = free_port()
        self._target = target_port
        self._mode: Mode = "passes"
        self._falls_ill: tuple[Callable[[bytes], bool], Mode] | None = None
        self.delay_s = 0.0
        """How long each answer takes more."""
        self._well = asyncio.Event()
        self._well.set()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=1_024)

    async def close(self) -> None:
        await self._stop_listening()
        self._reset_all()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def become(self, mode: Mode) -> None:
        self._mode = mode
        if mode == "passes":
            if self._server is None:
                await self.open()
            self._well.set()
            return
        self._well.clear()
        if mode == "refuses":
            await self._stop_listening()
        if mode in ("refuses", "resets"):
            self._reset_all()
        elif mode == "accepts and closes":
            for connection in list(self._connections):
                connection.close()

    def falls_ill_after(self, request: Callable[[bytes], bool], mode: Mode) -> None:
        """Becomes `mode` as soon as the answer to such a request has been passed on."""
        self._falls_ill = request, mode

    def lead_to(self, target_port: int) -> None:
        """To another store from now on; connections to the one before are reset."""
        self._target = target_port
        self._reset_all()

    async def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _reset_all(self) -> None:
        for connection in list(self._connections):
            _reset(connection)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        self._connections.add(writer)
        try:
            await self._treat(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the one side or the other has gone
        finally:
            self._connections.discard(writer)
            self._serving.discard(task)
            writer.close()

    async def _treat(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        match self._mode:
            case "accepts and closes" | "refuses":
                return
            case "resets":
                _reset(writer)
            case "talks HTTP":
                writer.write(_HTTP)
            case "never answers":
                await self._well.wait()
            case "passes" | "freezes in the middle":
                await self._connect_through(reader, writer)

    async def _connect_through(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_store, to_store = await asyncio.open_connection("127.0.0.1", self._target)
        last = asyncio.Event()
        ways = [
            asyncio.create_task(self._pass_requests(reader, to_store, last)),
            asyncio.create_task(self._pass_answers(from_store, writer, last)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            to_store.close()

    async def _pass_requests(self, hub: asyncio.StreamReader, store: asyncio.StreamWriter, last: asyncio.Event) -> None:
        while data := await hub.read(_CHUNK):
            if self._mode == "never answers":
                await self._well.wait()
            if self._falls_ill is not None and self._falls_ill[0](data):
                last.set()
            store.write(data)
            await store.drain()

    async def _pass_answers(self, store: asyncio.StreamReader, hub: asyncio.StreamWriter, last: asyncio.Event) -> None:
        while data := await store.read(_CHUNK):
            if self._mode == "talks HTTP":
                hub.write(_HTTP)
                return
            if self._mode == "never answers":
                await self._well.wait()
            elif self._mode == "freezes in the middle":
                half = len(data) // 2
                hub.write(data[:half])
                await self._well.wait()
                data = data[half:]
            if self.delay_s:
                await asyncio.sleep(self.delay_s)  # what is tested: a store that is slow
            hub.write(data)
            await hub.drain()
            if last.is_set() and self._falls_ill is not None:
                _, mode = self._falls_ill
                self._falls_ill = None
                await self.become(mode)


def _reset(connection: asyncio.StreamWriter) -> None:
    """RST instead of FIN."""
    sock = connection.get_extra_info("socket")
    with suppress(OSError, AttributeError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    connection.transport.abort()


@asynccontextmanager
async def proxy_to(port: int) -> AsyncIterator[Proxy]:
    proxy = Proxy(port)
    await proxy.open()
    try:
        yield proxy
    finally:
        await proxy.close()
