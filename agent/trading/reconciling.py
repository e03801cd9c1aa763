"""What may or may not stand at the exchange: asked about, never submitted again.

The invariants: only the exchange that took an entry is asked about it; a driver that fails can't tell; it is asked
again with backoff for as long as the exchange lists what it took, until it, the hub or the person knows.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Final

from agent.drivers.base import Drivers
from agent.model import engine
from agent.model.engine import Ambiguous, Conclusion, Entry, Refused, State, Submitted
from agent.model.reasons import Reason
from agent.trading.controls import ControlsBroken
from agent.trading.journal import Journal
from agent.trading.lives import Lives
from agent.world import World, deadline
from protocol.messages import Outcome

SHORTEST_PAUSE_S: Final = 2.0
LONGEST_PAUSE_S: Final = 1_800.0
LISTED_S: Final = 90 * 86_400.0
"""Three months: as far back as the longest of the exchange's histories goes."""
PERSON_EVERY_S: Final = 2.0

Resolutions = Callable[[], Mapping[int, Outcome]]


def nobody() -> Mapping[int, Outcome]:
    """No person has resolved anything."""
    return {}


def pause_s(age_s: float) -> float:
    """How long to wait before asking again about what is so old: half its age, so that the times grow by half."""
    return min(max(age_s / 2, SHORTEST_PAUSE_S), LONGEST_PAUSE_S)


def age_s(entry: Entry, wall_ms: int) -> float:
    """How long ago it was submitted, by the wall's clock."""
    return max(0, wall_ms - (entry.submitted_wall_ms or entry.order.created_ms)) / 1000


class Reconciling:
    """`conclude` writes an outcome down and tells it, `resolve` only where it is unknown, as `resolutions` say."""

    def __init__(
        self,
        journal: Journal,
        drivers: Drivers,
        lives: Lives,
        world: World,
        conclude: Callable[[int, Conclusion], None],
        resolve: Callable[[int, Outcome], bool],
        now_ms: Callable[[], int],
        timeout_s: float,
        resolutions: Resolutions = nobody,
    ) -> None:
        self._journal = journal
        self._drivers = drivers
        self._lives = lives
        self._world = world
        self._conclude = conclude
        self._resolve = resolve
        self._now_ms = now_ms
        self._timeout_s = timeout_s
        self._resolutions = resolutions
        self._one_at_a_time = asyncio.Lock()
        self._asking: set[int] = set()

    def begin(self) -> None:
        """At start, once."""
        for entry in self._journal.in_state(State.SUBMITTING):
            self._asking.add(entry.order.id)
            self._lives.begin(entry.order.id, self._after_a_crash(entry))
        for entry in self._journal.unknown():
            self.follow(entry)
        self._lives.keep(self._heed_the_person())

    def is_asking(self, order_id: int) -> bool:
        """Whether an earlier process left it in the middle, and nobody knows yet what became of it."""
        return order_id in self._asking

    def follow(self, entry: Entry) -> None:
        """Ask again and again about an `unknown` entry, unless only the hub told it: another journal had that one."""
        if entry.resolved_by != "hub":
            self._lives.keep(self._until_known(entry))

    async def _after_a_crash(self, entry: Entry) -> None:
        try:
            found = await self._find(entry)
        finally:
            self._asking.discard(entry.order.id)
        if self._is_in(entry.order.id, State.SUBMITTING):
            why = Reason("driver.interrupted") if self._drivers.that_took(entry) is not None else _gone(entry)
            self._conclude(entry.order.id, engine.conclude(found or Ambiguous(why), self._now_ms()))

    async def _until_known(self, entry: Entry) -> None:
        while (age := age_s(entry, self._world.read().wall_ms)) < LISTED_S:
            if self._drivers.that_took(entry) is None:
                return
            await self._world.sleep(pause_s(age))
            if not self._is_unknown(entry.order.id):
                return
            found = await self._find(entry)
            if found is not None and self._is_unknown(entry.order.id):
                end = engine.conclude(found, self._now_ms())
                self._conclude(entry.order.id, engine.resolved(end, "exchange"))
                return

    async def _find(self, entry: Entry) -> Submitted | Refused | None:
        driver = self._drivers.that_took(entry)
        if driver is None:
            return None
        try:
            async with self._one_at_a_time, deadline(self._world, self._timeout_s):
                return await driver.find(entry)
        except Exception:  # noqa: BLE001 a driver that fails can't tell, and is asked again; the text may hold a secret
            return None

    async def _heed_the_person(self) -> None:
        while True:
            with contextlib.suppress(ControlsBroken):  # it is read again, and each order says so by itself
                for order_id, outcome in self._resolutions().items():
                    self._resolve(order_id, outcome)
            await self._world.sleep(PERSON_EVERY_S)

    def _is_unknown(self, order_id: int) -> bool:
        entry = self._journal.entry(order_id)
        return entry is not None and entry.outcome == "unknown"

    def _is_in(self, order_id: int, state: State) -> bool:
        entry = self._journal.entry(order_id)
        return entry is not None and entry.state is state


def _gone(entry: Entry) -> Reason:
    return Reason("driver.gone", {"driver": entry.driver, "mode": entry.mode})
