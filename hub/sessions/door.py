"""Before anybody is known: uvicorn's HTTP protocol with an end to everything that a stranger can leave unfinished.

A head and a body are due in time, counted from their first byte; an answer has to be taken in time; and of connections
that have not shown a good token there are at most so many, an address and in all: the oldest makes room, so that a
newcomer always gets in. The invariant: a connection that has shown a good token is never ended to make room.
"""

from asyncio import TimerHandle, Transport
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

import msgspec
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from hub.model.networks import network_of

DOORS: Final = "hub.sessions.doors"
"""Where the lifespan's state has the process's `Doors`."""
KNOWN: Final = "hub.sessions.door.known"
"""Where a request's state has the call that says that its connection has shown a good token."""
REST: Final = "hub.sessions.door.rest"
"""Where a request's state has the call that says that its sender was told to come back later."""
REST_S: Final = 1.0
"""For so long nothing more is heard on a connection whose sender was told to come back later."""
HEAD_S: Final = 10.0
BODY_S: Final = 20.0
ANSWER_S: Final = 30.0
MOST_HEAD_BYTES: Final = 32 * 1024
MOST_ASKED: Final = 32
"""Requests of one connection that wait behind the one that is answered. Each takes 3 KiB until then, fifty times its
bytes, and nobody's client asks so many at once."""
BEGIN_BYTES: Final = 16 * 1024
"""A request is begun once it is whole, or so much of its body is there: half of one costs no task."""
MOST_OF_A_NETWORK: Final = 1_000
"""A thousand agents behind one address log in at once."""


_TOO_LARGE: Final = f"the head is over {MOST_HEAD_BYTES} bytes"


def refusal_of(status: int, message: str) -> bytes:
    """A whole answer in the envelope, for what never becomes a request."""
    body = msgspec.json.encode({"code": status, "message": message, "data": None, "detail": message})
    head = [
        STATUS_LINE[status],
        b"content-type: application/json\r\nx-content-type-options: nosniff\r\n",
        b"cache-control: no-store\r\nconnection: close\r\n",
        b"content-length: %d\r\n\r\n" % len(body),
    ]
    return b"".join([*head, body])


class Doors:
    """The connections of a process that have not shown a good token."""

    def __init__(self, most: int, most_of_a_network: int = MOST_OF_A_NETWORK, proxies: Iterable[str] = ()) -> None:
        self._most = most
        self._most_of_a_network = most_of_a_network
        self._proxies: list[IPv4Network | IPv6Network] = [ip_network(proxy) for proxy in proxies]
        self._all: dict[DoorProtocol, str] = {}
        self._by_network: dict[str, dict[DoorProtocol, None]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def is_everybody(self, address: str) -> bool:
        """Whether what comes from there is not one sender's: a trusted proxy."""
        return not self._network(address)

    def enter(self, door: "DoorProtocol", address: str) -> None:
        """Takes it in; where there are too many the oldest goes."""
        network = self._network(address)
        others = self._by_network.setdefault(network, {})
        if network and len(others) >= self._most_of_a_network:
            self._evict(next(iter(others)))
        elif len(self._all) >= self._most:
            self._evict(next(iter(self._all)))
        self._all[door] = network
        self._by_network.setdefault(network, {})[door] = None

    def leave(self, door: "DoorProtocol") -> None:
        """It has gone, or is known."""
        network = self._all.pop(door, None)
        if network is not None:
            others = self._by_network[network]
            del others[door]
            if not others:
                del self._by_network[network]

    def _evict(self, door: "DoorProtocol") -> None:
        self.leave(door)
        door.transport.abort()

    def _network(self, address: str) -> str:
        """Whose connections count together; none for a trusted proxy, behind which is everybody."""
        try:
            found = ip_address(address)
        except ValueError:
            return ""
        if any(found in proxy for proxy in self._proxies):
            return ""
        return network_of(address)


class DoorProtocol(HttpToolsProtocol):
    """For uvicorn's `http=`."""

    doors: Doors | None = None
    _timer: TimerHandle | None = None
    _writing: TimerHandle | None = None
    _timed: tuple[str, int] = ("", 0)
    _requests: int = 0
    _head_bytes: int = 0
    _stage: str = "head"
    _is_too_large: bool = False
    _is_too_many: bool = False
    _running: RequestResponseCycle | None = None
    _unbegun: tuple[RequestResponseCycle, ASGI3Application] | None = None
    _rests: bool = False
    _resting: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._due("head", HEAD_S)
        self.doors = self.app_state.get(DOORS)
        if self.doors is not None:
            self.doors.enter(self, self.client[0] if self.client else "")

    def connection_lost(self, exc: Exception | None) -> None:
        self._let_go()
        if self._running is not None:
            # uvicorn tells only the newest of several that were asked at once; this one would answer into nothing.
            self._running.disconnected = True
            self._running = None
        self._unbegun = None
        super().connection_lost(exc)
        # Each of them holds us: hundreds of requests that were asked at once would stay until a collection.
        self.pipeline.clear()
        self.cycle = None  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        if self._stage != "body":
            self._head_bytes += len(data)
        super().data_received(data)
        if self.parser is None or self.transport.is_closing():
            return
        if self._stage == "head" and self._head_bytes > MOST_HEAD_BYTES:
            self._refuse(431, _TOO_LARGE)
        elif self._stage == "head":
            self._due("head", HEAD_S)
        elif self._stage == "body":
            self._due("body", BODY_S)
        else:
            self._cancel()

    def on_message_begin(self) -> None:
        self._is_too_many = len(self.pipeline) >= MOST_ASKED
        if self._is_too_many:
            raise ValueError("too much is asked at once")
        super().on_message_begin()
        self._stage = "head"
        self._requests += 1
        self.scope["state"][KNOWN] = self.become_known
        self.scope["state"][REST] = self.rest

    def on_headers_complete(self) -> None:
        self._stage = "body"
        if b"#" in self.url:  # no part of a request (RFC 9112 §3.2), and where one ends a proxy may see another path
            raise ValueError("the target has a fragment")
        # Of a piece that is longer than a head may be: how much of it was the head?
        if self._head_bytes > MOST_HEAD_BYTES:
            head = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            self._is_too_large = head > MOST_HEAD_BYTES
            if self._is_too_large:
                raise ValueError("the head is too large")
        super().on_headers_complete()
        if not self.pipeline:
            self._running = self.cycle

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._unbegun = (cycle, app)
        if not cycle.more_body or cycle.waiting_for_100_continue:
            self._begin()

    def _begin(self) -> None:
        if self._unbegun is not None:
            super()._start_asgi_task(*self._unbegun)
            self._unbegun = None

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        if self._unbegun is not None and len(self._unbegun[0].body) >= BEGIN_BYTES:
            self._begin()

    def on_message_complete(self) -> None:
        self._stage = "idle"
        self._head_bytes = 0
        super().on_message_complete()
        if self._unbegun is not None and not self._unbegun[0].more_body:
            self._begin()

    def become_known(self) -> None:
        """It has shown a good token."""
        if self.doors is not None:
            self.doors.leave(self)

    def rest(self) -> None:
        """Its sender was told to come back later: hears nothing for a moment, so that whoever does not listen is not
        answered as fast as it can ask."""
        doors = self.doors
        self._rests = doors is not None and not doors.is_everybody(self.client[0] if self.client else "")

    def handle_websocket_upgrade(self) -> None:
        """uvicorn's own; the parser is let go of: the two hold each other, so each connect would leave garbage that
        only a collection frees."""
        self._let_go()
        super().handle_websocket_upgrade()
        self.parser = None  # type: ignore[assignment]

    def on_response_complete(self) -> None:
        if self._rests:
            self._rests = False
            self._resting = self.loop.call_later(REST_S, self._go_on)
            self.flow.pause_reading()
        else:
            self._go_on()

    def _go_on(self) -> None:
        self._running = self.pipeline[-1][0] if self.pipeline else None
        super().on_response_complete()
        if self.transport.get_write_buffer_size():
            self._answer_due()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._answer_due()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None

    def send_400_response(self, msg: str) -> None:
        """In the envelope of all answers; nothing in the middle of another one's."""
        if self._is_too_many:
            self._end_later()
        elif self._is_too_large:
            self._refuse(431, _TOO_LARGE)
        else:
            self._refuse(400, "this is no HTTP request")

    def _end_later(self) -> None:
        """Nothing more of it is answered or heard; whoever is cut off at once comes back at once."""
        self.pipeline.clear()
        self.flow.pause_reading()
        if self._resting is None:
            self._resting = self.loop.call_later(REST_S, self.transport.abort)

    def _refuse(self, status: int, message: str) -> None:
        self.transport.write(refusal_of(status, message))
        self.transport.close()

    def _due(self, what: str, within_s: float) -> None:
        """Ends the connection unless it is there in time; not begun anew by each byte that comes."""
        if self._timed == (what, self._requests) and self._timer is not None:
            return
        self._cancel()
        self._timed = (what, self._requests)
        self._timer = self.loop.call_later(within_s, self._too_late)

    def _too_late(self) -> None:
        self._timer = None
        self.transport.abort()

    def _answer_due(self) -> None:
        if self._writing is None:
            self._writing = self.loop.call_later(ANSWER_S, self._untaken)

    def _untaken(self) -> None:
        self._writing = None
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _let_go(self) -> None:
        self._cancel()
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        if self.doors is not None:
            self.doors.leave(self)
            self.doors = None
        # It holds us, and we it.
        for scope in (self.scope, self.cycle.scope if self.cycle is not None else None):
            if scope is not None:
                scope["state"].pop(KNOWN, None)
                scope["state"].pop(REST, None)
