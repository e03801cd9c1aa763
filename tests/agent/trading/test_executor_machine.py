"""The executor on a real journal and the paper exchange, crashed between any two steps.

Whatever the order of deliveries, duplicates, cancels, halts, decisions, time and crashes: no order reaches the exchange
twice, none reaches it late, and none is left without an outcome once its window is over and the agent has run.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agent.drivers.base import Drivers
from agent.drivers.paper import Fate, PaperExchange, Simulation
from agent.link.hub_time import HubClock
from agent.model.account import Owner
from agent.model.clock import Reading, Sample
from agent.model.engine import Refused, State
from agent.model.events import Events
from agent.model.reasons import Reason
from agent.model.rules import Rules
from agent.trading.executor import Executor
from agent.trading.gate import Gate
from agent.trading.journal import Journal
from agent.trading.terms import Approved, FixedTerms
from agent.world import World
from protocol.messages import (
    Ack,
    Cancel,
    Halt,
    HaltMessage,
    Order,
    OrderMessage,
    Outcome,
    Recorded,
    Result,
    Resume,
    ToHub,
    Welcome,
)

OWNER = Owner("http://127.0.0.1:8000", "alice")
START = 1_000_000
UNCERTAINTY = 6

T = TypeVar("T")


class Crash(BaseException):
    """The process is killed here."""


class Life:
    """What outlives a process: time, and the fuse that kills the next one."""

    def __init__(self) -> None:
        self.now = START
        self.fuse: int | None = None
        self.is_dead = True

    def step(self) -> None:
        """A moment in which the process may be killed; a killed one does nothing any more."""
        if self.fuse is not None:
            self.fuse -= 1
            self.is_dead = self.is_dead or self.fuse < 0
        if self.is_dead:
            raise Crash

    def around(self, act: Callable[[], T]) -> T:
        self.step()
        done = act()
        self.step()
        return done


class WorldsLoop(asyncio.SelectorEventLoop):
    """Its timers go by the world's time: else a slow machine would play another story from the same draws."""

    def __init__(self, world: Life) -> None:
        self._world = world
        super().__init__()

    def time(self) -> float:
        return self._world.now / 1_000


class FragileJournal(Journal):
    """The real journal of a process that may die before or after each step."""

    world: Life

    def note_received(self, *given: Any) -> Any:
        return self.world.around(lambda: super(FragileJournal, self).note_received(*given))

    def note_submitting(self, *given: Any) -> Any:
        return self.world.around(lambda: super(FragileJournal, self).note_submitting(*given))

    def note_outcome(self, *given: Any) -> Any:
        return self.world.around(lambda: super(FragileJournal, self).note_outcome(*given))

    def note_recorded(self, *given: Any) -> Any:
        return self.world.around(lambda: super(FragileJournal, self).note_recorded(*given))

    def keep_halting(self, *given: Any) -> None:
        self.world.around(lambda: super(FragileJournal, self).keep_halting(*given))


class FragileExchange(PaperExchange):
    """The real paper exchange, whose caller may die before or after it takes an order."""

    world: Life
    taken_at: dict[int, int]
    taken_in_halt: list[int]
    journal: Journal

    def _take(self, order: Order, stake: Decimal, payout_ratio: Decimal, coming: Fate) -> int:
        def take() -> int:
            self.taken_at[order.id] = self.world.now
            if self.journal.halting.reason is not None:
                self.taken_in_halt.append(order.id)
            return super(FragileExchange, self)._take(order, stake, payout_ratio, coming)

        return self.world.around(take)


class ExecutorMachine(RuleBasedStateMachine):
    """The hub's side of the story, the trader, time, and death."""

    def __init__(self) -> None:
        super().__init__()
        memory = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(prefix="machine-", dir=memory if memory.is_dir() else None))
        self.world = Life()
        self.loop = WorldsLoop(self.world)
        self.published: dict[int, Order] = {}
        self.cancelled: dict[int, str] = {}
        self.may_not: set[int] = set()
        self.halt: Halt | None = None
        self.epoch = 0
        self.taken_at: dict[int, int] = {}
        self.taken_in_halt: list[int] = []
        self.outcomes: dict[int, set[str]] = {}
        self.heard: dict[int, Outcome] = {}
        self.recorded: dict[int, Outcome] = {}
        self.questions: dict[int, asyncio.Future[Refused | None]] = {}
        self.asks = False
        self.is_connected = False
        self.executor: Executor | None = None

    # the process

    @initialize(asks=st.booleans(), seed=st.integers(0, 50))
    def begin(self, asks: bool, seed: int) -> None:
        self.asks = asks
        self.simulation = Simulation(seed=seed, speed=100_000, refusal_rate=0.2, ambiguous_rate=0.2)
        self._start()
        self.connect()

    def _start(self) -> None:
        self.world.is_dead, self.world.fuse = False, None
        self.journal = FragileJournal(self.folder, OWNER)
        world = World(self._read, asyncio.sleep, Random(0))
        self.exchange = FragileExchange(self.folder, self.simulation, world)
        self.journal.world = self.exchange.world = self.world
        self.exchange.taken_at, self.exchange.taken_in_halt = self.taken_at, self.taken_in_halt
        self.exchange.journal = self.journal
        clock = HubClock(world)
        clock.restart(self._sample())
        clock.ask_by(lambda: clock.add(self._sample()) if self.is_connected else None)
        limits = Rules(Decimal(5), Decimal(200), frozenset({"BTCUSDT"}))
        terms = FixedTerms(Decimal(5), {"TEN_MINUTE": Decimal("0.80")}, limits)
        drivers = Drivers(self.exchange)
        gate = Gate(self.journal, clock, drivers, terms, world, self._decide)
        self.executor = Executor("device", self.journal, drivers, gate, clock, Events(), self._sent, world, 60)
        self._do(self.executor.recover)

    def _sample(self) -> Sample:
        now = self.world.now
        return Sample(now - 10, now - 5, now - 5, self._read())

    def _read(self) -> Reading:
        return Reading(wall_ms=self.world.now, monotonic_ms=self.world.now)

    def _bury(self) -> None:
        """What a killed process leaves: its files, and nothing that still runs."""
        self.world.is_dead = True
        self.is_connected = False
        self.questions.clear()
        self.loop.run_until_complete(self._end_all())
        self.journal.close()
        self.loop.run_until_complete(self.exchange.close())
        self.executor = None

    async def _end_all(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _do(self, act: Callable[[], object]) -> None:
        """Let the process act until nothing moves any more, or it is dead."""
        try:
            self.loop.run_until_complete(self._act(act))
        except Crash:
            self.world.is_dead = True
        if self.world.is_dead and self.executor is not None:
            self._bury()

    async def _act(self, act: Callable[[], object]) -> None:
        act()
        for _ in range(12):
            await asyncio.sleep(0)
        executor = self.executor
        if executor is not None and executor.lives.broke.is_set() and not self.world.is_dead:
            raise AssertionError("the executor broke") from executor.lives.failure

    async def _decide(self, order: Order, _approved: Approved) -> Refused | None:
        if not self.asks:
            return None
        self.questions[order.id] = asyncio.get_running_loop().create_future()
        return await self.questions[order.id]

    def _sent(self, message: ToHub) -> bool:
        if not self.is_connected:
            return False
        self.world.step()
        if isinstance(message, Result):
            self.outcomes.setdefault(message.order_id, set()).add(message.outcome)
            self.heard[message.order_id] = message.outcome
        elif isinstance(message, Ack):
            assert message.order_id in self.published
        return True

    # the hub

    @rule(valid_s=st.sampled_from([1, 5, 60]), delay_ms=st.sampled_from([0, 0, 0, 500, 998, 3_000, 100_000]))
    def publish(self, valid_s: int, delay_ms: int) -> None:
        now, order_id = self.world.now, len(self.published) + 1
        order = Order(order_id, "TEN_MINUTE", "BTCUSDT", "LONG", valid_s, now, now + valid_s * 1_000)
        self.published[order_id] = order
        self.world.now += delay_ms
        self._hear(OrderMessage(order, self.world.now))

    @precondition(lambda self: self.published and self.is_connected)
    @rule(data=st.data())
    def deliver_again(self, data: st.DataObject) -> None:
        self._hear(OrderMessage(self.published[self._one_of(data, self.published)], self.world.now))

    @precondition(lambda self: self.published)
    @rule(data=st.data(), is_early=st.booleans())
    def cancel(self, data: st.DataObject, is_early: bool) -> None:
        order_id = len(self.published) + 1 if is_early else self._one_of(data, self.published)
        self.cancelled[order_id] = "so it is"
        self._hear_cancel(order_id)

    @precondition(lambda self: self.halt is None)
    @rule()
    def halt_all(self) -> None:
        self.epoch += 1
        self.halt = Halt(self.epoch, "crash")
        self._hear(HaltMessage(self.epoch, "crash"))

    @precondition(lambda self: self.halt is not None)
    @rule()
    def resume_all(self) -> None:
        self.halt = None
        self._hear(Resume(self.epoch, "calm"))

    @precondition(lambda self: self.outcomes and self.is_connected)
    @rule(data=st.data())
    def record(self, data: st.DataObject) -> None:
        self._record(self._one_of(data, self.outcomes))

    def _record(self, order_id: int) -> None:
        """The hub commits what it heard last, unless it has a fact already, and answers one report."""
        if self.recorded.get(order_id, "unknown") == "unknown":
            self.recorded[order_id] = self.heard[order_id]
        self._hear(Recorded(order_id))

    @precondition(lambda self: self.executor is not None and not self.is_connected)
    @rule()
    def connect(self) -> None:
        executor = self.executor
        assert executor is not None
        self.is_connected = True
        welcome = Welcome("s", 7, "alice", self.world.now, 15, 2**40, None, self.halt)
        have = executor.hello().have
        self._do(lambda: executor.welcomed(welcome))
        for order_id in list(self.cancelled):
            self._hear_cancel(order_id)
        for order_id in have:
            if order_id in self.recorded:
                self._hear(Recorded(order_id, self.recorded[order_id]))
        if self.is_connected:
            self._do(executor.caught_up)

    @precondition(lambda self: self.is_connected)
    @rule()
    def disconnect(self) -> None:
        self.is_connected = False

    def _one_of(self, data: st.DataObject, ids: Iterable[int]) -> int:
        return data.draw(st.sampled_from(sorted(ids)))

    def _hear(self, message: Any) -> None:
        executor = self.executor
        if executor is not None and self.is_connected:
            self._do(lambda: executor.heard(message))

    def _hear_cancel(self, order_id: int) -> None:
        if self.executor is None or not self.is_connected:
            return
        entry = self.journal.entry(order_id)
        is_in_time = entry is None or entry.state is State.RECEIVED
        self._hear(Cancel(order_id, self.cancelled[order_id]))
        if is_in_time and self.executor is not None:
            self.may_not.add(order_id)

    # the trader, time, and death

    @precondition(lambda self: self.questions)
    @rule(data=st.data(), agrees=st.sampled_from([True, True, False]))
    def answer(self, data: st.DataObject, agrees: bool) -> None:
        self._answer(self._one_of(data, self.questions), agrees)

    def _answer(self, order_id: int, agrees: bool) -> None:
        question = self.questions.pop(order_id)
        if not question.done():
            self._do(lambda: question.set_result(None if agrees else Refused(Reason("person.refused"))))

    @rule(ms=st.sampled_from([500, 995, 2_000, 100_000]))
    def pass_time(self, ms: int) -> None:
        self.world.now += ms

    @precondition(lambda self: self.executor is not None and self.world.fuse is None)
    @rule(steps=st.integers(0, 11))
    def light_the_fuse(self, steps: int) -> None:
        self.world.fuse = steps

    @precondition(lambda self: self.executor is None)
    @rule(also_connects=st.booleans())
    def restart(self, also_connects: bool) -> None:
        self._start()
        if also_connects and self.executor is not None:
            self.connect()

    # what must hold

    @invariant()
    def nothing_is_submitted_twice(self) -> None:
        if self.executor is not None:
            assert all(self.exchange.positions(order_id) <= 1 for order_id in self.published)

    @invariant()
    def nothing_is_submitted_late(self) -> None:
        for order_id, at in self.taken_at.items():
            assert at + UNCERTAINTY <= self.published[order_id].expires_ms

    @invariant()
    def nothing_is_submitted_in_a_halt(self) -> None:
        assert self.taken_in_halt == []

    @invariant()
    def a_cancel_in_time_holds(self) -> None:
        if self.executor is not None:
            assert all(self.exchange.positions(order_id) == 0 for order_id in self.may_not)

    @invariant()
    def the_hub_hears_one_outcome_or_unknown_and_then_the_fact(self) -> None:
        for outcomes in self.outcomes.values():
            assert len(outcomes - {"unknown"}) <= 1
            assert "unknown" not in outcomes or outcomes <= {"unknown", "success", "failed"}

    def teardown(self) -> None:
        """The windows are over and the agent runs once more, undisturbed: every entry has its outcome."""
        try:
            self._run_once_more()
        finally:
            if self.executor is not None:
                self._bury()
            self.loop.close()
            shutil.rmtree(self.folder)

    def _run_once_more(self) -> None:
        if not hasattr(self, "simulation"):
            return
        self.world.fuse = None
        self.world.now += 200_000
        if self.executor is None:
            self._start()
        self.is_connected = False
        self.connect()
        for order_id in list(self.questions):
            self._answer(order_id, True)
        entries = self.journal.entries()
        assert all(entry.is_done for entry in entries), entries
        for entry in entries:
            self._agrees_with_the_exchange(entry)
        for _ in range(3):  # an unknown that became a fact has two reports
            for order_id in list(self.heard):
                self._record(order_id)
        assert all(entry.state is State.REPORTED for entry in self.journal.entries())
        self.nothing_is_submitted_twice()
        self.nothing_is_submitted_late()
        self.a_cancel_in_time_holds()
        self.the_hub_hears_one_outcome_or_unknown_and_then_the_fact()

    def _agrees_with_the_exchange(self, entry: Any) -> None:
        positions = self.exchange.positions(entry.order.id)
        allowed = {"success": {1}, "rejected": {0}, "expired": {0}, "failed": {0, 1}, "unknown": {0, 1}}
        assert positions in allowed[entry.outcome], entry


TestExecutorMachine = ExecutorMachine.TestCase
TestExecutorMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
