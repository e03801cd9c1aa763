"""Positions that stand at the exchange, followed until their end is confirmed; and the hub told how they ended.

The invariants: only the exchange that took an entry is asked about it; a driver that fails can't tell, and is asked
again.
"""

from collections.abc import Callable

from agent.drivers.base import Driver, Drivers
from agent.model.engine import Entry, Settlement
from agent.model.events import Events, Settled
from agent.trading.journal import Journal
from agent.trading.lives import Lives
from agent.trading.reconciling import LISTED_S, age_s, pause_s
from agent.world import World
from protocol import messages
from protocol.messages import ToHub


class Positions:
    """`tells_hub` is whether the trader wants the hub to hear won, lost or tie."""

    def __init__(
        self,
        journal: Journal,
        drivers: Drivers,
        stream: Events,
        offer: Callable[[ToHub], bool],
        lives: Lives,
        world: World,
        *,
        tells_hub: bool,
    ) -> None:
        self._journal = journal
        self._drivers = drivers
        self._events = stream
        self._offer = offer
        self._lives = lives
        self._world = world
        self._may_tell = tells_hub
        self._tells_hub = False

    def follow(self, entry: Entry) -> None:
        """Wait for the end of what stands."""
        driver = self._drivers.that_took(entry)
        if entry.outcome == "success" and entry.source != "confirmed" and driver is not None:
            self._lives.keep(self._settle(entry, driver))

    def connected(self, features: list[str]) -> None:
        """Tell a hub that wants to know what it has not been told."""
        self._tells_hub = self._may_tell and messages.SETTLED in features
        if self._tells_hub:
            for entry in self._journal.settled_and_not_told():
                self._tell(entry)

    async def _settle(self, entry: Entry, driver: Driver) -> None:
        """An estimate is followed by a second wait, for the confirmation."""
        while (settlement := await self._ask(driver, entry)) is not None:
            was, entry = entry.source, self._journal.note_settled(entry.order.id, settlement)
            said = (settlement.result, settlement.source, settlement.profit)
            self._events.emit(Settled(entry.order.id, entry.mode, *said))
            self._tell(entry)
            if was is not None or settlement.source == "confirmed":
                return

    async def _ask(self, driver: Driver, entry: Entry) -> Settlement | None:
        while True:
            try:
                return await driver.settle(entry)
            except Exception:  # noqa: BLE001 one position ends no agent; the text may hold a secret
                age = age_s(entry, self._world.read().wall_ms)
                if age > LISTED_S:
                    return None
                await self._world.sleep(pause_s(age))

    def _tell(self, entry: Entry) -> None:
        if not self._tells_hub or entry.result is None or entry.source is None:
            return
        at_ms = max(0, entry.settled_ms or 0)
        if self._offer(messages.Settled(entry.order.id, entry.result, entry.source, at_ms)):
            self._journal.note_told(entry.order.id, entry.source)
