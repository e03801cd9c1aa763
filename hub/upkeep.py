"""The duties of a hub process: what is done again and again, how often, and which part of readiness it proves.

The invariant: each is a task of its own, so that a slow one delays no other; what it does lives beside what it knows.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, get_args

from hub.cluster.announcements import Announcements
from hub.cluster.bus import Bus
from hub.cluster.family_clock import FamilyClock
from hub.cluster.peers import Peers
from hub.orders.claiming import Claiming
from hub.orders.family import Family
from hub.orders.greeting import Greeting
from hub.orders.ledger import Ledger
from hub.orders.live import LiveOrders
from hub.orders.loading import Loading
from hub.orders.rebuilding import Rebuilding
from hub.orders.sweeping import Sweeping
from hub.runtime import memory, metrics
from hub.runtime.readiness import PROBE_S, Readiness
from hub.runtime.supervisor import Duty
from hub.sessions.account_changes import AccountChanges
from hub.sessions.expiry import Expiry
from hub.sessions.registry import Registry
from hub.sessions.restart_hint import RestartHint
from hub.sessions.resync import Resync
from hub.store.assignments import Assignments
from hub.store.installation import Installation
from hub.store.orders import Orders
from protocol.messages import Outcome

TICK_S: Final = 1.0
OLD_SWEEP_S: Final = 600.0
COUNT_S: Final = 10.0
DAY_MS: Final = 24 * 3_600_000

PARTS: Final = ("database", "Redis", "stream", "clock", "family", "claims", "orders", "sessions", "accounts")
"""What must work before a process is ready."""


class Upkeep:
    """The table of duties. `first` are those that are done once before anybody is served."""

    def __init__(
        self,
        *,
        installation: Installation,
        assignments: Assignments,
        orders: Orders,
        readiness: Readiness,
        bus: Bus,
        peers: Peers,
        hint: RestartHint,
        announcements: Announcements,
        family: Family,
        claiming: Claiming,
        rebuilding: Rebuilding,
        loading: Loading,
        greeting: Greeting,
        sweeping: Sweeping,
        ledger: Ledger,
        live: LiveOrders,
        registry: Registry,
        expiry: Expiry,
        resync: Resync,
        changes: AccountChanges,
        clock: FamilyClock,
    ) -> None:
        self._clock = clock
        self._installation = installation
        self._assignments = assignments
        self._orders = orders
        self._peers = peers
        self._hint = hint
        self._ledger = ledger
        self._live = live
        self._registry = registry
        self._storms = memory.Storms()

        def proves(part: str, run: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
            return partial(readiness.tried, part, run)

        self.first = (
            Duty("clock", TICK_S, clock.sample),
            Duty("family beat", PROBE_S, proves("database", family.beat)),
            Duty("claims", TICK_S / 2, proves("claims", claiming.restore)),
            Duty("hub id", TICK_S, greeting.learn_hub_id),
            Duty("orders", TICK_S, proves("orders", loading.load)),
            Duty("account changes", TICK_S, proves("accounts", changes.poll)),
            Duty("presence", TICK_S, proves("Redis", self._presence)),
            Duty("resync", TICK_S, proves("sessions", resync.run)),
        )
        self.later = (
            Duty("clock check", TICK_S, proves("clock", clock.check)),
            Duty("database clock", 10 * TICK_S, self._compare_clocks),
            Duty("family", TICK_S, proves("family", family.check)),
            Duty("stream", TICK_S, proves("stream", bus.probe)),
            Duty("gaps", TICK_S, bus.find_gap),
            Duty("announcements", TICK_S / 2, announcements.pay),
            Duty("silent sessions", TICK_S, expiry.end_overdue),
            Duty("expired accounts", TICK_S, expiry.note_expired),
            Duty("rows of the dead", TICK_S, rebuilding.run),
            Duty("sweep", TICK_S, sweeping.sweep),
            Duty("late sweep", OLD_SWEEP_S, sweeping.sweep_old),
            Duty("old changes", OLD_SWEEP_S, changes.tidy),
            Duty("memory", TICK_S, self._look_around),
            Duty("freed memory", memory.GIVE_BACK_S, self._give_back),
            Duty("last day", COUNT_S, self._count_last_day),
        )

    async def _compare_clocks(self) -> None:
        asked_ms = self._clock.now()
        database_ms = await self._installation.now_ms()
        if database_ms is not None:
            self._clock.compare(database_ms, asked_ms, self._clock.now())

    async def _presence(self) -> None:
        """Says in Redis that this process lives, which proves that it takes writes; sees who else does."""
        await self._peers.say_alive()
        self._hint.is_covered = await self._peers.has_others()

    async def _count_last_day(self) -> None:
        """What the database has now, since an outcome may still change after it was counted."""
        counted = await self._assignments.counted_since(self._clock.now() - DAY_MS)
        for outcome in (*get_args(Outcome), "open"):
            metrics.OUTCOMES_NOW.labels(outcome).set(sum(rows for name, rows, _ in counted if name == outcome))
        metrics.ACKED_NOW.set(sum(acked for _, _, acked in counted))
        metrics.ORDERS_NOW.set(await self._orders.counted_since(self._clock.now() - DAY_MS))

    async def _look_around(self) -> None:
        metrics.LEDGER_AGE.set(self._ledger.oldest_s)
        metrics.LEDGER_ROWS.set(self._ledger.depth)
        self._storms.look(len(self._registry), is_calm=self._is_calm())

    async def _give_back(self) -> None:
        memory.give_back(is_calm=self._is_calm())

    def _is_calm(self) -> bool:
        """Whether no order is open."""
        return not self._live.open(self._clock.now())
