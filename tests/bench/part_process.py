"""One process's own work measured: tokens, look-ups, session objects, groups, frames, writes.

Used by `parts`. Writes go to real loopback connections whose peers read between the rounds, not during them: there is
no reader to wake, so a write costs less than in `make bench`, and so does the system call it is held against.
"""

import asyncio
import gc
import os
import socket
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from hub.clock import now_ms
from hub.outbox import frame_of
from hub.registry import Group, Registry
from hub.wire import Wire
from protocol.codec import encode
from protocol.messages import Order, OrderMessage

from .part_rig import Cost, Figure, Part, Rig

_FRAMES: Final = 20
"""Frames a socket and round: with their overhead they fit into a receive buffer."""
_REPEATS: Final = 20


async def measure(rig: Rig) -> list[Part | Figure]:
    """Everything that needs no other process but MariaDB for the accounts."""
    async with loopback(rig.sizes.sockets) as wires:
        return [*await _admission(rig), *await _sessions(rig, wires[0][0]), *await _frames(rig, wires)]


async def _admission(rig: Rig) -> list[Part | Figure]:
    auth, accounts, chunk = rig.hub.auth, rig.hub.accounts, rig.sizes.chunk
    ids, tokens = [token.user_id for token in rig.users[:chunk]], rig.tokens[:chunk]

    async def look_up(_number: int) -> None:
        await asyncio.gather(*(accounts.get(user_id) for user_id in ids))

    async def admit(_number: int) -> None:
        await asyncio.gather(*(auth.authenticate(token) for token in tokens))

    checked = await _sync(rig, len(rig.tokens), lambda: [auth.read(token) for token in rig.tokens])
    return [
        Part("token", "a token's signature checked", "token", checked),
        Part("account", f"an account looked up, {chunk:,} at once", "account", await rig.meter.cost(chunk, look_up)),
        Part("admit", "both, as a handshake asks for them", "connect", await rig.meter.cost(chunk, admit)),
    ]


async def _sessions(rig: Rig, wire: Wire) -> list[Part | Figure]:
    chunk = [rig.session(token, wire) for token in rig.users[: rig.sizes.chunk]]
    group = await _sync(rig, _REPEATS * len(chunk), lambda: [Group(chunk) for _ in range(_REPEATS)])
    return [
        Part("group", f"ids and devices of {len(chunk):,} sessions joined", "session", group),
        Figure("session_bytes", "session, conversation, wire and registry entry", _session_bytes(rig, wire), "B"),
    ]


def _session_bytes(rig: Rig, wire: Wire) -> float:
    """Python's own count. All wires lend one transport: what the server keeps a connection is not in it."""
    gc.collect()
    tracemalloc.start()
    registry = Registry()
    for token in rig.users:
        registry.join(rig.session(token, Wire(wire._transport)))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held / len(registry)


async def _frames(rig: Rig, wires: list[tuple[Wire, int]]) -> list[Part | Figure]:
    at_ms = now_ms()
    order = Order(1_000_001, "TEN_MINUTE", "BTCUSDT", "LONG", 60, at_ms, at_ms + 60_000)
    text = encode(OrderMessage(order, at_ms))
    frame = frame_of(text)
    offers, descriptors = [wire.offer for wire, _ in wires], [descriptor for _, descriptor in wires]

    def build() -> None:
        for _ in range(_REPEATS * _FRAMES):
            frame_of(encode(OrderMessage(order, at_ms)))

    def offer() -> None:
        for _ in range(_FRAMES):
            refused = [take for take in offers if not take(text, frame)]
            if refused:
                raise RuntimeError(f"{len(refused)} connections took no frame")

    def write() -> None:
        for _ in range(_FRAMES):
            for descriptor in descriptors:
                os.write(descriptor, frame)

    units = _FRAMES * len(wires)
    return [
        Part("frame", f"an order encoded and framed, {len(frame)} bytes (once an order)", "order", await _sync(rig, _REPEATS * _FRAMES, build)),
        Part("offer", "a frame offered to a connection", "frame", await _sync(rig, units, offer)),
        Part("write", "the bare os.write of it: the limit", "frame", await _sync(rig, units, write)),
    ]


async def _sync(rig: Rig, units: int, work: Callable[[], object]) -> Cost:
    """Between the rounds the loop turns, so that peers read."""

    async def once(_number: int) -> None:
        work()

    async def with_pause() -> None: ...

    await with_pause()
    return await rig.meter.cost(units, once)


@asynccontextmanager
async def loopback(count: int) -> AsyncIterator[list[tuple[Wire, int]]]:
    """Connections of this process with itself: each one's wire, and its descriptor."""
    yield []
