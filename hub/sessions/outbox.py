"""Where a session's frames go. Here the plain way, through ASGI; `wire` has the fast one. Never waits for a peer.

The invariant: `offer` returns at once, and says no
when the peer has not read what it was sent before; the caller then closes.
"""

import asyncio
from typing import Final, Protocol

from starlette.types import Message, Send
from starlette.websockets import WebSocketDisconnect
from websockets.frames import Frame, Opcode

CLOSE_TIMEOUT_S: Final = 2.0
"""How long a peer may take to take a close frame; then its connection is dropped."""
OUTBOX_BYTES: Final = 64 * 1024
"""How much may wait for a peer, beside what the kernel's socket buffers hold."""


def frame_of(text: bytes) -> bytes:
    """The WebSocket frame of a text message. A server's frames are not masked (RFC 6455 §5.1) and we do not
    compress, so one frame serves every connection."""
    return Frame(Opcode.TEXT, text).serialize(mask=False, extensions=[])


class Outbox(Protocol):
    """One connection's way out."""

    def offer(self, text: bytes, frame: bytes) -> bool:
        """Takes a message (its text, and the same framed) without waiting; False when the peer is too slow or gone."""

    def stop(self) -> None:
        """Takes nothing more."""

    async def close(self, code: int, reason: str) -> None:
        """Sends what was taken, then the close frame. May wait for the peer: callers set a limit."""

    def abort(self) -> None:
        """Drops the connection and what waits in it."""

    def end(self) -> None:
        """The connection is over: nothing is kept for it."""


class QueueOutbox:
    """The plain way, for any ASGI server: a queue and a task that sends from it."""

    __slots__ = ("_connection", "_is_closed", "_queue", "_send", "_task", "_waiting")

    def __init__(self, send: Send, connection: asyncio.Task[None]) -> None:
        """`connection` is the task that serves the connection: ending it is the only way to drop a frozen peer."""
        self._send = send
        self._connection = connection
        self._queue: asyncio.Queue[Message] = asyncio.Queue()
        self._waiting = 0
        self._is_closed = False
        self._task = asyncio.create_task(self._pump())

    def offer(self, text: bytes, frame: bytes) -> bool:
        if self._is_closed or self._waiting > OUTBOX_BYTES:
            return False
        message = {"type": "websocket.send", "text": text.decode()}
        self._waiting += len(message["text"])
        self._queue.put_nowait(message)
        return True

    async def close(self, code: int, reason: str) -> None:
        self._queue.put_nowait({"type": "websocket.close", "code": code, "reason": reason})
        await asyncio.wait([self._task])

    def abort(self) -> None:
        self._connection.cancel()

    def stop(self) -> None:
        self._is_closed = True

    def end(self) -> None:
        self._is_closed = True
        self._task.cancel()

    async def _pump(self) -> None:
        try:
            while True:
                message = await self._queue.get()
                await self._send(message)
                if message["type"] == "websocket.close":
                    return
                self._waiting -= len(message["text"])
        except (OSError, RuntimeError, WebSocketDisconnect):
            # The peer went while we sent; the socket's reader learns it too and ends the session.
            self._is_closed = True
