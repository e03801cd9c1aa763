"""Fan-out: one order to many sessions. Claim chunk by chunk, write the one frame, record behind.

The inner part of the story in `dispatch`, for everyone who is connected and for those who come later.
The invariants: a frame leaves only for a session that holds the claim, inside the window, once a
connection; nobody waits for a slow peer; and what was claimed is recorded whether or not it could be sent.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Final, Literal

import structlog

from hub.clock import Clock
from hub.cluster.claims import NEW, OURS
from hub.errors import Unavailable
from hub.model.delivery import leaving
from hub.orders.claiming import Claiming
from hub.orders.facts import ChunkSent
from hub.orders.ledger import Ledger
from hub.orders.live import LiveOrder
from hub.runtime import metrics
from hub.sessions.outbox import frame_of
from hub.sessions.registry import ClaimBatch, Registry, Session
from hub.sessions.wire import write_all
from hub.store import Store
from protocol import closes
from protocol.codec import encode
from protocol.messages import OrderMessage

IN_FLIGHT: Final = 2
"""Chunks whose claims are under way at once: one at Redis while another's frames are written. With more, Redis works
through all that wait before it answers the first."""
_TURNS_TO_LEAVE: Final = 2
"""Of the event loop, until a claim that was begun is on its way: in the first its task hands the command to the
transport, at the end of the second uvloop puts it on the wire."""
_RETRY_S: Final = 0.1

log = structlog.get_logger(__name__)


class FanOut:
    """How this process hands orders out. `strict`: rows are committed before frames leave."""

    def __init__(
        self,
        *,
        store: Store,
        claiming: Claiming,
        registry: Registry,
        ledger: Ledger,
        mode: Literal["fast", "strict"],
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._store = store
        self._claiming = claiming
        self._registry = registry
        self._ledger = ledger
        self._is_strict = mode == "strict"

    async def deliver(self, live: LiveOrder, batches: Iterable[ClaimBatch]) -> None:
        """Claims batch by batch, the next claims in flight while this batch's frames are written."""
        ahead: deque[tuple[ClaimBatch, asyncio.Task[bytes]]] = deque()
        with self._ledger.held():
            try:
                await self._deliver(live, batches, ahead)
            finally:
                for _, claiming in ahead:
                    claiming.cancel()

    async def _deliver(
        self,
        live: LiveOrder,
        batches: Iterable[ClaimBatch],
        ahead: deque[tuple[ClaimBatch, asyncio.Task[bytes]]],
    ) -> None:
        began_ms = self._clock()
        text = encode(OrderMessage(live.order, began_ms))
        frame = frame_of(text)
        for batch in batches:
            eligible = self._eligible(live, batch, began_ms)
            if eligible.sessions:
                ahead.append((eligible, asyncio.create_task(self._claim(live, eligible))))
                # Yield twice, so that the claim is on the wire before the write loop blocks the event loop.
                for _ in range(_TURNS_TO_LEAVE):
                    await asyncio.sleep(0)
            if len(ahead) >= IN_FLIGHT:
                await self._hand_out(live, *ahead.popleft(), text, frame)
        while ahead:
            await self._hand_out(live, *ahead.popleft(), text, frame)

    def _eligible(self, live: LiveOrder, batch: ClaimBatch, at_ms: int) -> ClaimBatch:
        """The batch itself nearly always; a smaller one where someone runs out, or is not meant."""
        if live.targets is None and batch.ends_ms > at_ms:
            return batch
        return ClaimBatch(
            [session for session in batch.sessions if session.ends_ms > at_ms and live.is_meant_for(session.user_id)]
        )

    async def _claim(self, live: LiveOrder, batch: ClaimBatch) -> bytes:
        """A flag a session; empty when the window ended before Redis answered."""
        is_waiting = False
        while live.may_go_out(self._clock()):
            try:
                if not self._ledger.is_full:
                    return await self._claiming.claim(live.order, batch.users, batch.devices)
            except Unavailable as error:
                if not is_waiting:
                    log.warning("claims wait", order_id=live.order.id, error=str(error))
                is_waiting = True
            await asyncio.sleep(_RETRY_S)
        return b""

    async def _hand_out(
        self, live: LiveOrder, batch: ClaimBatch, claiming: asyncio.Task[bytes], text: bytes, frame: bytes
    ) -> None:
        """Writes the frame to every session that has the claim, and records it."""
        flags = await claiming
        _count_claims(flags)
        wanted = await self._wanted(live, batch, flags)
        if self._is_strict and wanted.sessions:
            committed = await self._commit_first(live, wanted)
            # The commit took a moment: a delivery beside this one may have sent it over the same connection.
            wanted = ClaimBatch([session for session in committed.sessions if session not in live.sent])
        if not wanted.sessions:
            return
        at_ms = self._clock()
        unsent = self._write(live, wanted, text, frame, at_ms) if live.may_go_out(at_ms) else _ids(wanted.sessions)
        self._ledger.sent(ChunkSent(live.order.id, at_ms, wanted.sessions, unsent))
        metrics.PUBLISH_TO_SENT.observe((at_ms - live.order.created_ms) / 1_000)
        metrics.SENT.inc(len(wanted.sessions) - len(unsent))
        metrics.UNSENT.inc(len(unsent))

    async def _wanted(self, live: LiveOrder, batch: ClaimBatch, flags: bytes) -> ClaimBatch:
        """Who gets the frame: those claimed now, and those whose device has the claim but not the order."""
        if flags.count(NEW) == len(batch.sessions) and live.sent.keys().isdisjoint(batch.sessions):
            return batch
        flagged = [pair for pair in zip(batch.sessions, flags, strict=False) if pair[0] not in live.sent]
        again = {session for session, flag in flagged if flag == OURS and live.order.id not in session.have}
        acked = await self._acked(live, again) if again else set()
        # Asking took a moment: another delivery may have been quicker.
        return ClaimBatch(
            [
                session
                for session, flag in flagged
                if (flag == NEW or (session in again and session.user_id not in acked)) and session not in live.sent
            ]
        )

    async def _acked(self, live: LiveOrder, sessions: Iterable[Session]) -> set[int]:
        """Whose device has the order on disk already; when the database is away they get it twice, which is harmless
        to a journal."""
        asked = [session.user_id for session in sessions if session.user_id not in live.acked]
        try:
            return live.acked | await self._store.assignments.acked_among(live.order.id, asked)
        except Unavailable:
            return live.acked

    async def _commit_first(self, live: LiveOrder, wanted: ClaimBatch) -> ClaimBatch:
        """Strict: the rows are committed before the frames leave, and only whose row it is gets a frame."""
        at_ms = self._clock()
        rows = [leaving(live.order.id, who.user_id, who.device_id, at_ms, who.journal) for who in wanted.sessions]
        is_waiting = False
        while live.may_go_out(self._clock()):
            try:
                ours = await self._ledger.commit(rows)
            except Unavailable as error:
                if not is_waiting:
                    log.warning("rows wait for the database", order_id=live.order.id, error=str(error))
                is_waiting = True
                await asyncio.sleep(_RETRY_S)
            else:
                return ClaimBatch(
                    [
                        session
                        for session in wanted.sessions
                        if (live.order.id, session.user_id, session.device_id) in ours
                    ]
                )
        return ClaimBatch([])

    def _write(self, live: LiveOrder, wanted: ClaimBatch, text: bytes, frame: bytes, at_ms: int) -> frozenset[int]:
        """Writes the frame to each; who does not take it is closed, and may come back for it. Returns their user
        ids."""
        slow = [wanted.sessions[place] for place in write_all(wanted.outboxes, text, frame)]
        live.note_sent(wanted.sessions, at_ms)
        for session in slow:
            self._registry.close(session, closes.SLOW_CONSUMER)
        return _ids(slow)


def _ids(sessions: list[Session]) -> frozenset[int]:
    return frozenset(session.user_id for session in sessions)


def _count_claims(flags: bytes) -> None:
    for result, flag in (("new", b"1"), ("own", b"2"), ("other", b"0")):
        metrics.CLAIMS.labels(result).inc(flags.count(flag))
