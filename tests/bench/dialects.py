"""How each peer is spoken to: the bytes of opening, greeting, answering, acking. No I/O.

Used by the load generator only. A dialect holds no connection; what differs between two connections is the
number that it is asked with.
"""

import json
import time
from typing import Any, Final

from protocol.closes import retry_hint_ms

from .frames import BINARY, accept_for, client_frame

KEY: Final = b"bG9hZCBnZW5lcmF0b3IgIQ=="
ACCEPT: Final = accept_for(KEY)
_KEPT: Final = 200
"""Acked orders that `hello` names, as a journal would; all agents of the bench get the same ones."""


class Dialect:
    """The least that a server asks: here the bare loop, which speaks frames with no opening at all."""

    upgrades = False
    acks = False

    def request(self, index: int) -> bytes:
        """The HTTP request of connection `index`."""
        return b""

    def greeting(self, index: int) -> bytes:
        """What the client says first, once the line is open."""
        return b""

    def is_welcome(self, payload: bytes) -> bool:
        """Whether the connection is of use from this message on."""
        return True

    def answer(self, payload: bytes) -> bytes | None:
        """The reply to a ping that is a message of the dialect's own."""
        return None

    def ack(self, order_id: int) -> bytes | None:
        """What tells the server that the order is in the journal."""
        return None

    def beat(self) -> bytes | None:
        """The client's heartbeat."""
        return None

    def retry_s(self, close: bytes) -> float | None:
        """When the server asks to come back, where the payload of its close frame says so."""
        return None


class Nchan(Dialect):
    """A plain WebSocket: nothing is said after the upgrade."""

    upgrades = True
    headers: bytes = b""

    def __init__(self, path: str) -> None:
        self.path = path.encode()

    def request(self, index: int) -> bytes:
        return (
            b"GET " + self.path + b" HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + KEY + b"\r\n" + self.headers + b"\r\n"
        )


class SocketIO(Nchan):
    """Socket.IO 4 (Engine.IO protocol 4) over its websocket transport."""

    def greeting(self, index: int) -> bytes:
        return client_frame(b"40")

    def is_welcome(self, payload: bytes) -> bool:
        return payload.startswith(b"40")

    def answer(self, payload: bytes) -> bytes | None:
        return client_frame(b"3") if payload == b"2" else None


class Nats(Nchan):
    """NATS's text protocol in binary frames."""

    def greeting(self, index: int) -> bytes:
        options = b'CONNECT {"verbose":false,"pedantic":false,"protocol":1}\r\n'
        return client_frame(options + b"SUB bench 1\r\nPING\r\n", BINARY)

    def is_welcome(self, payload: bytes) -> bool:
        return b"PONG\r\n" in payload

    def answer(self, payload: bytes) -> bytes | None:
        return client_frame(b"PONG\r\n", BINARY) if payload.startswith(b"PING\r\n") else None


class Hub(Nchan):
    """Our own protocol: a real token, hello and welcome, acks, the `time` heartbeat."""

    acks = True

    def __init__(self, path: str, tokens: list[bytes]) -> None:
        super().__init__(path)
        self.tokens = tokens
        self.heartbeat_s = 15
        self.have: list[int] = []

    def request(self, index: int) -> bytes:
        extra = b"Sec-WebSocket-Protocol: bn-auto.v1\r\nAuthorization: Bearer " + self.tokens[index] + b"\r\n\r\n"
        return super().request(index)[:-2] + extra

    def greeting(self, index: int) -> bytes:
        hello: dict[str, Any] = {"type": "hello", "device_id": f"bench-{index}", "version": "bench", "driver": "paper"}
        hello |= {"have": self.have}
        return client_frame(json.dumps(hello).encode())

    def is_welcome(self, payload: bytes) -> bool:
        if b'"type":"welcome"' not in payload:
            return False
        self.heartbeat_s = int(json.loads(payload)["heartbeat_s"])
        return True

    def ack(self, order_id: int) -> bytes | None:
        if order_id not in self.have[-1:]:
            self.have = [*self.have[-_KEPT:], order_id]
        now = time.time_ns() // 1_000_000
        return client_frame(b'{"type":"ack","order_id":%d,"received_ms":%d,"uncertainty_ms":1}' % (order_id, now))

    def beat(self) -> bytes | None:
        return client_frame(b'{"type":"time","t0_ms":%d}' % (time.time_ns() // 1_000_000))

    def retry_s(self, close: bytes) -> float | None:
        hint = retry_hint_ms(close[2:].decode("utf-8", "replace"))
        return None if hint is None else hint / 1000


def dialect_for(name: str, path: str, tokens: list[bytes]) -> Dialect:
    """The dialect of a name: bare, nchan, nats, socketio or hub. Raises KeyError for another."""
    made: dict[str, Any] = {
        "bare": Dialect,
        "nchan": lambda: Nchan(path),
        "nats": lambda: Nats(path),
        "socketio": lambda: SocketIO(path),
        "hub": lambda: Hub(path, tokens),
    }
    dialect: Dialect = made[name]()
    return dialect
