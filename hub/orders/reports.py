"""What agents say of orders: acks, results, how positions ended; and what contradicts it.

The invariant: a fact is taken from the device that the order was given to, and from the only one that has it; a result
of another device changes nothing and is never dropped: it is kept as evidence that an order may have been submitted
twice.
"""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, Final

import msgspec
import structlog

from hub.clock import Clock
from hub.cluster.claims import Claims
from hub.errors import Unavailable
from hub.model.delivery import LONGEST_LIFE_MS, PLACED, Reported, plausible
from hub.model.records import OrderRow
from hub.orders.facts import Verdict
from hub.orders.ledger import Ledger
from hub.orders.live import LiveOrder, LiveOrders
from hub.runtime import metrics
from hub.runtime.background import Background
from hub.sessions.registry import Session
from hub.store import Store
from protocol.errors import NOT_YOURS, UNAVAILABLE, UNKNOWN_ORDER
from protocol.messages import Ack, Error, Recorded, Result, Settled

_ERRORS: Final[dict[Verdict, Error]] = {
    "not_owner": Error(NOT_YOURS.name, "the order is not this device's"),
    "no_such_order": Error(UNKNOWN_ORDER.name, UNKNOWN_ORDER.meaning),
    "full": Error(UNAVAILABLE.name, "too much waits for the database: the result is not recorded yet"),
}
"""Without an order id in answer to an ack, which may name an order that is only not live here any more."""

CHECKS_AT_ONCE: Final = 3
"""Reports that are held against the database at a time, of all sessions: publishing and the ledger need it, too."""
CHECK_TURN_S: Final = 10.0
"""How long a report waits for its turn; then the agent is told to report it again."""

log = structlog.get_logger(__name__)


class Reports:
    """The reports of one process's agents."""

    def __init__(
        self, *, store: Store, claims: Claims, live: LiveOrders, ledger: Ledger, background: Background, clock: Clock
    ) -> None:
        self._clock = clock
        self._store = store
        self._claims = claims
        self._live = live
        self._ledger = ledger
        self._background = background
        self._checks = asyncio.Semaphore(CHECKS_AT_ONCE)

    def take_ack(self, session: Session, ack: Ack, at_ms: int) -> None:
        """The device has the order on disk."""
        live = self._live.get(ack.order_id)
        if live is None:
            session.say(_ERRORS["no_such_order"])
        elif live.is_with(session):
            self._measure(session, live, at_ms)
            acked_ms = plausible(ack.received_ms, at_ms - LONGEST_LIFE_MS, at_ms)
            self._ledger.acked(ack.order_id, session.user_id, session.device_id, acked_ms)
        else:
            session.say(_ERRORS["not_owner"])

    def _measure(self, session: Session, live: LiveOrder, at_ms: int) -> None:
        """How late it came; an ack that is said again says nothing about that."""
        sent_ms = live.sent.get(session)
        if sent_ms is not None:
            session.latency_ms = at_ms - sent_ms
            metrics.ACK_ROUND_TRIP.observe(session.latency_ms / 1_000)
        if live.note_acked(session.user_id):
            metrics.ACKS.inc()
            metrics.PUBLISH_TO_ACKED.observe((at_ms - live.order.created_ms) / 1_000)

    def take_result(self, session: Session, result: Result, at_ms: int) -> None:
        """What became of an order. Answered when it is committed."""
        live = self._live.get(result.order_id)
        earliest_ms = at_ms - LONGEST_LIFE_MS if live is None else live.order.created_ms
        executed_ms = plausible(result.executed_ms, earliest_ms, at_ms)
        event = Reported(session.device_id, result.outcome, executed_ms, result.message, result.data)
        if live is not None and live.is_with(session):
            self._report(session, result.order_id, event)
        else:
            self._check(session, result.order_id, self._check_then_report(session, result.order_id, event), "report")

    def take_settled(self, session: Session, settled: Settled, at_ms: int) -> None:
        """How a position ended."""
        self._ledger.settled(
            settled.order_id,
            session.user_id,
            session.device_id,
            f"{settled.result} {settled.source}",
            plausible(settled.at_ms, at_ms - LONGEST_LIFE_MS, at_ms),
        )

    async def owner(self, order_id: int, user_id: int) -> str | None:
        """The device that this order of this user belongs to: the row's word, else the claim's. Raises Unavailable."""
        return await self._store.assignments.owner(order_id, user_id) or await self._claims.owner(order_id, user_id)

    async def keep_evidence(self, order_id: int, user_id: int, event: Reported) -> None:
        """Keeps a result of a device that does not own the order, where it may have submitted it. Raises
        Unavailable."""
        if event.outcome in PLACED and await self._store.contradictions.keep(order_id, user_id, event, self._clock()):
            metrics.CONTRADICTIONS.inc()
            log.error(
                "an order may have been submitted twice: a second device reports it",
                order_id=order_id,
                user_id=user_id,
                device_id=event.device_id,
                outcome=event.outcome,
            )

    def _check(self, session: Session, order_id: int, check: Coroutine[Any, Any, None], name: str) -> None:
        """Asks the stores for this session, in a task; only so many at a time."""
        session.work.begin()
        self._background.spawn(self._in_turn(session, order_id, check), name)

    async def _in_turn(self, session: Session, order_id: int, check: Coroutine[Any, Any, None]) -> None:
        with session.work, contextlib.closing(check):
            try:
                async with asyncio.timeout(CHECK_TURN_S):
                    await self._checks.acquire()
            except TimeoutError:
                busy = Unavailable("the database", "other reports wait for it")
                return self._say_unavailable(session, order_id, busy)
            try:
                await check
            except Unavailable as error:
                self._say_unavailable(session, order_id, error)
            finally:
                self._checks.release()
            return None

    async def _check_then_report(self, session: Session, order_id: int, event: Reported) -> None:
        """A result of an earlier connection: taken if the claim or the row is this device's, or if there is neither and
        the order was meant for this user: then it is the only fact there is."""
        owner = await self.owner(order_id, session.user_id)
        if owner == session.device_id:
            return self._report(session, order_id, event)
        row = await self._store.orders.get(order_id)
        if owner is None and row is not None and is_meant_for(row, session.user_id):
            return self._report(session, order_id, event)
        if row is not None:
            await self.keep_evidence(order_id, session.user_id, event)
        session.say(_about(order_id, _ERRORS["not_owner" if row else "no_such_order"]))
        return None

    def _report(self, session: Session, order_id: int, event: Reported) -> None:
        def answer(verdict: Verdict) -> None:
            if verdict == "recorded":
                session.say(Recorded(order_id))
            elif verdict == "not_owner":
                self._check(session, order_id, self._refuse(session, order_id, event), "contradiction")
            else:
                session.say(_about(order_id, _ERRORS[verdict]))

        self._ledger.reported(order_id, session.user_id, event, answer)

    async def _refuse(self, session: Session, order_id: int, event: Reported) -> None:
        await self.keep_evidence(order_id, session.user_id, event)
        session.say(_about(order_id, _ERRORS["not_owner"]))

    def _say_unavailable(self, session: Session, order_id: int, error: Unavailable) -> None:
        session.say(Error(UNAVAILABLE.name, f"{error.what} is out of reach: the result is not recorded yet", order_id))


def is_meant_for(row: OrderRow, user_id: int) -> bool:
    """Whether the user is among the order's targets."""
    return row.targets is None or user_id in row.targets


def _about(order_id: int, error: Error) -> Error:
    """The error as the answer to this order's result."""
    return msgspec.structs.replace(error, order_id=order_id)
