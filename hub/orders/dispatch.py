"""THE STORY: the life of an order at the hub, from top to bottom.

publish: validated draft -> committed -> doorbell. fan_out: claim, hand out, record behind (how: `hub.orders.fanout`).
receive: what agents say of it (how: `hub.orders.reports`). catch_up: whoever comes later, within the window. cancel:
what is not submitted yet will not be. The decisions stand in `hub.model.delivery` and `claim.lua`.
"""

import asyncio
import time
from functools import partial
from typing import Final

import structlog

from hub.clock import Clock
from hub.cluster.announcements import Announcements
from hub.cluster.bus import Bus, OrderCancelled, OrderPublished
from hub.cluster.order_cache import Cancelled, OrderCache
from hub.errors import InDoubt, Unavailable
from hub.model.records import CANCELLED, Draft, OrderRow
from hub.orders.fanout import FanOut
from hub.orders.greeting import Greeting
from hub.orders.ledger import Ledger
from hub.orders.live import CANCELLED_BY_ADMIN, LiveOrder, LiveOrders
from hub.orders.reports import Reports
from hub.runtime import metrics
from hub.runtime.background import Background
from hub.sessions.registry import CHUNK, ClaimBatch, Registry, Session
from hub.store import Store
from protocol.closes import Close
from protocol.messages import (
    Ack,
    Cancel,
    Halted,
    Hello,
    Result,
    Settled,
    Time,
    TimeReply,
    ToHub,
)

FRESH_MS: Final = 300
"""An order's copy in the cache is gone by while it is younger."""
SETTLE_DOUBT_S: Final = 5.0
"""How long a publisher waits for the database to say whether a broken COMMIT stands."""
_RETRY_S: Final = 0.2

log = structlog.get_logger(__name__)


class Dispatch:
    """One hub process's part in the life of all orders."""

    def __init__(
        self,
        *,
        store: Store,
        fan_out: FanOut,
        bus: Bus,
        cache: OrderCache,
        registry: Registry,
        live: LiveOrders,
        ledger: Ledger,
        greeting: Greeting,
        reports: Reports,
        announcements: Announcements,
        background: Background,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._store = store
        self._fan_out = fan_out
        self._bus = bus
        self._cache = cache
        self._registry = registry
        self._live = live
        self._ledger = ledger
        self._greeting = greeting
        self._reports = reports
        self._announcements = announcements
        self._background = background

    # publish

    async def publish(self, draft: Draft) -> OrderRow:
        """Stores the order and rings the doorbell. Committed when it returns; raises InDoubt, Unavailable, Refusal.

        The draft's idempotency key settles a COMMIT that broke.
        """
        row, is_new = await self._store_once(draft)
        if is_new:
            metrics.ORDERS.inc()
            self.track(row)
            await self._announcements.tell(
                f"order {row.order.id}", partial(self._ring, row), until_ms=row.order.expires_ms
            )
        return row

    async def _store_once(self, draft: Draft) -> tuple[OrderRow, bool]:
        """Stores the order once, and whether this call did. After a broken COMMIT the same key is tried again: it finds
        what stands, or waits for the first try to end and stores it."""
        doubt: InDoubt | None = None
        until = time.monotonic() + SETTLE_DOUBT_S
        while True:
            try:
                row, is_new = await self._store.orders.publish(draft, self._clock())
            except InDoubt as error:
                if draft.idempotency_key is None:
                    raise
                doubt = error
            except Unavailable:
                if doubt is None:
                    raise
            else:
                return row, is_new or doubt is not None
            if time.monotonic() > until:
                raise doubt
            await asyncio.sleep(_RETRY_S)

    async def _ring(self, row: OrderRow) -> None:
        await self._bus.announce(OrderPublished(row.order.id), self._cache.putting(row))

    def track(self, row: OrderRow) -> None:
        """Fans an order out that this process did not know yet."""
        live = self._live.track(row)
        if live is not None:
            self._ledger.know_order(row.order.id)
            if live.may_go_out(self._clock()):
                self._background.spawn(self.fan_out(live), f"fan-out of order {row.order.id}")

    async def on_published(self, order_id: int) -> None:
        """The doorbell rang for this order. Raises Unavailable."""
        if order_id not in self._live:
            row = await self._find(order_id)
            if row is not None:
                self.track(row)

    async def _find(self, order_id: int) -> OrderRow | None:
        """From the cache while it is fresh, else from the database: a late doorbell may ring for an order that was
        cancelled meanwhile."""
        cached: OrderRow | None = None
        try:
            cached = await self._cache.get(order_id)
        except Cancelled:
            self.on_cancelled(order_id, CANCELLED_BY_ADMIN)
        except Unavailable:
            log.info("the order is read from the database", order_id=order_id)
        if cached is not None and self._clock() - cached.order.created_ms < FRESH_MS:
            return cached
        try:
            return await self._store.orders.get(order_id)
        except Unavailable:
            if cached is None:
                raise
            return cached

    # fan out

    async def fan_out(self, live: LiveOrder) -> None:
        """Hands the order to everyone who is connected here and eligible; tries again while the window is open."""
        while live.may_go_out(self._clock()):
            try:
                return await self._fan_out.deliver(live, self._registry.batches())
            except Exception as error:
                metrics.SERVICE_FAILURES.labels("fan-out").inc()
                log.error("a fan-out failed and is tried again", order_id=live.order.id, exc_info=error)
                await asyncio.sleep(_RETRY_S)
        return None

    async def catch_up(self, sessions: list[Session]) -> None:
        """Gives those who have just come what they missed: a claim script an order, no query each."""
        for live in self._live.open(self._clock()):
            await self._fan_out.deliver(
                live, [ClaimBatch(sessions[i : i + CHUNK]) for i in range(0, len(sessions), CHUNK)]
            )

    # what agents say

    def hear_anything(self, session: Session) -> None:
        """The agent lives, whatever it said."""
        session.heard_ms = self._clock()

    def receive(self, session: Session, message: ToHub) -> None:
        """One message of an agent. Answers at once, or when the fact is committed."""
        at_ms = self._clock()
        session.heard_ms = at_ms
        match message:
            case Time(t0_ms=t0_ms):
                session.say(TimeReply(t0_ms, at_ms, self._clock()))
            case Ack():
                self._reports.take_ack(session, message, at_ms)
            case Result():
                self._reports.take_result(session, message, at_ms)
            case Settled():
                self._reports.take_settled(session, message, at_ms)
            case Halted(epoch=epoch):
                if epoch != session.halted_epoch:
                    session.halted_epoch = epoch
                    log.info("agent halted", user_id=session.user_id, epoch=epoch)
            case Hello():
                # The conversation's table lets no second hello through.
                raise AssertionError("hello is for join()")

    # who comes and goes

    def arrive(self, session: Session) -> None:
        """A connection is there; it takes part once it has said hello."""
        self._registry.arrive(session)

    def join(self, session: Session, hello: Hello) -> None:
        """A connection has said hello: it takes the place of the user's older one, and catches up."""
        self._greeting.join(session, hello)

    def end(self, session: Session, close: Close, reason: str = "") -> None:
        """The hub ends a connection."""
        self._registry.close(session, close, reason)

    def leave(self, session: Session) -> None:
        """A connection has ended. What it was sent and did not acknowledge is sent again when its device returns."""
        self._registry.leave(session)
        self._live.leave(session)

    # cancel

    async def cancel(self, order_id: int, reason: str) -> bool:
        """Cancels a live order everywhere; False when it is not live. Raises Unavailable."""
        if not await self._cancel_once(order_id):
            return False
        self.on_cancelled(order_id, reason)
        await self._announcements.tell(f"cancel of order {order_id}", partial(self._tell_cancelled, order_id, reason))
        return True

    async def _cancel_once(self, order_id: int) -> bool:
        """Whether the order was live; after a broken COMMIT, whether it is cancelled now."""
        try:
            return await self._store.orders.cancel(order_id, self._clock())
        except InDoubt:
            if await self._store.orders.cancel(order_id, self._clock()):
                return True
            row = await self._store.orders.get(order_id)
            return row is not None and row.status == CANCELLED

    async def _tell_cancelled(self, order_id: int, reason: str) -> None:
        await self._cache.bury(order_id)
        await self._bus.announce(OrderCancelled(order_id, reason))

    def on_cancelled(self, order_id: int, reason: str) -> None:
        """Tells everyone here who has it, once; an order that is not known yet is never handed out."""
        if self._live.cancel(order_id, reason, self._clock()) is None:
            return
        live = self._live.get(order_id)
        for session in self._registry:
            if (live is not None and live.was_sent(session)) or order_id in session.have:
                session.say(Cancel(order_id, reason))
