"""THE STORY: the life of an order at the hub, from top to bottom.

publish: validated draft -> committed -> doorbell. fan_out: claim, hand out, record behind (how: `hub.orders.fanout`).
receive: what agents say of it. catch_up: whoever comes later, within the window. cancel: what is not submitted
yet will not be. Shells (socket, routes) call it; the decisions stand in `hub.model.delivery` and `claim.lua`.
"""

import asyncio
from typing import Final

import structlog

from hub.clock import now_ms
from hub.cluster.bus import Bus, EventId, Joined, OrderCancelled, OrderPublished
from hub.cluster.claims import Claims
from hub.cluster.order_cache import OrderCache
from hub.errors import Unavailable
from hub.model.delivery import LONGEST_LIFE_MS, Reported
from hub.model.records import Draft, OrderRow
from hub.orders.fanout import FanOut
from hub.orders.ledger import Ledger, Verdict
from hub.orders.live import LiveOrder, LiveOrders
from hub.runtime import memory, metrics
from hub.runtime.background import Background
from hub.sessions.recheck import Recheck
from hub.sessions.registry import CHUNK, Group, Registry, Session
from hub.store import Store
from protocol import closes
from protocol.closes import Close
from protocol.messages import (
    Ack,
    Cancel,
    Error,
    Halted,
    Hello,
    Recorded,
    Result,
    Time,
    TimeReply,
    ToHub,
    Welcome,
)

DOORBELL_S: Final = 1.0
GATHER_S: Final = 0.005
CROWD: Final = 4
CROWD_GATHER_S: Final = 0.05
"""How long arrivals are gathered, longer once a crowd comes: it then costs one announcement and one claim script an
order for fifty, not for five."""

_ERRORS: Final[dict[Verdict, Error]] = {
    "not_owner": Error("NOT_YOURS", "the order is not this device's"),
    "no_such_order": Error("UNKNOWN_ORDER", "there is no such order"),
}

log = structlog.get_logger(__name__)


class Dispatch:
    """One hub process's part in the life of all orders."""

    def __init__(
        self,
        *,
        store: Store,
        claims: Claims,
        fan_out: FanOut,
        bus: Bus,
        cache: OrderCache,
        registry: Registry,
        live: LiveOrders,
        ledger: Ledger,
        recheck: Recheck,
        background: Background,
        process: str,
        heartbeat_s: int,
    ) -> None:
        self._store = store
        self._claims = claims
        self._fan_out = fan_out
        self._bus = bus
        self._cache = cache
        self._registry = registry
        self._live = live
        self._ledger = ledger
        self._rechecking = recheck
        self._background = background
        self._process = process
        self._heartbeat_s = heartbeat_s
        self._joined: list[Session] = []
        self._someone_joined = asyncio.Event()

    # publish

    async def publish(self, draft: Draft) -> OrderRow:
        """Stores the order and rings the doorbell. Committed when it returns; raises Unavailable, Refusal."""
        row, is_new = await self._store.orders.publish(draft, now_ms())
        if is_new:
            metrics.ORDERS.inc()
            log.info("order published", order_id=row.order.id, symbol=row.order.symbol_name)
            self.learn(row)
            await self._ring(row)
        return row

    async def _ring(self, row: OrderRow) -> None:
        """Tells the other processes. A doorbell that fails costs them a second: they ask the database anyway."""
        try:
            async with asyncio.timeout(DOORBELL_S):
                await self._cache.put(row)
                await self._bus.announce(OrderPublished(row.order.id))
        except (Unavailable, TimeoutError) as error:
            log.warning("doorbell out of order", order_id=row.order.id, error=str(error))

    def learn(self, row: OrderRow) -> None:
        """An order that this process may not know yet: fans it out if so."""
        live = self._live.learn(row)
        if live is not None:
            self._ledger.know_order(row.order.id)
            if live.may_go_out(now_ms()):
                self._background.spawn(self.fan_out(live), f"fan-out of order {row.order.id}")

    async def heard_of(self, order_id: int) -> None:
        """The doorbell rang for this order."""
        if order_id not in self._live:
            row = await self._cache.get(order_id) or await self._store.orders.get(order_id)
            if row is not None:
                self.learn(row)

    # fan out

    async def fan_out(self, live: LiveOrder) -> None:
        """Hands the order to everyone who is connected here and eligible."""
        await self._fan_out.deliver(live, self._registry.groups())

    # what agents say

    def receive(self, session: Session, message: ToHub) -> None:
        """One message of an agent. Answers at once, or when the fact is committed."""
        at_ms = now_ms()
        session.heard_ms = at_ms
        match message:
            case Time(t0_ms=t0_ms):
                session.say(TimeReply(t0_ms, at_ms, now_ms()))
            case Ack():
                self._receive_ack(session, message, at_ms)
            case Result():
                self._receive_result(session, message, at_ms)
            case Halted(epoch=epoch):
                log.info("agent halted", user_id=session.user_id, epoch=epoch)
            case Hello():
                # The conversation's table lets no second hello through.
                raise AssertionError("hello is for join()")

    def _receive_ack(self, session: Session, ack: Ack, at_ms: int) -> None:
        live = self._live.get(ack.order_id)
        if live is None:
            session.say(_ERRORS["no_such_order"])
        elif live.is_with(session):
            metrics.ACKS.inc()
            metrics.PUBLISH_TO_ACKED.observe((at_ms - live.order.created_ms) / 1_000)
            if live.sent_ms is not None and session in live.sent:
                session.latency_ms = at_ms - live.sent_ms
                metrics.ACK_ROUND_TRIP.observe(session.latency_ms / 1_000)
            live.acked.add(session.user_id)
            self._ledger.acked(ack.order_id, session.user_id, session.device_id, _plausible(ack.received_ms, at_ms))
        else:
            session.say(_ERRORS["not_owner"])

    def _receive_result(self, session: Session, result: Result, at_ms: int) -> None:
        live = self._live.get(result.order_id)
        event = Reported(
            session.device_id, result.outcome, _plausible(result.executed_ms, at_ms), result.message, result.data
        )
        if live is not None and live.is_with(session):
            self._report(session, result.order_id, event)
        else:
            self._background.spawn(self._check_then_report(session, result.order_id, event), "report")

    async def _check_then_report(self, session: Session, order_id: int, event: Reported) -> None:
        """A result of an earlier connection: taken if the claim or the row is this device's."""
        try:
            owner = await self.owner(order_id, session.user_id)
            if owner == session.device_id:
                self._report(session, order_id, event)
            else:
                known = await self._store.orders.get(order_id)
                session.say(_ERRORS["not_owner" if known else "no_such_order"])
        except Unavailable as error:
            session.say(Error("UNAVAILABLE", f"{error.what} is out of reach: the result is not recorded yet"))

    def _report(self, session: Session, order_id: int, event: Reported) -> None:
        def answer(verdict: Verdict) -> None:
            session.say(Recorded(order_id) if verdict == "recorded" else _ERRORS[verdict])

        self._ledger.reported(order_id, session.user_id, event, answer)

    async def owner(self, order_id: int, user_id: int) -> str | None:
        """The device that this order of this user belongs to: the row's word, else the claim's."""
        return await self._store.assignments.owner(order_id, user_id) or await self._claims.owner(order_id, user_id)

    # who comes and goes

    def arrive(self, session: Session) -> None:
        """A connection is there; it takes part once it has said hello."""
        self._registry.arrive(session)

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
        self._joined.append(session)
        self._someone_joined.set()

    def _welcome(self, session: Session) -> Welcome:
        return Welcome(
            session_id=session.token_id,
            user_id=session.user_id,
            username=session.username,
            hub_time_ms=now_ms(),
            heartbeat_s=self._heartbeat_s,
            token_expire_ms=session.token_expire_ms,
            account_expire_ms=session.account_expire_ms,
        )

    def end(self, session: Session, close: Close, reason: str = "") -> None:
        """The hub ends a connection."""
        self._registry.close(session, close, reason)

    def leave(self, session: Session) -> None:
        """A connection has ended. What it was sent and did not acknowledge is sent again when its device returns."""
        self._registry.leave(session)
        for live in self._live:
            live.sent.discard(session)

    async def catch_up_forever(self) -> None:
        """Gives those who came within the same moment what they missed: a claim script an order, no query each."""
        is_crowd = False
        while True:
            await self._someone_joined.wait()
            await asyncio.sleep(CROWD_GATHER_S if is_crowd else GATHER_S)
            self._someone_joined.clear()
            is_crowd = len(self._joined) >= CROWD
            await self._catch_up()

    async def _catch_up(self) -> None:
        batch, self._joined = self._joined, []
        await self._recheck(batch)
        await self.announce_joined(batch)
        if len(batch) >= memory.STORM:
            memory.set_aside()
        for live in self._live.open(now_ms()):
            await self._fan_out.deliver(live, [Group(batch[i : i + CHUNK]) for i in range(0, len(batch), CHUNK)])

    async def _recheck(self, batch: list[Session]) -> None:
        """A login may have ended between its handshake and its hello."""
        try:
            await self._rechecking.arrivals(batch)
        except Unavailable as error:
            self._bus.is_in_doubt = True
            log.warning("arrivals not rechecked yet", sessions=len(batch), error=str(error))

    async def announce_joined(self, sessions: list[Session]) -> None:
        """Tells the other processes who is here now, so that they drop older connections of the same users."""
        try:
            event_id = await self._bus.announce(Joined(self._process, [session.user_id for session in sessions]))
        except Unavailable as error:
            self._bus.is_in_doubt = True
            log.warning("arrivals not announced yet", sessions=len(sessions), error=str(error))
            return
        for session in sessions:
            session.announced = event_id

    def heard_joined(self, event: Joined, event_id: EventId) -> None:
        """Another process has newer connections: ours of the same users go."""
        if event.process == self._process:
            return
        for user_id in event.user_ids:
            session = self._registry.get(user_id)
            # Not announced yet means that ours is the newer one: its own event will come after this one.
            if session is not None and session.announced is not None and session.announced < event_id:
                self._registry.close(session, closes.SESSION_REPLACED)

    # cancel

    async def cancel(self, order_id: int, reason: str) -> bool:
        """Cancels a live order everywhere; False when it is not live. Raises Unavailable."""
        if not await self._store.orders.cancel(order_id, now_ms()):
            return False
        self.heard_cancel(order_id, reason)
        try:
            await self._cache.drop(order_id)
            await self._bus.announce(OrderCancelled(order_id, reason))
        except Unavailable as error:
            log.warning("doorbell out of order", order_id=order_id, error=str(error))
        return True

    def heard_cancel(self, order_id: int, reason: str) -> None:
        """Tells everyone here who has it, once."""
        live = self._live.get(order_id)
        if live is None or live.cancelled is not None:
            return
        live.cancelled = reason
        for session in self._registry:
            if session in live.sent or order_id in session.have:
                session.say(Cancel(order_id, reason))


def _plausible(at_ms: int, now: int) -> int:
    """An agent's time, within what an order's life allows: a wrong clock must not reach the record."""
    return min(max(at_ms, now - LONGEST_LIFE_MS), now)
