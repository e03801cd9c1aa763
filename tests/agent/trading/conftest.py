"""An executor on a real journal in a world that a test steps, an exchange that does as it is told, and a hub's ears."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from agent.drivers.base import Drivers
from agent.link.hub_time import HubClock
from agent.model.account import Owner
from agent.model.clock import Sample
from agent.model.engine import Answer, Entry, Mode, Refused, Settlement, Submission, Submitted
from agent.model.events import Event, Events
from agent.model.reasons import Reason
from agent.model.rules import Rules
from agent.trading.executor import Executor
from agent.trading.gate import Gate
from agent.trading.journal import Journal
from agent.trading.terms import FixedTerms
from protocol.messages import Order, OrderMessage, Outcome, Result, ToHub, Welcome
from tests.agent.stepped_world import SteppedWorld, settle

OWNER = Owner("http://127.0.0.1:8000", "alice")
NO = Reason("paper.refused")


class ToldExchange:
    """A driver whose answers a test has put there; `None` waits for ever."""

    def __init__(self, name: str = "paper", mode: Mode = Mode.PAPER) -> None:
        self.name, self.mode = name, mode
        self.answers: list[Answer | None] = []
        self.finds: list[Submitted | Refused | Exception | None] = []
        self.settlements: list[Settlement | Exception | None] = []
        self.submitted: list[int] = []
        self.asked: list[int] = []
        self.within_s = 0.0

    async def start(self) -> None:
        pass

    def refuses(self) -> Reason | None:
        return None

    async def submit(self, order: Order, stake: Decimal, payout_ratio: Decimal, within_s: float) -> Answer:
        self.submitted.append(order.id)
        self.within_s = within_s
        answer = self.answers.pop(0) if self.answers else Submitted(f"P{order.id}")
        if answer is None:
            await asyncio.Event().wait()
        assert answer is not None
        return answer

    async def find(self, entry: Entry) -> Submitted | Refused | None:
        self.asked.append(entry.order.id)
        found = self.finds.pop(0) if self.finds else None
        if isinstance(found, Exception):
            raise found
        return found

    async def settle(self, entry: Entry) -> Settlement | None:
        if not self.settlements:
            await asyncio.Event().wait()
        settlement = self.settlements.pop(0)
        if isinstance(settlement, Exception):
            raise settlement
        return settlement

    async def close(self) -> None:
        pass


class Desk:
    """What a test of the executor has in its hands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stepped = SteppedWorld()
        self.exchange = ToldExchange()
        self.others: list[ToldExchange] = []
        self.said: list[ToHub] = []
        self.events: list[Event] = []
        self.resolutions: dict[int, Outcome] = {}
        self.is_open = True
        self.hub_ahead_ms = 0
        self.start()

    def start(self) -> None:
        """A new process on the same folder."""
        world = self.stepped.world
        self.journal = Journal(self.folder, OWNER)
        self.clock = HubClock(world)
        self.clock.restart(self.sample())
        self.clock.ask_by(lambda: self.clock.add(self.sample()))
        stream = Events()
        stream.subscribe(self.events.append)
        drivers = Drivers(self.exchange, *self.others)
        rules = Rules(Decimal(5), Decimal(200), frozenset({"BTCUSDT"}))
        terms = FixedTerms(Decimal(5), {"TEN_MINUTE": Decimal("0.80")}, rules)
        self.gate = Gate(self.journal, self.clock, drivers, terms, world)
        self.executor = Executor(
            "device-1",
            self.journal,
            drivers,
            self.gate,
            self.clock,
            stream,
            self._offer,
            world,
            60,
            resolutions=lambda: self.resolutions,
        )

    async def end(self) -> None:
        await self.executor.finish(0)
        self.journal.close()

    async def again(self) -> None:
        """The process is gone, and another one begins."""
        await self.end()
        self.said.clear()
        self.events.clear()
        self.start()
        self.executor.recover()
        await settle()

    def sample(self) -> Sample:
        reading = self.stepped.read()
        hub_ms = reading.wall_ms + self.hub_ahead_ms
        return Sample(reading.monotonic_ms - 2, hub_ms - 1, hub_ms - 1, reading)

    def order(self, order_id: int = 1, valid_s: int = 60) -> Order:
        now = self.stepped.wall_ms
        return Order(order_id, "TEN_MINUTE", "BTCUSDT", "LONG", valid_s, now, now + valid_s * 1000)

    async def push(self, order: Order) -> None:
        self.executor.heard(OrderMessage(order, order.created_ms))
        await settle()

    async def welcome(self, **changes: object) -> None:
        told = Welcome("s", 7, "alice", self.stepped.wall_ms, 15, 2**40)
        self.executor.welcomed(msgspec.structs.replace(told, **changes))
        await settle()

    def results(self, order_id: int = 1) -> list[str]:
        return [said.outcome for said in self.said if isinstance(said, Result) and said.order_id == order_id]

    def entry(self, order_id: int = 1) -> Entry:
        entry = self.journal.entry(order_id)
        assert entry is not None
        return entry

    def told(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    def leave_submitting(self, order: Order, driver: str = "paper", mode: Mode = Mode.PAPER) -> None:
        """As a process leaves it that was killed while it submitted."""
        self.journal.note_received(order, self.clock.now(), driver, mode)
        wall_ms = self.stepped.wall_ms
        submission = Submission(driver, mode, Decimal(5), Decimal("0.80"), wall_ms, wall_ms)
        self.journal.note_submitting(order.id, submission)

    def _offer(self, message: ToHub) -> bool:
        if self.is_open:
            self.said.append(message)
        return self.is_open


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    await desk.end()
