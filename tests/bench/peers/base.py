"""What the bench asks of a server: to start, to be connected to, to publish.

Used by the peers and the measurements. Each publish sends the same JSON, an order's frame of about 190 bytes.
"""

import json
import socket
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Final

from ..generator import Generator, Target
from ..processes import Program, ProgramFailed, Programs

_FIRST_ORDER_ID: Final = 1_000_001


@dataclass(frozen=True)
class Published:
    """An order that went out; `t0` is CLOCK_MONOTONIC ns just before the request was sent."""

    order_id: int
    t0: int


def payload(order_id: int) -> bytes:
    """The order's frame as the hub words it, so that all carry the same."""
    now = time.time_ns() // 1_000_000
    order = {
        "id": order_id,
        "time_increments": "TEN_MINUTE",
        "symbol_name": "BTCUSDT",
        "direction": "LONG",
        "valid_duration": 60,
        "created_ms": now,
        "expires_ms": now + 60_000,
    }
    return json.dumps({"type": "order", "order": order, "sent_ms": now}, separators=(",", ":")).encode()


class Wire:
    """A kept connection to publish over: one send, one read, nothing of an HTTP library's own time."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: bytes) -> int:
        """Send; the time just before, CLOCK_MONOTONIC ns."""
        t0 = time.monotonic_ns()
        self.socket.sendall(data)
        return t0

    def read_until(self, mark: bytes) -> bytes:
        """What came up to and with `mark`. Raises ProgramFailed at the end of the stream."""
        data = b""
        while mark not in data:
            more = self.socket.recv(65536)
            if not more:
                raise ProgramFailed(f"the server hung up on the publisher after {data[-200:]!r}")
            data += more
        return data

    def get(self, path: str) -> None:
        """GET and drop the answer: the server has taken the connection up, and knows it."""
        self.send(f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
        head, _, rest = self.read_until(b"\r\n\r\n").partition(b"\r\n\r\n")
        while len(rest) < _content_length(head):
            rest += self.socket.recv(65536)

    def post(self, path: str, body: bytes, headers: str = "") -> tuple[int, bytes]:
        """POST with a JSON body: (t0, the answer's body). Raises ProgramFailed unless it is 2xx."""
        head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n{headers}"
        t0 = self.send(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer, _, rest = self.read_until(b"\r\n\r\n").partition(b"\r\n\r\n")
        length = _content_length(answer)
        while len(rest) < length:
            rest += self.socket.recv(65536)
        if not answer.startswith(b"HTTP/1.1 2"):
            raise ProgramFailed(f"publishing was refused: {answer[:60]!r} {rest[:200]!r}")
        return t0, rest


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


class Peer(ABC):
    """One way to send a message to all. `start` comes first, then `connect`, then any number of publishes."""

    name: str
    title: str

    def __init__(self, programs: Programs) -> None:
        self.programs = programs
        self.program: Program
        self.generator: Generator
        self._next_id = _FIRST_ORDER_ID

    @abstractmethod
    def start(self) -> None:
        """Start the server and wait until it listens."""

    @abstractmethod
    def target(self) -> Target:
        """Where its clients connect."""

    @abstractmethod
    def publish(self) -> Published:
        """Send one order to all connections."""

    @abstractmethod
    def version(self) -> str:
        """The server's version, for the record."""

    def connect(self, count: int) -> float:
        """Start the generator and open `count` connections; the seconds that it took."""
        self.generator = Generator(self.programs, self.name, self.target())
        return self.generator.connect(count)

    def settle(self, published: Published) -> dict[str, Any]:
        """Wait until the server has done what a publish left behind, and what that showed. Plain fan-out: nothing."""
        return {}

    def next_id(self) -> int:
        """A fresh order id."""
        self._next_id += 1
        return self._next_id
