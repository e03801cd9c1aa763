"""A proxy on loopback that speaks HTTP (forwarding and CONNECT) and SOCKS5 on one port, and counts who came."""

import asyncio
import base64
import contextlib
import struct
from urllib.parse import urlsplit

USER, PASSWORD = "proxy-user", "MARKproxypassword"


class LoopbackProxy:
    """Wants the user and password above. `served` are the targets that it went to, `refused` counts wrong logins."""

    def __init__(self) -> None:
        self.served: list[str] = []
        self.refused = 0
        self._server: asyncio.Server | None = None
        self._port = 0

    def url(self, scheme: str, password: str = PASSWORD) -> str:
        return f"{scheme}://{USER}:{password}@127.0.0.1:{self._port}"

    async def __aenter__(self) -> "LoopbackProxy":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ValueError):
            first = await reader.readexactly(1)
            await (self._socks(reader, writer) if first == b"\x05" else self._http(first, reader, writer))
        writer.close()

    async def _socks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly((await reader.readexactly(1))[0])
        writer.write(b"\x05\x02")
        await reader.readexactly(1)
        user = await reader.readexactly((await reader.readexactly(1))[0])
        password = await reader.readexactly((await reader.readexactly(1))[0])
        if not self._is_welcome(user.decode(), password.decode()):
            writer.write(b"\x01\x01")
            return
        writer.write(b"\x01\x00")
        _, _, _, kind = await reader.readexactly(4)
        if kind == 1:
            host = ".".join(map(str, await reader.readexactly(4)))
        else:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        (port,) = struct.unpack(">H", await reader.readexactly(2))
        there = await asyncio.open_connection(host, port)
        self.served.append(f"{host}:{port}")
        writer.write(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
        await _both_ways((reader, writer), there)

    async def _http(self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = first + await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        login = next((line for line in lines if line.lower().startswith("proxy-authorization: basic ")), "")
        user, _, password = base64.b64decode(login.rpartition(" ")[2]).decode().partition(":")
        if not self._is_welcome(user, password):
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
            return
        target = lines[0].split(" ")[1]
        parts = urlsplit(target if "://" in target else f"//{target}")
        there = await asyncio.open_connection(parts.hostname, parts.port)
        self.served.append(parts.netloc)
        if lines[0].startswith("CONNECT "):
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            there[1].write(head)
        await _both_ways((reader, writer), there)

    def _is_welcome(self, user: str, password: str) -> bool:
        is_welcome = (user, password) == (USER, PASSWORD)
        self.refused += not is_welcome
        return is_welcome


Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _both_ways(here: Ends, there: Ends) -> None:
    await asyncio.gather(_copy(here[0], there[1]), _copy(there[0], here[1]))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()
