"""The stand-in's side of each TCP connection: counts what came in, and cuts where a fault says so.

It stands between the transport and aiohttp's own protocol, so that bytes are seen before anything parses them.
"""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from typing import Final

from .faults import Fault, Faults
from .witness import PLACE_ORDER, Witness, part_of_request

_FIRST_BYTES: Final = f"POST {PLACE_ORDER}".encode()


class Connection(asyncio.Protocol):
    """One connection. `unread` are the bytes that no handler has had yet."""

    def __init__(self, inner: asyncio.Protocol, number: int, witness: Witness, faults: Faults) -> None:
        self.number = number
        self.nth = 1
        self.fault: Fault | None = None
        self.transport: asyncio.Transport | None = None
        self._inner = inner
        self._witness = witness
        self._faults = faults
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        is_first = not self._unread
        self._unread += data
        if is_first and data.startswith(_FIRST_BYTES):
            self.fault = self._faults.next("place-order")
            if self.fault is not None and self.fault.name == "cut-before-reading":
                return self.cut()
        return self._inner.data_received(data)

    def was_read(self) -> None:
        """A handler has the whole request: what follows belongs to the next."""
        self._unread = b""
        self.nth += 1
        self.fault = None

    def cut(self) -> None:
        """Both directions at once, with a reset; nothing more is answered."""
        self._tell()
        assert self.transport is not None
        self.transport.abort()

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._tell()
        self._inner.connection_lost(exc)  # type: ignore[arg-type]

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    @property
    def is_idle(self) -> bool:
        return not self._unread

    def _tell(self) -> None:
        if self._unread:
            name = None if self.fault is None else self.fault.name
            self._witness.write(part_of_request(self._unread, self.number, self.nth, name))
            self._unread = b""


class Connections:
    """All of them, by transport: that is what a handler knows of its own."""

    def __init__(self, make_inner: Callable[[], asyncio.Protocol], witness: Witness, faults: Faults) -> None:
        self._make_inner = make_inner
        self._witness = witness
        self._faults = faults
        self._numbers = itertools.count(1)
        self._all: list[Connection] = []

    def __call__(self) -> Connection:
        """A protocol for a new connection, as `create_server` wants it."""
        connection = Connection(self._make_inner(), next(self._numbers), self._witness, self._faults)
        self._all.append(connection)
        return connection

    def of(self, transport: asyncio.BaseTransport | None) -> Connection:
        """The connection that a request came by."""
        return next(connection for connection in reversed(self._all) if connection.transport is transport)

    def drop_idle(self) -> int:
        """Close what waits for a next request, as servers do; how many those were."""
        idle = [one for one in self.open() if one.is_idle and one.nth > 1]
        for connection in idle:
            assert connection.transport is not None
            connection.transport.close()
        return len(idle)

    def open(self) -> Iterator[Connection]:
        """Those whose transport is not closing."""
        return (one for one in self._all if one.transport is not None and not one.transport.is_closing())

    @property
    def count(self) -> int:
        """How many there have been."""
        return len(self._all)
