"""`hub.sessions.wire` alone, over true TCP connections and true transports of both event loops."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import pytest

from hub.sessions.outbox import OUTBOX_BYTES, frame_of
from hub.sessions.wire import WatchedTransport, Wire, write_all
from tests.services.waiting import eventually

from .kernel import reset_at_close

SMALL: Final = 4_096
BIG: Final = b"x" * 20_000
"""More than a small socket takes at once, so that the kernel takes a part of it."""


@dataclass
class Pair:
    """A wire, its transport as uvicorn has it, and the peer's end of the connection, which reads only when told to."""

    wire: Wire
    transport: WatchedTransport
    peer: socket.socket

    async def read(self, count: int) -> bytes:
        """The next so many bytes at the peer."""
        data = b""
        loop = asyncio.get_running_loop()
        while len(data) < count:
            part = await loop.sock_recv(self.peer, count - len(data))
            assert part, "the connection ended"
            data += part
        return data

    def offer(self, text: bytes) -> bool:
        return self.wire.offer(text, frame_of(text))

    def fill(self) -> list[bytes]:
        """Numbered messages until one is refused; those that were taken."""
        taken: list[bytes] = []
        while self.offer(text := b"%06d" % len(taken) * 20):
            taken.append(text)
        return taken


@asynccontextmanager
async def pair() -> AsyncIterator[Pair]:
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        peer.connect(listener.getsockname())
        peer.setblocking(False)
        ours, _ = listener.accept()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
        try:
            wire = Wire(transport)
            yield Pair(wire, WatchedTransport(transport, wire), peer)
        finally:
            if not transport.is_closing():
                transport.abort()


def test_a_frame_is_in_the_socket_before_the_loop_turns(runner: asyncio.Runner) -> None:
    async def trial() -> None:
        async with pair() as at:
            assert at.offer(b"now")
            assert at.peer.recv(100) == frame_of(b"now")

    runner.run(trial())


def test_a_frame_never_overtakes_what_waits_in_the_transport(runner: asyncio.Runner) -> None:
    async def trial() -> None:
        async with pair() as at:
            at.transport.write(BIG)
            assert at.transport.get_write_buffer_size() > 0
            assert at.offer(b"first")
            at.transport.write(b"between")
            assert at.offer(b"second")
            sent = BIG + frame_of(b"first") + b"between" + frame_of(b"second")
            assert await at.read(len(sent)) == sent
            await eventually(lambda: at.transport.get_write_buffer_size() == 0, "nothing waits")
            assert at.offer(b"direct again")
            assert await at.read(14) == frame_of(b"direct again")

    runner.run(trial())


def test_what_the_socket_takes_in_part_goes_on_behind(runner: asyncio.Runner) -> None:
    async def trial() -> None:
        async with pair() as at:
            assert at.offer(BIG)
            waits = at.transport.get_write_buffer_size()
            assert 0 < waits < len(frame_of(BIG)), "a part is in the socket, the rest in the transport"
            assert at.offer(b"next")
            sent = frame_of(BIG) + frame_of(b"next")
            assert await at.read(len(sent)) == sent

    runner.run(trial())


def test_a_socket_that_takes_nothing_leaves_the_frame_to_the_transport(runner: asyncio.Runner) -> None:
    async def trial() -> None:
        async with pair() as at:
            filled = _fill_kernel(at.wire.descriptor)
            assert at.transport.get_write_buffer_size() == 0
            assert at.offer(b"behind")
            assert at.transport.get_write_buffer_size() == len(frame_of(b"behind"))
            sent = b"k" * filled + frame_of(b"behind")
            assert await at.read(len(sent)) == sent

    runner.run(trial())


def test_more_than_the_outbox_holds_is_refused_and_all_that_was_taken_arrives(runner: asyncio.Runner) -> None:
    async def trial() -> None:
        async with pair() as at:
            taken = at.fill()
            assert at.transport.get_write_buffer_size() <= OUTBOX_BYTES + len(frame_of(taken[0]))
            sent = b"".join(map(frame_of, taken))
            assert len(sent) > OUTBOX_BYTES
            assert await at.read(len(sent)) == sent
            await eventually(lambda: at.transport.get_write_buffer_size() == 0, "nothing waits")
            assert at.offer(b"there is room again")

    runner.run(trial())


def test_a_peer_that_has_gone_is_refused_and_raises_nothing(runner: asyncio.Runner) -> None:
    async def trial() -> None:
        async with pair() as at:
            reset_at_close(at.peer)
            at.peer.close()
            # The kernel may take one frame for a peer whose reset it has not seen; the loop does not turn here.
            assert not all(at.offer(b"anyone?") for _ in range(3))
            await eventually(at.transport.is_closing, "the transport has noticed")
            assert not at.offer(b"anyone?")

    runner.run(trial())


def test_a_wire_whose_transport_is_closing_takes_nothing(runner: asyncio.Runner) -> None:
    async def trial() -> None:
        async with pair() as at:
            at.transport.write(BIG)
            at.transport.close()
            assert not at.offer(b"too late")
            assert await at.read(len(BIG)) == BIG
            assert await asyncio.get_running_loop().sock_recv(at.peer, 1) == b""

    runner.run(trial())


def test_a_stopped_wire_takes_nothing_more_and_what_it_took_arrives(runner: asyncio.Runner) -> None:
    async def trial() -> None:
        async with pair() as at:
            assert at.offer(BIG)
            at.wire.stop()
            assert not at.offer(b"too late")
            await at.read(len(frame_of(BIG)))
            await eventually(lambda: at.transport.get_write_buffer_size() == 0, "nothing waits")
            assert not at.offer(b"too late")

    runner.run(trial())


def test_an_aborted_wire_drops_what_waits(runner: asyncio.Runner) -> None:
    async def trial() -> None:
        async with pair() as at:
            at.fill()
            at.wire.abort()
            assert not at.offer(b"too late")
            with pytest.raises((ConnectionError, AssertionError)):
                await at.read(OUTBOX_BYTES * 2)

    runner.run(trial())


def test_one_frame_to_many_names_those_that_did_not_take_it(runner: asyncio.Runner) -> None:
    async def trial() -> None:
        async with pair() as well, pair() as full, pair() as stopped, pair() as gone, pair() as last:
            full.fill()
            stopped.wire.stop()
            gone.transport.abort()
            everyone = [well, full, stopped, gone, last]
            assert write_all([at.wire for at in everyone], b"to all", frame_of(b"to all")) == [1, 2, 3]
            for at in (well, last):
                assert await at.read(8) == frame_of(b"to all")

    runner.run(trial())


def _fill_kernel(descriptor: int) -> int:
    """Fills the socket past what its transport knows of; returns how many bytes it took."""
    with socket.socket(fileno=os.dup(descriptor)) as same:
        same.setblocking(False)
        taken = 0
        while True:
            try:
                taken += same.send(b"k" * SMALL)
            except BlockingIOError:
                return taken
