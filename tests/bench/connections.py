"""The generator's connections: each from connect to close, and the crowd of them.

Used by `load` only; every socket is non-blocking and hangs on one epoll. The invariant: each frame that arrives is
counted and, where it is an order's, timed right after the read that brought it.
"""

import errno
import heapq
import os
import random
import select
import socket
import time
from collections import Counter, deque
from collections.abc import Callable
from enum import Enum
from typing import Any, Final

from .dialects import ACCEPT, Dialect
from .frames import CLOSE, PING, PONG, FrameParser, client_frame, lone_text
from .recorder import Recorder, order_id_in

READ: Final = select.EPOLLIN
WRITE: Final = select.EPOLLOUT
_READ_SIZE: Final = 4096


class Stage(Enum):
    """How far a connection has come."""

    CONNECTING = 1
    UPGRADING = 2
    GREETING = 3
    OPEN = 4


class Connection:
    """One agent's line. `index` is the agent, which outlives the line."""

    __slots__ = ("fd", "head", "index", "is_between_frames", "is_frozen", "out", "parser", "sock", "stage")

    def __init__(self, index: int, sock: socket.socket) -> None:
        self.index = index
        self.sock = sock
        self.fd = sock.fileno()
        self.stage = Stage.CONNECTING
        self.head = b""
        self.out = b""
        self.is_between_frames = False
        self.is_frozen = False
        self.parser = FrameParser()


class Crowd:
    """All connections of the process."""

    def __init__(self, dialect: Dialect, targets: list[tuple[str, int]], recorder: Recorder) -> None:
        self.epoll = select.epoll()
        self.dialect = dialect
        self.targets = targets
        self.recorder = recorder
        self.others: dict[int, Callable[[], None]] = {}
        self.usual: bytes | None = None
        self.usual_id = 0
        self.connections: dict[int, Connection] = {}
        self.agents: dict[int, Connection] = {}
        self.open = 0
        self.reconnects = False
        self.narrow = 0
        self.seen: Counter[str] = Counter()
        self.to_ack: deque[tuple[Connection, int]] = deque()
        self._window = 0
        self._to_start: deque[int] = deque()
        self._opening = 0
        self._started = self._opened = 0.0
        self._retries: list[tuple[float, int]] = []
        self._tries: Counter[int] = Counter()

    # opening

    def connect(self, count: int, window: int) -> None:
        """Start what is missing to `count` agents, at most `window` half-open at a time."""
        self._window = window
        self._started = time.monotonic()
        self._to_start.extend(index for index in range(count) if index not in self.agents)
        self._start_more()

    def _start_more(self) -> None:
        while self._to_start and self._opening < self._window:
            self._start(self._to_start.popleft())

    def _start(self, index: int) -> None:
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if index < self.narrow:
            _narrow(sock)
        connection = Connection(index, sock)
        self.connections[connection.fd] = connection
        self._opening += 1
        self.epoll.register(connection.fd, READ | WRITE)
        # Unbound, so that the kernel picks the port with the target in mind: a bind to port 0 searches far longer.
        code = sock.connect_ex(self.targets[index % len(self.targets)])
        if code not in (0, errno.EINPROGRESS):
            self._lose(connection, errno.errorcode[code])

    def _connected(self, connection: Connection) -> None:
        code = connection.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._lose(connection, errno.errorcode[code])
            return
        self.epoll.modify(connection.fd, READ)
        if self.dialect.upgrades:
            connection.stage = Stage.UPGRADING
            self.send(connection, self.dialect.request(connection.index))
        else:
            self._opened_now(connection)

    def _upgraded(self, connection: Connection, data: bytes) -> None:
        connection.head += data
        head, end, rest = connection.head.partition(b"\r\n\r\n")
        if not end:
            return
        if not head.startswith(b"HTTP/1.1 101") or ACCEPT not in head:
            self._lose(connection, "http " + head[9:12].decode("ascii", "replace"))
            return
        connection.head = b""
        greeting = self.dialect.greeting(connection.index)
        if greeting:
            connection.stage = Stage.GREETING
            self.send(connection, greeting)
        else:
            self._opened_now(connection)
        if rest:
            self._parse(connection, rest, time.monotonic_ns())

    def _opened_now(self, connection: Connection) -> None:
        connection.stage = Stage.OPEN
        connection.is_between_frames = True
        self.open += 1
        self._opening -= 1
        self._opened = time.monotonic()
        self._tries.pop(connection.index, None)
        self.agents[connection.index] = connection
        self._start_more()

    # reading

    def handle_all(self, events: list[tuple[int, int]]) -> None:
        """What epoll brought. The frames of one order are the same bytes for all, so the first is parsed and the others
        are compared: a generator that is slower than the server would measure itself."""
        find, read, clock, same = self.connections.get, os.read, time.monotonic_ns, self.recorder.note_same
        for fd, event in events:
            connection = find(fd)
            if event != READ or connection is None or not connection.is_between_frames:
                self._handle(fd, event)
                continue
            try:
                data = read(fd, _READ_SIZE)
            except OSError as error:
                self._lose(connection, errno.errorcode.get(error.errno or 0, "error"))
                continue
            now = clock()
            if data == self.usual:
                same(connection.index, now)
                if self.dialect.acks:
                    self.to_ack.append((connection, self.usual_id))
            else:
                self._take(connection, data, now)

    def _handle(self, fd: int, event: int) -> None:
        connection = self.connections.get(fd)
        if connection is None:
            if (other := self.others.get(fd)) is not None:
                other()
        elif connection.stage is Stage.CONNECTING:
            self._connected(connection)
        else:
            if event & WRITE:
                self._flush(connection)
            if event & ~WRITE and connection.fd in self.connections:
                self._read(connection)

    def _read(self, connection: Connection) -> None:
        try:
            data = os.read(connection.fd, _READ_SIZE)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(connection, errno.errorcode.get(error.errno or 0, "error"))
            return
        self._take(connection, data, time.monotonic_ns())

    def _take(self, connection: Connection, data: bytes, now: int) -> None:
        if not data:
            self._lose(connection, "eof")
        elif connection.stage is Stage.UPGRADING:
            self._upgraded(connection, data)
        elif connection.parser.is_idle and (payload := lone_text(data)) is not None:
            self._message(connection, payload, now)
            if self.usual is None and (order_id := order_id_in(payload)) is not None:
                self.usual, self.usual_id = data, order_id
        else:
            self._parse(connection, data, now)
            connection.is_between_frames = connection.parser.is_idle and connection.stage is Stage.OPEN

    def _parse(self, connection: Connection, data: bytes, now: int) -> None:
        for opcode, payload in connection.parser.feed(data):
            if opcode == PING:
                self.seen["pings"] += 1
                self.send(connection, client_frame(payload, PONG))
            elif opcode == CLOSE:
                self.send(connection, client_frame(payload[:2], CLOSE))
                self._lose(connection, f"close {int.from_bytes(payload[:2], 'big')}", self.dialect.retry_s(payload))
                return
            elif opcode != PONG:
                self._message(connection, payload, now)

    def _message(self, connection: Connection, payload: bytes, now: int) -> None:
        self.seen["frames"] += 1
        order_id = order_id_in(payload)
        if order_id is not None:
            self.recorder.note(order_id, connection.index, now)
            self.usual = None
            if self.dialect.acks:
                self.to_ack.append((connection, order_id))
        elif connection.stage is Stage.GREETING and self.dialect.is_welcome(payload):
            self._opened_now(connection)
        elif (answer := self.dialect.answer(payload)) is not None:
            self.seen["pings"] += 1
            self.send(connection, answer)

    # writing

    def send(self, connection: Connection, data: bytes) -> None:
        if connection.out:
            connection.out += data
            return
        try:
            sent = connection.sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            return  # the read side is told the same, and loses the connection with its reason
        if sent < len(data):
            connection.out = data[sent:]
            if not connection.is_frozen:
                self.epoll.modify(connection.fd, READ | WRITE)

    def _flush(self, connection: Connection) -> None:
        data, connection.out = connection.out, b""
        self.send(connection, data)
        if not connection.out and connection.fd in self.connections:
            self.epoll.modify(connection.fd, READ)

    # losing, and coming back

    def _lose(self, connection: Connection, reason: str, hint_s: float | None = None) -> None:
        self.seen[reason] += 1
        del self.connections[connection.fd]
        connection.sock.close()
        if connection.stage is Stage.OPEN:
            self.open -= 1
            del self.agents[connection.index]
        else:
            self._opening -= 1
        if self.reconnects:
            delay = self._delay(connection.index) if hint_s is None else hint_s
            heapq.heappush(self._retries, (time.monotonic() + delay, connection.index))

    def _delay(self, index: int) -> float:
        """The agent's policy (DESIGN.md §6): exponential with full jitter, 0.5 s to 30 s."""
        ceiling = min(30.0, 0.5 * 2.0 ** self._tries[index])
        self._tries[index] += 1
        return random.uniform(0, ceiling)

    def tick(self, now: float) -> None:
        """Start what is due again."""
        while self._retries and self._retries[0][0] <= now:
            self._to_start.append(heapq.heappop(self._retries)[1])
        if self._to_start:
            self._start_more()

    def counts(self) -> dict[str, Any]:
        """What was counted since the start, and how long the last connecting took."""
        seconds = round(self._opened - self._started, 4)
        return {"open": self.open, "seconds": seconds, "seen": dict(self.seen)}


def _narrow(sock: socket.socket) -> None:
    """Little room for what is not read, as on a thin line: loopback's own buffers take megabytes first."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
