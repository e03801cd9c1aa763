"""Real loopback connections for the parts that write: the hub's end a transport of its loop, the peer a bare socket.

Used by `part_process` and `part_bus`. The invariant: all are closed with the context.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Pair:
    """One loopback connection: the hub's end as its loop's transport, the peer's as a bare socket."""

    transport: asyncio.Transport
    peer: socket.socket

    def drain(self) -> None:
        """Reads what came; there may be nothing yet."""
        with contextlib.suppress(BlockingIOError):
            self.peer.recv(1 << 16)


@contextlib.asynccontextmanager
async def connected(count: int) -> AsyncIterator[list[Pair]]:
    """Loopback connections, closed at the end."""
    pairs: list[Pair] = []
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.ExitStack() as stack:
        for _ in range(count):
            peer = stack.enter_context(socket.create_connection(listener.getsockname()))
            peer.setblocking(False)
            ours, _ = listener.accept()
            ours.setblocking(False)
            transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
            stack.callback(transport.abort)
            pairs.append(Pair(transport, peer))
        yield pairs
