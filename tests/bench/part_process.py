"""One process's own work measured: tokens, look-ups, session objects, groups, frames, writes.

Used by `parts`. Writes go to real loopback connections whose peers read between the rounds, not during them: there is
no reader to wake, so a write costs less than in `make bench`, and so does the system call it is held against.
"""

import asyncio
import gc
import os
import tracemalloc
from collections.abc import Callable
from typing import Final

from hub.clock import now_ms
from hub.sessions.outbox import frame_of
from hub.sessions.registry import ClaimBatch, Registry
from hub.sessions.wire import Wire
from protocol.codec import encode
from protocol.messages import Order, OrderMessage

from .part_loopback import Pair, connected
from .part_rig import Figure, Part, Rig, Work

_FRAMES: Final = 20
"""Frames a socket and round: with their overhead they fit into a receive buffer."""
_REPEATS: Final = 50


async def measure(rig: Rig) -> list[Part | Figure]:
    """Everything that needs no other process but MariaDB for the accounts."""
    async with connected(rig.sizes.sockets) as pairs:
        return [*await _admission(rig), *await _sessions(rig, pairs[0].transport), *await _frames(rig, pairs)]


async def _admission(rig: Rig) -> list[Part | Figure]:
    auth, accounts, chunk = rig.hub.auth, rig.hub.accounts, rig.sizes.chunk
    ids, tokens = [token.user_id for token in rig.users[:chunk]], rig.tokens[:chunk]

    async def look_up(_number: int) -> None:
        await asyncio.gather(*(accounts.get(user_id) for user_id in ids))

    async def admit(_number: int) -> None:
        await asyncio.gather(*(auth.authenticate(token, "") for token in tokens))

    checked = await rig.meter.cost(len(rig.tokens), _at_once(lambda: [auth.read(token) for token in rig.tokens]))
    return [
        Part("token", "a token's signature checked", "token", checked),
        Part("account", f"an account looked up, {chunk:,} at once", "account", await rig.meter.cost(chunk, look_up)),
        Part("admit", "both, as a handshake asks for them", "connect", await rig.meter.cost(chunk, admit)),
    ]


async def _sessions(rig: Rig, transport: asyncio.Transport) -> list[Part | Figure]:
    chunk = [rig.session(token, Wire(transport)) for token in rig.users[: rig.sizes.chunk]]
    joining = _at_once(lambda: [ClaimBatch(chunk) for _ in range(_REPEATS)])
    group = await rig.meter.cost(_REPEATS * len(chunk), joining)
    return [
        Part("group", f"ids and devices of {len(chunk):,} sessions joined", "session", group),
        Figure("session_bytes", "session, conversation, wire and registry entry", _session_bytes(rig, transport), "B"),
    ]


def _session_bytes(rig: Rig, transport: asyncio.Transport) -> float:
    """Python's own count. All wires lend one transport: what the server keeps a connection is not in it."""
    gc.collect()
    tracemalloc.start()
    registry = Registry()
    for token in rig.users:
        registry.join(rig.session(token, Wire(transport)))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held / len(registry)


async def _frames(rig: Rig, pairs: list[Pair]) -> list[Part | Figure]:
    at_ms = now_ms()
    message = OrderMessage(Order(1_000_001, "TEN_MINUTE", "BTCUSDT", "LONG", 60, at_ms, at_ms + 60_000), at_ms)
    text = encode(message)
    frame, frames = frame_of(text), _FRAMES * len(pairs)
    offers = [Wire(pair.transport).offer for pair in pairs]
    descriptors = [pair.transport.get_extra_info("socket").fileno() for pair in pairs]

    def offer() -> None:
        for _ in range(_FRAMES):
            if [place for place, take in enumerate(offers) if not take(text, frame)]:
                raise RuntimeError("a connection took no frame")

    def write() -> None:
        for _ in range(_FRAMES):
            for descriptor in descriptors:
                os.write(descriptor, frame)

    async def read(_number: int) -> None:
        for pair in pairs:
            pair.drain()

    built = await rig.meter.cost(_REPEATS, _at_once(lambda: [frame_of(encode(message)) for _ in range(_REPEATS)]))
    offered = await rig.meter.cost(frames, _at_once(offer), prepare=read)
    written = await rig.meter.cost(frames, _at_once(write), prepare=read)
    return [
        Part("frame", f"an order encoded and framed, {len(frame)} bytes (once an order)", "order", built),
        Part("offer", "a frame offered to a connection", "frame", offered),
        Part("write", "the bare os.write of it: the limit", "frame", written),
    ]


def _at_once(work: Callable[[], object]) -> Work:
    async def once(_number: int) -> None:
        work()

    return once
