"""What is looked after once a second: orders nobody told us of, windows that ended, sessions that ran out.

`hub.app` starts it. The invariant: each duty stands alone; that the database or Redis is away stops only those
duties that need it, and they are made up for when it is back.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from redis.asyncio import Redis

from hub.clock import now_ms
from hub.cluster.bus import Bus
from hub.cluster.claims import Claims
from hub.cluster.peers import Peers
from hub.cluster.redis import guarded
from hub.errors import Unavailable
from hub.model.delivery import LONGEST_LIFE_MS
from hub.model.records import CANCELLED
from hub.orders.dispatch import Dispatch
from hub.orders.ledger import Ledger
from hub.orders.live import CANCELLED_BY_ADMIN, LiveOrder, LiveOrders
from hub.orders.restoring import Restoring
from hub.runtime import memory, metrics
from hub.sessions.recheck import Recheck
from hub.sessions.registry import Registry
from hub.sessions.restart_hint import Comeback
from hub.store import Store
from protocol import closes

TICK_S: Final = 1.0
SWEEPS_MS: Final = (0, 2_000, 10_000, 60_000)
"""How long after its window an order's open deliveries are closed: at once, and again for rows that came late."""
OLD_SWEEP_S: Final = 600

log = structlog.get_logger(__name__)


class Caretaker:
    """One process's duties."""

    def __init__(
        self,
        *,
        store: Store,
        redis: Redis,
        claims: Claims,
        bus: Bus,
        registry: Registry,
        live: LiveOrders,
        ledger: Ledger,
        recheck: Recheck,
        restoring: Restoring,
        dispatch: Dispatch,
        peers: Peers,
        comeback: Comeback,
        heartbeat_s: int,
    ) -> None:
        self._store = store
        self._redis = redis
        self._claims = claims
        self._bus = bus
        self._registry = registry
        self._live = live
        self._ledger = ledger
        self._recheck = recheck
        self._restoring = restoring
        self._dispatch = dispatch
        self._peers = peers
        self._comeback = comeback
        self._silence_ms = 2 * heartbeat_s * 1_000
        self._ticks = 0
        self._failing: set[str] = set()
        self._sessions_before = 0
        self._must_collect = False
        self.has_loaded = False

    async def run_forever(self) -> None:
        while True:
            await self.tick()
            await asyncio.sleep(TICK_S)

    async def learn(self) -> None:
        """What must be known before anybody is served; the other duties follow within a second."""
        await self._duty("load orders", self._load_orders)
        await self._duty("mind Redis", self._mind_redis)
        await self._duty("settle doubt", self._settle_doubt)

    async def tick(self) -> None:
        """All duties once."""
        await self._duty("check sessions", self._check_sessions)
        metrics.LEDGER_ROWS.set(self._ledger.depth)
        await self.learn()
        await self._duty("sweep", self._sweep)
        self._mind_memory()
        self._ticks += 1

    async def _duty(self, name: str, duty: Callable[[], Awaitable[None]]) -> None:
        try:
            await duty()
        except Unavailable as error:
            if name not in self._failing:
                log.warning("a duty waits", duty=name, error=str(error))
            self._failing.add(name)
        else:
            self._failing.discard(name)

    async def _check_sessions(self) -> None:
        """Ends sessions that have run out, and those that nothing was heard of."""
        now = now_ms()
        expired: list[int] = []
        for session in self._registry:
            if session.closed is not None:
                continue
            if session.heard_ms + self._silence_ms <= now:
                self._registry.close(session, closes.HEARTBEAT_LOST)
            elif session.token_expire_ms <= now:
                self._registry.close(session, closes.TOKEN_EXPIRED)
            elif session.account_expire_ms is not None and session.account_expire_ms <= now:
                self._registry.close(session, closes.ACCOUNT_EXPIRED)
                expired.append(session.user_id)
        if expired:
            await self._store.users.note_expired(expired, now)

    async def _load_orders(self) -> None:
        """The database is the truth: whatever order it has that we do not know is fanned out now."""
        rows = await (self._store.orders.live() if self.has_loaded else self._store.orders.recent(now_ms()))
        for row in rows:
            self._dispatch.learn(row)
        self.has_loaded = True
        await self._notice_cancels({row.order.id for row in rows})

    async def _notice_cancels(self, live_ids: set[int]) -> None:
        """An order that is open here but not live in the database was cancelled, and the doorbell did not ring."""
        doubtful = [live.order.id for live in self._live.open(now_ms()) if live.order.id not in live_ids]
        if doubtful:
            for order_id, row in (await self._store.orders.get_many(doubtful)).items():
                if row.status == CANCELLED:
                    self._dispatch.heard_cancel(order_id, CANCELLED_BY_ADMIN)

    async def _sweep(self) -> None:
        now = now_ms()
        due = [live for live in self._live.over(now) if not live.is_over and live.sweeps < _sweeps_due(live, now)]
        if due:
            ids = [live.order.id for live in due]
            await self._store.orders.note_over(ids, now)
            await self._close_overdue(ids)
            for live in due:
                live.sweeps = _sweeps_due(live, now)
        for order_id in self._live.drop_old(now):
            self._ledger.forget_order(order_id)
        if self._ticks % OLD_SWEEP_S == 0:
            await self._sweep_old(now)

    async def _sweep_old(self, now: int) -> None:
        """Rows that a process left open when it died."""
        ids = await self._store.assignments.open_orders(now - LONGEST_LIFE_MS)
        rows = (await self._store.orders.get_many(ids)).values()
        over = [row.order.id for row in rows if row.order.expires_ms <= now]
        if over:
            await self._close_overdue(over)

    async def _close_overdue(self, order_ids: list[int]) -> None:
        metrics.OUTCOMES.labels("expired").inc(await self._store.assignments.close_overdue(order_ids))

    async def _mind_redis(self) -> None:
        """Says that this process lives; notices that Redis was emptied or events were missed."""
        await self._peers.say_alive()
        if await self._claims.is_complete():
            self._comeback.is_covered = await self._peers.has_others()
        else:
            # An emptied Redis knows of nobody yet: what we knew of the others stands for a second more.
            self._bus.is_in_doubt = True
            await self._restoring.restore_claims()
        if await self._bus.find_gap():
            log.warning("events were missed: asking the database")
            self._bus.is_in_doubt = True

    async def _settle_doubt(self) -> None:
        """Events were missed: who is connected is checked against the database, and announced again."""
        if self._bus.is_in_doubt:
            with guarded():
                await self._redis.ping()
            self._bus.is_in_doubt = False
            await self._recheck.everyone()
            if len(self._registry):
                await self._dispatch.announce_joined(list(self._registry))

    def _mind_memory(self) -> None:
        """What was set aside with a storm's sessions is looked through once nearly all have gone and no order is open:
        with ten thousand connected it would take a second."""
        if len(self._registry) - self._sessions_before >= memory.STORM:
            self._must_collect = True
        elif self._must_collect and len(self._registry) < memory.STORM and not self._live.open(now_ms()):
            memory.collect()
            self._must_collect = False
        self._sessions_before = len(self._registry)


def _sweeps_due(live: LiveOrder, now: int) -> int:
    """How many of its sweeps should have been by now; a late one does for those before it."""
    return sum(live.order.expires_ms + after <= now for after in SWEEPS_MS)
