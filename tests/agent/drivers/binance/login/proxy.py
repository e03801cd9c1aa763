"""A forward proxy that wants a password, as a real server on loopback: one request a connection."""

import asyncio
import base64
from urllib.parse import urlsplit


class PasswordProxy:
    """Counts what went through; refuses what comes without the password."""

    def __init__(self, username: str, password: str) -> None:
        self._wanted = b"Basic " + base64.b64encode(f"{username}:{password}".encode())
        self.passed: list[str] = []
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> "PasswordProxy":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_error: object) -> None:
        assert self._server is not None
        self._server.close()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if self._wanted in head:
                await self._pass_on(head, writer)
            else:
                refusal = b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=p\r\nContent-Length: 0\r\n"
                writer.write(refusal + b"Connection: close\r\n\r\n")
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async def _pass_on(self, head: bytes, writer: asyncio.StreamWriter) -> None:
        first, *lines = head.split(b"\r\n")
        method, url, version = first.split(b" ")
        self.passed.append(url.decode())
        target = urlsplit(url.decode())
        kept = [line for line in lines if line and not line.lower().startswith((b"proxy-", b"connection"))]
        request = b"\r\n".join([b" ".join([method, target.path.encode(), version]), *kept, b"Connection: close"])
        up_reader, up_writer = await asyncio.open_connection(target.hostname, target.port)
        up_writer.write(request + b"\r\n\r\n")
        writer.write(await up_reader.read())
        up_writer.close()
