"""The fast way in and out of a connection: uvicorn's WebSocket protocol, with its transport lent to the hub.

Why: sending one prepared frame through ASGI costs twice the socket's own price, and each incoming text costs a queue,
a task switch and a paused transport. Measured in `hub/docs/performance.md`. What is done about it is all in
this module: the ASGI scope carries a `Wire`, through which frames are written to the transport as they are and texts
are heard where they are parsed. Handshake, control frames, fragments and closing stay uvicorn's.

`hub.socket` looks for the `Wire` and does without it anywhere else. The invariant: ASGI stays true; a connection whose
wire is not used behaves as uvicorn's own.
"""

import random
from collections.abc import Callable
from typing import Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request

from hub.outbox import Transport
from protocol import closes

EXTENSION: Final = "hub.wire"
RECONNECTS_A_SECOND: Final = 1_000
"""What is asked of the agents of a hub that restarts: to come back spread out so thin."""


class Wire:
    """One connection's transport, and who hears its texts."""

    __slots__ = ("hear", "transport")

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.hear: Callable[[bytes], None] | None = None


class WireProtocol(WebSocketsSansIOProtocol):
    """For uvicorn's `ws=`."""

    wire: Wire | None = None

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.handshake_complete:
            self.wire = Wire(self.transport)
            extensions: dict[str, object] = self.scope["extensions"]  # type: ignore[assignment]
            extensions[EXTENSION] = self.wire

    def handle_text(self, event: Frame) -> None:
        wire = self.wire
        if wire is None or wire.hear is None or not event.fin:
            super().handle_text(event)
        elif not self.close_sent:
            wire.hear(bytes(event.data))

    def shutdown(self) -> None:
        """1012 with a hint when to come back: without it all agents of a restarting hub return at once."""
        if not self.handshake_complete or self.close_sent:
            super().shutdown()
            return
        self.stop_keepalive()
        spread_ms = len(self.connections) * 1_000 // RECONNECTS_A_SECOND
        close = closes.RESTARTING
        reason = closes.with_retry_hint(close.meaning, random.randint(0, spread_ms))  # noqa: S311 - spreads load
        self.queue.put_nowait({"type": "websocket.disconnect", "code": close.code})
        self.conn.send_close(close.code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.close()
