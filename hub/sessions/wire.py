"""The fast way in and out of a connection: uvicorn's WebSocket protocol, with its transport lent to the hub.

Why: sending one prepared frame through ASGI costs twice the socket's own price, and each incoming text costs a queue,
a task switch and a paused transport. uvloop's `transport.write` only notes the frame and writes at the end of the
loop's turn, which costs half as much again as the system call. Measured in `hub/docs/performance.md`. All of it is in
this module: the ASGI scope carries a `Wire`, through which a frame goes to the socket at once if
nothing waits before it, and texts are heard where they are parsed. Handshake, control frames, fragments and closing
stay uvicorn's.

The invariants: ASGI stays true, a connection
whose wire is not used behaves as uvicorn's own; a frame never overtakes what waits in the transport; and a descriptor
is used only until the connection is lost, after which another connection may get its number.
"""

import os
from asyncio import BaseTransport
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from starlette.types import Send
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request

from hub.sessions.budget import Budget
from hub.sessions.door import refusal_of
from hub.sessions.handshake import Handshake
from hub.sessions.inbox import Inbox
from hub.sessions.intake import PIECE, Intake, Turns
from hub.sessions.outbox import CLOSE_TIMEOUT_S, OUTBOX_BYTES, Outbox
from hub.sessions.restart_hint import RestartHint
from protocol import closes

EXTENSION: Final = "hub.sessions.wire"
RESTART_HINT: Final = "hub.sessions.restart_hint"
"""Where the lifespan's state has the process's `RestartHint`."""
TURNS: Final = "hub.sessions.intake.turns"
"""Where the lifespan's state has the process's `Turns`."""
MOST_FRAGMENTS: Final = 1_024
"""Of one message. Ours are sent whole."""
INDIRECT: Final = -1
"""A descriptor's place where a frame has to go through the transport: something may wait there, or TLS is between."""
STOPPED: Final = -2
"""The same once nothing more may be said."""


class Transport(Protocol):
    """What the fast way needs of an asyncio transport."""

    def write(self, data: bytes | memoryview) -> None: ...
    def get_write_buffer_size(self) -> int: ...
    def is_closing(self) -> bool: ...
    def close(self) -> None: ...
    def abort(self) -> None: ...
    def get_extra_info(self, name: str) -> object: ...


class Wire:
    """One connection's transport as a session's outbox, and who hears its texts.

    `descriptor` says whether a frame may go to the socket at once, so that a fan-out need not ask the transport, which
    is half a microsecond away in memory. Whoever else writes or closes does it through `WatchedTransport`.
    """

    __slots__ = ("_socket", "budget", "descriptor", "hear", "hold", "on_excess", "send", "transport")

    def __init__(self, transport: Transport, budget: Budget | None = None) -> None:
        self.transport = transport
        self.budget = budget or Budget(0.0)
        self.on_excess: Callable[[], None] | None = None
        self.hold: Callable[[bool], None] | None = None
        self._socket = _descriptor(transport)
        self.descriptor = self._socket
        self.hear: Callable[[bytes], None] | None = None
        self.send: Send | None = None

    def offer(self, text: bytes, frame: bytes) -> bool:
        if self.descriptor == INDIRECT and not self.transport.get_write_buffer_size():
            self.descriptor = self._socket
        if self.descriptor < 0 or self.transport.is_closing():
            return self.write_behind(frame)
        return not write_all((self,), text, frame)

    def look_first(self) -> None:
        """Something may wait in the transport from now on."""
        self.descriptor = min(self.descriptor, INDIRECT)

    def stop(self) -> None:
        self.descriptor = STOPPED

    async def close(self, code: int, reason: str) -> None:
        if self.send is not None:
            await self.send({"type": "websocket.close", "code": code, "reason": reason})

    def abort(self) -> None:
        self.stop()
        self.transport.abort()

    def end(self) -> None:
        """Breaks the reference cycle between wire, session and protocol."""
        self.stop()
        self.hear = self.send = self.on_excess = None

    def hold_reading(self, is_held: bool) -> None:
        """Reads nothing more from the peer while it is held."""
        if self.hold is not None:
            self.hold(is_held)

    def write_behind(self, frame: bytes | memoryview) -> bool:
        """Behind what waits in the transport; False when too much waits, or nothing more may be said."""
        transport = self.transport
        if self.descriptor == STOPPED or transport.is_closing() or transport.get_write_buffer_size() > OUTBOX_BYTES:
            return False
        self.look_first()
        transport.write(frame)
        return True


class WatchedTransport:
    """The transport as uvicorn has it: the wire learns first what uvicorn does with it."""

    __slots__ = ("_transport", "_wire")

    def __init__(self, transport: Transport, wire: Wire) -> None:
        self._transport = transport
        self._wire = wire

    def write(self, data: bytes) -> None:
        self._wire.look_first()
        self._transport.write(data)

    def close(self) -> None:
        self._wire.stop()
        self._transport.close()

    def abort(self) -> None:
        self._wire.abort()

    def __getattr__(self, name: str) -> Any:
        """What neither writes nor closes is the transport's own; what would write unseen is not there."""
        if name in ("writelines", "write_eof"):
            raise AttributeError(name)
        return getattr(self._transport, name)


def write_all(outboxes: Sequence[Outbox], text: bytes, frame: bytes) -> list[int]:
    """Writes one frame to every outbox. The hot loop. Returns the places of those that did not take it.

    No other code runs between the look at a descriptor and the system call, so it is still the connection's.
    """
    refused: list[int] = []
    size, write = len(frame), os.write
    for place, outbox in enumerate(outboxes):
        if type(outbox) is not Wire or (descriptor := outbox.descriptor) < 0:
            taken = outbox.offer(text, frame)
        else:
            try:
                written = write(descriptor, frame)
                taken = written == size or outbox.write_behind(memoryview(frame)[written:])
            except BlockingIOError:
                taken = outbox.write_behind(frame)
            except OSError:
                # The peer has gone; the transport learns it from the loop and ends the connection.
                taken = False
        if not taken:
            refused.append(place)
    return refused


class WireProtocol(WebSocketsSansIOProtocol):
    """For uvicorn's `ws=`."""

    wire: Wire
    intake: Intake | None = None
    """While something waits to be heard, or must."""

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        self.conn.__class__ = Handshake  # uvicorn makes it, and takes no class of ours
        self.queue = Inbox()  # type: ignore[assignment]
        self.wire = Wire(self.transport, Budget(self.loop.time()))
        self.wire.hold = self._hold
        self.transport = WatchedTransport(self.transport, self.wire)  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """uvicorn's own for a short piece of a connection that is heard as it speaks; a long one is heard bit by bit.
        The handshake comes whole, from the door."""
        if self.intake is not None or (len(data) > PIECE and self.handshake_initiated):
            self._busy().take(data)
        else:
            self._hear(data)

    def _hear(self, data: bytes) -> None:
        conn, budget = self.conn, self.wire.budget
        conn.receive_data(data)
        if conn.parser_exc is not None:
            self.handle_parser_exception()
            return
        if conn.handshake_exc is not None and not self.handshake_initiated:
            self.transport.write(refusal_of(431, "a header of the handshake is too long, or there are too many"))
            self.transport.close()
            return
        budget.messages -= len(conn.events)
        budget.bytes -= len(data)
        self.handle_events()
        if budget.messages < 0 or budget.bytes < 0:
            self._over_budget()

    def _over_budget(self) -> None:
        now_s, budget = self.loop.time(), self.wire.budget
        wait_s = budget.wait_s(now_s)
        if wait_s:
            self._busy().pause(wait_s)
            self.transport.pause_reading()
            if budget.is_exceeded(now_s) and self.wire.on_excess is not None:
                self.wire.on_excess()

    def _busy(self) -> Intake:
        if self.intake is None:
            turns = self.app_state.get(TURNS) or Turns()
            self.intake = Intake(self.loop, turns, self.transport, self._hear, self._heard_all)
        return self.intake

    def _heard_all(self) -> None:
        self.intake = None

    def _hold(self, is_held: bool) -> None:
        if is_held:
            self._busy().hold(True)
            if not self.transport.is_closing():
                self.transport.pause_reading()
        elif self.intake is not None:
            self.intake.hold(False)

    def eof_received(self) -> None:
        """The peer says no more and the loop will close: nothing is sent after it."""
        super().eof_received()
        self.wire.stop()

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.handshake_complete:
            self._busy().hold(True)  # nothing is heard before the answer to the handshake
            extensions: dict[str, object] = self.scope["extensions"]  # type: ignore[assignment]
            extensions[EXTENSION] = self.wire

    def handle_text(self, event: Frame) -> None:
        wire = self.wire
        if wire.hear is None or not event.fin:
            super().handle_text(event)
        elif not self.close_sent:
            wire.hear(bytes(event.data))

    def handle_cont(self, event: Frame) -> None:
        """uvicorn's own, for so many fragments; the size of the whole is minded by the parser."""
        if len(self.frames) >= MOST_FRAGMENTS:
            self.frames.clear()
            self.conn.fail(closes.BAD_MESSAGE.code, f"a message of more than {MOST_FRAGMENTS} fragments")
            self.handle_parser_exception()
        elif not self.close_sent:
            super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        """uvicorn's own; a text with half of a character in it is taken, as `protocol.codec` takes it."""
        if self.curr_msg_data_type == "text":
            self.frames = [b"".join(self.frames).decode("utf-8", "replace").encode()]
        super().send_receive_event_to_app()

    def handle_ping(self) -> None:
        """uvicorn's own; a peer that does not read gets no pongs either."""
        if self.transport.get_write_buffer_size() > OUTBOX_BYTES:
            self.conn.data_to_send()
        else:
            super().handle_ping()

    def connection_lost(self, exc: Exception | None) -> None:
        """uvicorn's own; the descriptor is the kernel's again after it. And the end of the parser: a generator that
        holds the connection which holds it."""
        self.wire.stop()
        self.wire.hold = None
        if self.intake is not None:
            self.intake.end()
            self.intake = None
        super().connection_lost(exc)
        self.conn.parser.close()
        self.conn.handshake_exc = self.conn.parser_exc = None  # their traces hold the connection

    async def send(self, message: ASGISendEvent) -> None:
        """uvicorn's own, but a peer that does not answer the close frame is not waited for: with frames unread in
        the transport its connection would stay for ever."""
        is_close = message["type"] == "websocket.close"
        if is_close:
            self.wire.stop()
        await super().send(message)
        if message["type"] == "websocket.accept" and self.intake is not None:
            self.intake.hold(False)
        if is_close and self.close_timer is not None:
            self.close_timer.cancel()
            self.close_timer = self.loop.call_later(CLOSE_TIMEOUT_S, self.transport.abort)

    def shutdown(self) -> None:
        """1012 with a hint when to come back: without it all agents of a restarting hub return at once."""
        if not self.handshake_complete or self.close_sent:
            super().shutdown()
            return
        self.stop_keepalive()
        close = closes.RESTARTING
        reason = close.meaning
        hint: RestartHint | None = self.app_state.get(RESTART_HINT)
        if hint is not None:
            reason = closes.with_retry_hint(reason, hint.wait_ms(len(self.connections)))
        self.queue.put_nowait({"type": "websocket.disconnect", "code": close.code})
        self.conn.send_close(close.code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.close()
        self.loop.call_later(CLOSE_TIMEOUT_S, self.transport.abort)


def _descriptor(transport: Transport) -> int:
    """The socket's descriptor; INDIRECT under TLS, where only the transport may write."""
    socket = transport.get_extra_info("socket")
    if socket is None or transport.get_extra_info("ssl_object") is not None:
        return INDIRECT
    return socket.fileno()  # type: ignore[attr-defined, no-any-return]
