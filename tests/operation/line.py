"""A device that reads exactly what the test lets it read, over a socket with buffers as small as the kernel allows.

For peers that are frozen, slow or silent. The invariant: nothing is read, and nothing answered, behind the test's
back, so that what the hub sends waits at the hub.
"""

import asyncio
import socket
import ssl
import uuid
from collections.abc import Callable
from typing import Final

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.uri import parse_uri

from protocol.closes import retry_hint_ms
from protocol.conversation import Conversation
from protocol.messages import SUBPROTOCOL, Error, Hello, OrderMessage, Time, TimeReply, ToAgent, ToHub, Welcome
from tests.kit.people import Person

SMALLEST_BUFFER: Final = 2_048
SMALL_SEGMENT: Final = 536
"""The peer's kernel sizes its send buffer by this: a few dozen kilobytes instead of megabytes."""
A_BYTE_S: Final = 0.001
READ_AT_ONCE: Final = 700
QUESTIONS_AT_ONCE: Final = 250


class Line:
    """One connection of one device."""

    def __init__(self, hub_url: str, person: Person, token: str, tls: ssl.SSLContext | None = None) -> None:
        self.person = person
        self.token = token
        self.device_id = str(uuid.uuid4())
        self.heard: list[ToAgent | Error] = []
        self.close_code: int | None = None
        self.close_reason = ""
        self.is_over = False
        self._tls = tls
        self._uri = parse_uri(f"ws{hub_url.removeprefix('http')}/ws")
        self._protocol = ClientProtocol(self._uri, subprotocols=[SUBPROTOCOL])  # type: ignore[list-item]
        self._conversation = Conversation("agent")
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter
        self._trickle: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connects and says hello; returns at the welcome."""
        self._reader, self._writer = await asyncio.open_connection(
            sock=await _small_socket(self._uri.host, self._uri.port),
            ssl=self._tls,
            server_hostname=self._uri.host if self._tls else None,
            limit=READ_AT_ONCE,
        )
        if self._tls is not None:
            # Otherwise 256 KiB are read from the socket before anybody asks for them.
            self._writer.transport.set_read_buffer_limits(high=READ_AT_ONCE)  # type: ignore[attr-defined]
        request = self._protocol.connect()
        request.headers["Authorization"] = f"Bearer {self.token}"
        self._protocol.send_request(request)
        await self._flush()
        while self._protocol.handshake_exc is None and not self._protocol.state.value:
            await self.read()
        await self.say(Hello(self.device_id, "test", "paper", []))
        await self.read_until(lambda: any(isinstance(message, Welcome) for message in self.heard))

    @property
    def local_port(self) -> int:
        port: int = self._writer.get_extra_info("sockname")[1]
        return port

    @property
    def retry_hint_ms(self) -> int | None:
        return retry_hint_ms(self.close_reason)

    async def say(self, message: ToHub) -> None:
        self._protocol.send_text(self._conversation.send(message))
        await self._flush()

    async def ask(self, count: int, first: int = 0) -> None:
        """Asks the hub the time so often, and reads no answer. Stops where the hub has dropped the connection."""
        for n in range(first, first + count):
            self._protocol.send_text(self._conversation.send(Time(t0_ms=n)))
            if n % QUESTIONS_AT_ONCE == 0:
                await self._flush()
            if self.is_over:
                return
        await self._flush()

    async def read(self, at_most: int = READ_AT_ONCE) -> None:
        """One read of what is there. Every frame that it completes is parsed as an agent would."""
        try:
            data = await self._reader.read(at_most)
        except ConnectionError:
            data = b""
        if not data:
            self.is_over = True
            return
        self._protocol.receive_data(data)
        assert self._protocol.parser_exc is None, self._protocol.parser_exc
        for event in self._protocol.events_received():
            if isinstance(event, Response):
                assert event.status_code == 101, event
            elif isinstance(event, Frame):
                self._hear(event)

    async def read_until(self, is_so: Callable[[], bool]) -> None:
        """Reads on until it is so. Fails when the connection ends first."""
        while not is_so():
            assert not self.is_over
            assert self.close_code is None, self.close_code
            await self.read()

    async def read_until_closed(self) -> int | None:
        """The code of the hub's close frame; None when the hub dropped the connection without one."""
        self.stop_trickling()
        while self.close_code is None and not self.is_over:
            await self.read()
        return self.close_code

    def trickle(self) -> None:
        """From now on it reads a byte at a time."""
        self._trickle = asyncio.create_task(self._read_bytes())

    def stop_trickling(self) -> None:
        if self._trickle is not None:
            self._trickle.cancel()

    def orders(self) -> list[int]:
        return [message.order.id for message in self.heard if isinstance(message, OrderMessage)]

    def answered(self) -> list[int]:
        """The questions that were answered, in the order of the answers."""
        return [message.t0_ms for message in self.heard if isinstance(message, TimeReply)]

    def drop(self) -> None:
        self.stop_trickling()
        self._writer.transport.abort()

    def _hear(self, frame: Frame) -> None:
        assert frame.fin, "one message, one frame"
        if frame.opcode is Opcode.CLOSE:
            received = self._protocol.close_rcvd
            assert received is not None
            self.close_code, self.close_reason = received.code, received.reason
        else:
            self.heard.append(self._conversation.receive(bytes(frame.data)))

    async def _read_bytes(self) -> None:
        while not self.is_over:
            await self.read(1)
            await asyncio.sleep(A_BYTE_S)

    async def _flush(self) -> None:
        try:
            self._writer.write(b"".join(self._protocol.data_to_send()))
            await self._writer.drain()
        except ConnectionError:
            self.is_over = True


async def _small_socket(host: str, port: int) -> socket.socket:
    sock = socket.socket()
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALLEST_BUFFER)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SMALL_SEGMENT)
    await asyncio.get_running_loop().sock_connect(sock, (host, port))
    return sock
