"""THE STORY: an order's life on the trader's computer, from top to bottom.

journal `received` -> ack -> limits, halt, decision -> window -> journal `submitting` -> driver -> journal the outcome
-> result -> `recorded` -> journal `reported`. The invariants: every step is on disk before the next begins; from the
last check to the driver's first line nothing else runs; what is found in `submitting` at start is only asked about,
never submitted.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from agent import __version__
from agent.drivers.base import Driver, Drivers
from agent.link.connection import Heard
from agent.link.hub_time import HubClock
from agent.model import engine, events
from agent.model.clock import HubTime
from agent.model.engine import Ambiguous, Answer, Conclusion, Entry, Halting, Refused, ResolvedBy, State, Submission
from agent.model.events import Events
from agent.model.reasons import Reason
from agent.trading.gate import LATE, Gate
from agent.trading.journal import Journal
from agent.trading.terms import Approved
from agent.world import World, deadline
from protocol.messages import (
    Ack,
    Cancel,
    Error,
    Halted,
    HaltMessage,
    Hello,
    Order,
    OrderMessage,
    Outcome,
    Recorded,
    Result,
    Resume,
    ToHub,
    Welcome,
)

NOT_THIS_ONE: Final = Reason("order.another")


class Executor:
    """One trader's orders. It is the link's `Listener`; `offer` is the link's way out."""

    def __init__(
        self,
        device_id: str,
        journal: Journal,
        drivers: Drivers,
        gate: Gate,
        hub_clock: HubClock,
        stream: Events,
        offer: Callable[[ToHub], None],
        world: World,
        submit_timeout_s: float,
    ) -> None:
        self._device_id = device_id
        self._journal = journal
        self._drivers = drivers
        self._gate = gate
        self._hub_clock = hub_clock
        self._events = stream
        self._offer = offer
        self._world = world
        self._submit_timeout_s = submit_timeout_s
        self._orders: dict[int, asyncio.Task[None]] = {}
        self._others: set[asyncio.Task[None]] = set()
        self._is_stopping = False
        self._recorded_one = asyncio.Event()
        self.broke = asyncio.Event()
        self.failure: BaseException | None = None

    # 1. An order arrives.

    def heard(self, message: Heard) -> None:
        """What the hub says once the connection is open."""
        match message:
            case OrderMessage():
                self._take(message.order)
            case Recorded():
                self._recorded(message.order_id)
            case Cancel():
                self._cancel(message)
            case HaltMessage():
                self._halt(message.epoch, message.reason)
            case Resume():
                self._keep_halting(engine.after_resume(self._journal.halting, message.epoch))
            case Error():
                self._events.emit(events.HubSaid(message.code, message.message))

    def _take(self, order: Order) -> None:
        if self._is_stopping:
            return None  # not in the journal, not acked: the hub sends it again to whoever comes back in time
        driver = self._drivers.current
        entry, is_new = self._journal.note_received(order, self._now(), driver.name, driver.mode)
        if not is_new:
            return self._take_again(entry, order)
        self._events.emit(events.OrderReceived(order, entry.received_ms, entry.mode))
        self._ack(entry)
        return self._begin(order, self._live(order))

    def _take_again(self, entry: Entry, order: Order) -> None:
        """A known id never runs again; the hub is told once more what it seems to have missed."""
        if not engine.is_same(entry.order, order):
            self._offer(Result(order.id, "rejected", self._now().ms, NOT_THIS_ONE.text()))
            return self._events.emit(events.OrderRefused(order.id, "rejected", entry.mode, NOT_THIS_ONE))
        self._ack(entry)
        return self._report(entry) if entry.is_done else None

    # 2. It is submitted, or refused.

    async def _live(self, order: Order) -> None:
        approved = await self._gate.ask(order)
        if isinstance(approved, Refused):
            return self._end(order, approved)
        entry = self._journal.note_submitting(order.id, self._submission(approved))
        if not self._gate.is_in_window(order):  # a slow disk must not make it late
            return self._end(order, LATE)
        self._events.emit(events.Submitting(order.id, approved.stake, approved.ratio, entry.mode))
        return self._conclude(order, await self._submit(order, approved))

    def _submission(self, approved: Approved) -> Submission:
        driver, now = self._drivers.current, self._now().ms
        wall_ms = self._world.read().wall_ms
        return Submission(driver.name, driver.mode, approved.stake, approved.ratio, now, wall_ms)

    async def _submit(self, order: Order, approved: Approved) -> Answer:
        now, limit_s = self._now(), self._submit_timeout_s
        within_s = (order.expires_ms - now.ms - now.uncertainty_ms) / 1000
        try:
            async with deadline(self._world, limit_s):
                return await self._drivers.current.submit(order, approved.stake, approved.ratio, within_s)
        except TimeoutError:
            return Ambiguous(Reason("driver.timeout", {"seconds": f"{limit_s:g}"}))
        except Exception as error:  # noqa: BLE001 whatever broke, the request may have left; the text may hold a secret
            return Ambiguous(Reason("driver.failed", {"kind": type(error).__name__}))

    # 3. It has an outcome, and the hub is told until it has it on disk.

    def _conclude(self, order: Order, answer: Answer) -> None:
        end = engine.conclude(answer, self._now().ms)
        entry = self._journal.note_outcome(order.id, end)
        self._events.emit(events.Executed(order.id, end.outcome, entry.mode, end.reason, end.exchange_order_id))
        self._report(entry)
        self._follow(entry)

    def _end(self, order: Order, refused: Refused) -> None:
        """The exchange never saw it."""
        outcome = engine.outcome_of(refused)
        entry = self._journal.note_outcome(order.id, Conclusion(outcome, self._now().ms, refused.reason))
        self._events.emit(events.OrderRefused(order.id, outcome, entry.mode, refused.reason))
        self._report(entry)

    def _ack(self, entry: Entry) -> None:
        self._offer(Ack(entry.order.id, entry.received_ms, entry.uncertainty_ms))

    def _report(self, entry: Entry) -> None:
        outcome = entry.outcome or "unknown"
        self._offer(Result(entry.order.id, outcome, entry.executed_ms or 0, entry.message, entry.data))

    def _recorded(self, order_id: int) -> None:
        entry = self._journal.entry(order_id)
        if entry is None or entry.outcome is None:
            return self._events.emit(events.HubSaid("UNEXPECTED", f"recorded order {order_id}, which has no result"))
        if entry.state is State.DONE:
            self._journal.note_recorded(order_id, entry.outcome)
            self._events.emit(events.Reported(order_id, entry.outcome, entry.mode))
        return self._recorded_one.set()

    # 4. The position ends.

    def _follow(self, entry: Entry) -> None:
        driver = self._drivers.that_took(entry)
        if entry.outcome == "success" and entry.source != "confirmed" and driver is not None:
            self._keep(asyncio.create_task(self._settle(entry, driver)))

    async def _settle(self, entry: Entry, driver: Driver) -> None:
        """An estimate is followed by a second wait, for the confirmation."""
        while (settlement := await driver.settle(entry)) is not None:
            was, entry = entry.source, self._journal.note_settled(entry.order.id, settlement)
            said = (settlement.result, settlement.source, settlement.profit)
            self._events.emit(events.Settled(entry.order.id, entry.mode, *said))
            if was is not None or settlement.source == "confirmed":
                return

    # The admin stops one order, or all of them.

    def _cancel(self, message: Cancel) -> None:
        reason = Reason("cancelled", {"reason": message.reason})
        self._gate.cancel(message.order_id, reason)
        entry = self._journal.entry(message.order_id)
        if entry is None or entry.state is not State.RECEIVED:
            return
        task = self._orders.get(message.order_id)
        if task is not None:
            task.cancel()
        self._end(entry.order, Refused(reason))

    def resolve(self, order_id: int, outcome: Outcome, by: ResolvedBy = "person") -> bool:
        """Somebody knows what became of an unknown order; False where it is not unknown (any more)."""
        entry = self._journal.entry(order_id)
        if entry is None or entry.outcome != "unknown":
            return False
        said = Reason("person.looked")
        number, price = entry.exchange_order_id, entry.entry_price
        end = Conclusion(outcome, entry.executed_ms or self._now().ms, said, entry.data, number, price, by)
        entry = self._journal.note_outcome(order_id, end)
        self._events.emit(events.Resolved(order_id, outcome, by))
        self._report(entry)
        self._follow(entry)
        return True

    def _halt(self, epoch: int, reason: str) -> None:
        self._keep_halting(engine.after_halt(self._journal.halting, epoch, reason))
        self._offer(Halted(epoch=max(0, epoch)))

    def _keep_halting(self, halting: Halting) -> None:
        if halting != self._journal.halting:
            self._journal.keep_halting(halting)
            self._events.emit(events.HaltChanged(halting.epoch, halting.reason))

    # Starting, connecting, stopping.

    def recover(self) -> None:
        """At start, once: ask after what was being submitted when the last process ended; wait for what stands."""
        self._keep(asyncio.create_task(self._warm_up()))
        for entry in self._journal.in_state(State.SUBMITTING):
            self._begin(entry.order, self._ask_after(entry))
        for entry in self._journal.unsettled():
            self._follow(entry)

    async def _warm_up(self) -> None:
        try:
            await self._drivers.current.start()
        except Exception as error:  # noqa: BLE001 an exchange out of reach stops nobody; the text may hold a secret
            reason = Reason("driver.failed", {"kind": type(error).__name__})
            self._events.emit(events.ExchangeSession("unbound", None, reason))

    async def _ask_after(self, entry: Entry) -> None:
        found: Answer | None = None
        driver = self._drivers.that_took(entry)
        if driver is None:
            found = Ambiguous(Reason("driver.gone", {"driver": entry.driver, "mode": entry.mode}))
        else:
            try:
                async with deadline(self._world, self._submit_timeout_s):
                    found = await driver.find(entry)
            except Exception as error:  # noqa: BLE001 a driver that fails can't tell; the text may hold a secret
                found = Ambiguous(Reason("driver.asking_failed", {"kind": type(error).__name__}))
        self._conclude(entry.order, found or Ambiguous(Reason("driver.interrupted")))

    def hello(self) -> Hello:
        """`have` is all that is not reported, whatever any clock says: a cancel is told of each of them."""
        have = self._journal.unreported()
        return Hello(self._device_id, __version__, self._drivers.current.name, have, self._journal.halting.epoch)

    def welcomed(self, welcome: Welcome) -> None:
        """Say again what may have been lost with the last connection."""
        self._events.emit(events.Connected(welcome.session_id, welcome.username))
        if welcome.halt is not None:
            self._halt(welcome.halt.epoch, welcome.halt.reason)
        else:
            self._keep_halting(Halting(self._journal.halting.epoch, None))
        for entry in self._journal.in_window(self._now().ms):
            self._ack(entry)
        for entry in self._journal.in_state(State.DONE):
            self._report(entry)

    def caught_up(self) -> None:
        """Only now go on with what was received before the start: a cancel for it would have been heard by now."""
        for entry in self._journal.in_state(State.RECEIVED):
            if entry.order.id not in self._orders and not self._is_stopping:
                self._begin(entry.order, self._live(entry.order))

    async def finish(self, seconds: float) -> None:
        """Take nothing more, let what is at the exchange end, leave the rest in the journal for the next start."""
        self._is_stopping = True
        for entry in self._journal.in_state(State.RECEIVED):
            if entry.order.id in self._orders:
                self._orders[entry.order.id].cancel()
        running = list(self._orders.values())
        if running:
            await asyncio.wait(running, timeout=seconds)
        left = [*self._orders.values(), *self._others]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def wait_until_reported(self, seconds: float) -> bool:
        """Whether the hub said `recorded` to everything in time."""
        try:
            async with asyncio.timeout(seconds):
                while self._journal.in_state(State.DONE):
                    self._recorded_one.clear()
                    await self._recorded_one.wait()
        except TimeoutError:
            return False
        return True

    def _begin(self, order: Order, life: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(life, name=f"order {order.id}")
        self._orders[order.id] = task
        task.add_done_callback(lambda done: self._left(order.id, done))

    def _left(self, order_id: int, task: asyncio.Task[None]) -> None:
        if self._orders.get(order_id) is task:
            del self._orders[order_id]
        self._notice(task)

    def _keep(self, task: asyncio.Task[None]) -> None:
        """Hold a task that belongs to no order under way, until it is done."""
        self._others.add(task)
        task.add_done_callback(self._others.discard)
        task.add_done_callback(self._notice)

    def _notice(self, task: asyncio.Task[None]) -> None:
        """A journal that cannot be written, or a bug: the agent ends, and the next start asks what became of it."""
        if not task.cancelled() and task.exception() is not None:
            self.failure = task.exception()
            self.broke.set()

    def _now(self) -> HubTime:
        return self._hub_clock.now()
