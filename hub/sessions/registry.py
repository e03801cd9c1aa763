"""The sessions of this process: who is connected, on which device, and the way to them.

The invariants: a user has one session, a newer
one replaces it; and sessions stand in chunks of `CHUNK`, whose ids are joined once and kept until someone
comes or goes.
"""

import asyncio
import itertools
from collections.abc import Iterator
from typing import Final

from starlette.websockets import WebSocketDisconnect

from hub.cluster.bus import EventId
from hub.model.delivery import holder_of
from hub.runtime import metrics
from hub.sessions.budget import Work
from hub.sessions.outbox import CLOSE_TIMEOUT_S, Outbox, frame_of
from protocol.closes import SESSION_REPLACED, Close
from protocol.conversation import Conversation
from protocol.messages import Hello, ToAgent, ToHub

CHUNK: Final = 1_000
FIRST_CHUNK: Final = 250
"""The first chunks are small and the next ones double: the first frames leave while the later claims are made."""
MOST_ARRIVING: Final = 4
"""Connections of one user that have not said hello."""


_numbers: Final = itertools.count()


class Session:
    """One connection of one device of one user. Times in epoch milliseconds. `number` is given once in a process."""

    __slots__ = (
        "account_expire_ms",
        "address",
        "announced",
        "close_task",
        "closed",
        "conversation",
        "device_id",
        "driver",
        "halted_epoch",
        "have",
        "heard_ms",
        "journal",
        "latency_ms",
        "newest_order_id",
        "number",
        "outbox",
        "since_ms",
        "token_expire_ms",
        "token_id",
        "user_id",
        "username",
        "version",
        "work",
    )

    def __init__(
        self,
        user_id: int,
        username: str,
        token_id: str,
        *,
        account_expire_ms: int | None,
        token_expire_ms: int,
        address: str,
        outbox: Outbox,
        conversation: Conversation[ToHub],
        now_ms: int,
        newest_order_id: int | None = None,
        work: Work | None = None,
    ) -> None:
        self.number = next(_numbers)
        self.user_id = user_id
        self.username = username
        self.token_id = token_id
        self.account_expire_ms = account_expire_ms
        self.token_expire_ms = token_expire_ms
        self.address = address
        self.outbox = outbox
        self.conversation = conversation
        self.since_ms = now_ms
        self.heard_ms = now_ms
        self.newest_order_id = newest_order_id
        self.work = work or Work()
        self.halted_epoch: int | None = None
        self.journal: str | None = None
        self.device_id = ""
        self.version = ""
        self.driver = ""
        self.have: frozenset[int] = frozenset()
        self.latency_ms: int | None = None
        self.announced: EventId | None = None
        self.closed: Close | None = None
        self.close_task: asyncio.Task[None] | None = None

    def introduce(self, hello: Hello) -> None:
        self.device_id = hello.device_id
        self.version = hello.version
        self.driver = hello.driver
        self.have = frozenset(hello.have)
        self.journal = hello.journal

    @property
    def ends_ms(self) -> int:
        """When the account or the token runs out."""
        account = self.account_expire_ms
        return self.token_expire_ms if account is None else min(account, self.token_expire_ms)

    def say(self, message: ToAgent) -> bool:
        """Sends a message of this session's own; False when the peer does not take it."""
        text = self.conversation.send(message)
        return self.outbox.offer(text, frame_of(text))

    def close(self, close: Close, reason: str = "") -> None:
        """Ends the session without waiting; the first reason stands."""
        if self.closed is None:
            self.closed = close
            self.outbox.stop()
            metrics.CLOSES.labels(close.name).inc()
            self.close_task = asyncio.create_task(self._close(close, reason or close.meaning))

    async def _close(self, close: Close, reason: str) -> None:
        try:
            # A close frame's reason has at most 123 bytes (RFC 6455 §5.5).
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self.outbox.close(close.code, reason.encode()[:120].decode(errors="ignore"))
        except (TimeoutError, OSError, RuntimeError, WebSocketDisconnect):
            # A peer that does not even take the close frame, or is gone, is not waited for.
            self.outbox.abort()


class Chunk:
    """Up to `capacity` sessions, their ids and devices joined as `claim.lua` takes them."""

    __slots__ = ("_prepared", "capacity", "sessions")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.sessions: dict[int, Session] = {}
        self._prepared: ClaimBatch | None = None

    def add(self, session: Session) -> None:
        self.sessions[session.user_id] = session
        self._prepared = None

    def remove(self, session: Session) -> None:
        del self.sessions[session.user_id]
        self._prepared = None

    def batch(self) -> "ClaimBatch":
        if self._prepared is None:
            self._prepared = ClaimBatch(list(self.sessions.values()))
        return self._prepared


class ClaimBatch:
    """Sessions that are claimed for together."""

    __slots__ = ("devices", "ends_ms", "outboxes", "sessions", "users")

    def __init__(self, sessions: list[Session]) -> None:
        self.sessions = sessions
        self.outboxes = [session.outbox for session in sessions]
        self.users = ",".join([str(session.user_id) for session in sessions]).encode()
        self.devices = ",".join([holder_of(session.device_id, session.journal) for session in sessions]).encode()
        self.ends_ms = min([session.ends_ms for session in sessions], default=0)


class Registry:
    """All sessions of this process that have said hello."""

    def __init__(self) -> None:
        self._by_user: dict[int, tuple[Session, Chunk]] = {}
        self._chunks: list[Chunk] = []
        self._arriving: dict[int, list[Session]] = {}

    def __len__(self) -> int:
        return len(self._by_user)

    def __iter__(self) -> Iterator[Session]:
        return iter([session for session, _ in self._by_user.values()])

    def get(self, user_id: int) -> Session | None:
        entry = self._by_user.get(user_id)
        return entry[0] if entry else None

    def arrive(self, session: Session) -> None:
        """The session is connected but has not said hello: it gets nothing, and can be ended. Of too many of one user
        the oldest is."""
        arriving = self._arriving.setdefault(session.user_id, [])
        arriving.append(session)
        if len(arriving) > MOST_ARRIVING:
            self.close(arriving[0], SESSION_REPLACED)

    def _has_arrived(self, session: Session) -> None:
        arriving = self._arriving.get(session.user_id, [])
        if session in arriving:
            arriving.remove(session)
            if not arriving:
                del self._arriving[session.user_id]

    def of_user(self, user_id: int) -> list[Session]:
        """Every session of the user, those that arrive too."""
        joined = self.get(user_id)
        return self._arriving.get(user_id, []) + ([joined] if joined else [])

    def everyone(self) -> list[Session]:
        """Those who have joined and those who arrive."""
        return [*self, *(session for arriving in self._arriving.values() for session in arriving)]

    def join(self, session: Session) -> Session | None:
        """Takes the session in; returns the one of the same user that it replaces."""
        self._has_arrived(session)
        replaced = self.get(session.user_id)
        if replaced is not None:
            self.leave(replaced)
        self._place(session)
        metrics.CONNECTIONS.set(len(self._by_user))
        metrics.agents(1, session.version, session.driver)
        return replaced

    def close(self, session: Session, close: Close, reason: str = "") -> None:
        """Ends the session. It takes part in nothing from now on, however long its peer takes to go."""
        self.leave(session)
        session.close(close, reason)

    def leave(self, session: Session) -> bool:
        """Lets the session go; False when it was gone or replaced already."""
        self._has_arrived(session)
        entry = self._by_user.get(session.user_id)
        if entry is None or entry[0] is not session:
            return False
        _, chunk = self._by_user.pop(session.user_id)
        metrics.CONNECTIONS.set(len(self._by_user))
        metrics.agents(-1, session.version, session.driver)
        chunk.remove(session)
        if len(chunk.sessions) < chunk.capacity // 2 and chunk is not self._chunks[-1]:
            self._merge(chunk)
        return True

    def changed(self, session: Session) -> None:
        """When the session ends is not what it was: its chunk is prepared anew."""
        entry = self._by_user.get(session.user_id)
        if entry is not None and entry[0] is session:
            entry[1].add(session)

    def batches(self) -> list[ClaimBatch]:
        """Everyone, a batch a chunk."""
        return [chunk.batch() for chunk in self._chunks if chunk.sessions]

    def _merge(self, chunk: Chunk) -> None:
        """Moves a thinned chunk's sessions to the end, so that many comings and goings leave few chunks."""
        self._chunks.remove(chunk)
        for session in chunk.sessions.values():
            self._place(session)

    def _place(self, session: Session) -> None:
        """Into the last chunk, or a new one."""
        if not self._chunks or len(self._chunks[-1].sessions) >= self._chunks[-1].capacity:
            self._chunks.append(Chunk(min(CHUNK, FIRST_CHUNK << len(self._chunks))))
        chunk = self._chunks[-1]
        chunk.add(session)
        self._by_user[session.user_id] = (session, chunk)
