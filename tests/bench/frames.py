"""The client's half of RFC 6455 that the load generator needs, without I/O.

Used by the generator and its tests only. It is strict where a peer could cheat a measurement (masked or
fragmented frames are seen for what they are) and knows no extensions: compression is never offered.
"""

import base64
import hashlib
import os
from typing import Final

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_MASKED_BIT: Final = 0x80
_MASK: Final = os.urandom(4)


class BrokenFrame(ValueError):
    """The server sent what a client must not accept."""


def accept_for(key: bytes) -> bytes:
    """The Sec-WebSocket-Accept that answers a Sec-WebSocket-Key."""
    return base64.b64encode(hashlib.sha1(key + _GUID).digest())


def client_frame(payload: bytes, opcode: int = TEXT, mask: bytes = _MASK) -> bytes:
    """One final, masked frame. One mask for the whole process: the load measures, it hides nothing."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, _MASKED_BIT | size))
    elif size < 65536:
        head = bytes((0x80 | opcode, _MASKED_BIT | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, _MASKED_BIT | 127)) + size.to_bytes(8, "big")
    pad = (mask * (size // 4 + 1))[:size]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")
    return head + mask + masked.to_bytes(size, "big")


def server_frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """One final frame as a server sends it: what the bare loop writes to every socket."""
    size = len(payload)
    if size < 126:
        return bytes((0x80 | opcode, size)) + payload
    if size < 65536:
        return bytes((0x80 | opcode, 126)) + size.to_bytes(2, "big") + payload
    return bytes((0x80 | opcode, 127)) + size.to_bytes(8, "big") + payload


def lone_text(data: bytes) -> bytes | None:
    """The payload, where `data` is exactly one final text or binary frame of 126 to 65,535 bytes; else None.

    Nearly every read of a fan-out is this, so it is kept apart from the parser and costs a microsecond less.
    """
    if len(data) > 4 and data[0] in (0x81, 0x82) and data[1] == 126 and len(data) == 4 + (data[2] << 8 | data[3]):
        return data[4:]
    return None


class FrameParser:
    """Bytes in, whole messages out; fragments are joined, control frames may come between them."""

    __slots__ = ("_buffer", "_opcode", "_parts")

    def __init__(self) -> None:
        self._buffer = b""
        self._opcode = 0
        self._parts: list[bytes] = []

    @property
    def is_idle(self) -> bool:
        """True between messages: the next read may be looked at without the parser."""
        return not self._buffer and not self._parts

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """(opcode, payload) of every message completed by `data`. Raises BrokenFrame."""
        buffer = self._buffer + data if self._buffer else data
        messages: list[tuple[int, bytes]] = []
        at = 0
        while (frame := _frame_at(buffer, at)) is not None:
            start, end = frame
            self._take(buffer[at], buffer[start:end], messages)
            at = end
        self._buffer = buffer[at:]
        return messages

    def _take(self, first: int, payload: bytes, messages: list[tuple[int, bytes]]) -> None:
        opcode = first & 0x0F
        if first & 0x70:
            raise BrokenFrame("a reserved bit is set, and no extension was offered")
        if opcode >= CLOSE:
            messages.append((opcode, payload))
            return
        if (opcode == CONTINUATION) != bool(self._parts):
            raise BrokenFrame("a fragment without its beginning, or a beginning without its end")
        if opcode != CONTINUATION:
            self._opcode = opcode
        self._parts.append(payload)
        if first & 0x80:
            messages.append((self._opcode, b"".join(self._parts)))
            self._parts = []


def _frame_at(buffer: bytes, at: int) -> tuple[int, int] | None:
    """Where the payload of the frame at `at` starts and ends, or None while it is incomplete."""
    have = len(buffer) - at
    if have < 2:
        return None
    size = buffer[at + 1]
    if size & _MASKED_BIT:
        raise BrokenFrame("a server's frame is masked")
    start = at + 2
    if size >= 126:
        width = 2 if size == 126 else 8
        if have < 2 + width:
            return None
        size = int.from_bytes(buffer[start : start + width], "big")
        start += width
    return (start, start + size) if len(buffer) >= start + size else None
