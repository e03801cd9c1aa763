"""A connection's first moments: it takes the place of an older one, and learns what the hub has of its journal.

The invariant: whatever an agent says it has, it is told what became of it before it is told that this was all; what was
cancelled, what has an outcome, and, of a journal that is a copy or came from a backup, everything that was given out
and may have been submitted by its original.
"""

import asyncio
from typing import Final

import structlog

from hub.clock import Clock
from hub.errors import Unavailable
from hub.orders.live import CANCELLED_BY_ADMIN, LiveOrders
from hub.runtime import metrics
from hub.runtime.background import Background
from hub.sessions.arrivals import Arrivals
from hub.sessions.registry import Registry, Session
from hub.store import Store
from protocol import closes
from protocol.messages import CAUGHT_UP, SETTLED, Cancel, CaughtUp, Hello, Recorded, Welcome

FEATURES: Final = [CAUGHT_UP, SETTLED]
"""What this hub understands beyond the first version of the protocol."""
_RETRY_S: Final = 0.5

log = structlog.get_logger(__name__)


class Greeting:
    """Greets the sessions of one process."""

    def __init__(
        self,
        *,
        store: Store,
        live: LiveOrders,
        registry: Registry,
        arrivals: Arrivals,
        background: Background,
        heartbeat_s: int,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._store = store
        self._live = live
        self._registry = registry
        self._arrivals = arrivals
        self._background = background
        self._heartbeat_s = heartbeat_s
        self.hub_id: str | None = None

    async def learn_hub_id(self) -> None:
        """Reads the installation's id, once. Raises Unavailable."""
        if self.hub_id is None:
            self.hub_id = await self._store.installation.hub_id()

    def join(self, session: Session, hello: Hello) -> None:
        """A connection has said hello: it takes the place of the user's older one, and catches up."""
        session.introduce(hello)
        replaced = self._registry.join(session)
        if replaced is not None:
            replaced.close(closes.SESSION_REPLACED)
        session.say(self._welcome(session))
        for order_id in session.have:
            live = self._live.get(order_id)
            if live is not None and live.cancelled is not None:
                session.say(Cancel(order_id, live.cancelled))
        if hello.newest_order_id is not None and hello.newest_order_id > (session.newest_order_id or 0):
            self._background.spawn(self._note_newer(session, hello.newest_order_id), "a newer journal")
        if hello.journal is not None and hello.start is not None:
            known = self._tell_what_is_known(session, hello.journal, hello.start, hello.previous)
            self._background.spawn(known, f"what is known of journal {hello.journal}")
        self._arrivals.add(session)

    async def _note_newer(self, session: Session, order_id: int) -> None:
        """The agent knows an order that this database does not: it is an older copy, or another one. Kept for `hub
        doctor --restored`; that agent submits nothing, and says so again when it comes again."""
        if await self._store.restoration.note_reported(order_id):
            metrics.NEWER_JOURNALS.inc()
            log.error(
                "an agent knows a newer order than the database: was it restored? run `hub doctor --restored`",
                user_id=session.user_id,
                device_id=session.device_id,
                order_id=order_id,
            )

    def _welcome(self, session: Session) -> Welcome:
        return Welcome(
            session_id=session.token_id,
            user_id=session.user_id,
            username=session.username,
            hub_time_ms=self._clock(),
            heartbeat_s=self._heartbeat_s,
            token_expire_ms=session.token_expire_ms,
            account_expire_ms=session.account_expire_ms,
            hub_id=self.hub_id,
            newest_order_id=session.newest_order_id,
            features=FEATURES,
        )

    async def _tell_what_is_known(self, session: Session, journal: str, start: str, previous: str | None) -> None:
        """Answers for each order that the agent has, then says that this was all; waits for the database."""
        while session.closed is None:
            try:
                is_copy = await self._store.journals.is_copy(journal, session.user_id, start, previous, self._clock())
                if is_copy:
                    metrics.COPIES.inc()
                    log.error(
                        "a journal is a copy, or came back from a backup",
                        user_id=session.user_id,
                        device_id=session.device_id,
                        journal=journal,
                    )
                await self._answer_for(session, is_copy)
            except Unavailable as error:
                log.warning("an agent waits for what is known of its journal", error=str(error))
                await asyncio.sleep(_RETRY_S)
            else:
                session.say(CaughtUp())
                return

    async def _answer_for(self, session: Session, is_copy: bool) -> None:
        have = sorted(session.have)
        known = await self._store.assignments.outcomes_of(session.user_id, have)
        for order_id in await self._store.orders.cancelled_among(have):
            session.say(Cancel(order_id, CANCELLED_BY_ADMIN))
        for row in known:
            if row.outcome is not None and not row.is_presumed:
                session.say(Recorded(row.order_id, row.outcome))
            elif is_copy and row.was_given_out:
                session.say(Recorded(row.order_id, "unknown"))
