"""THE STORY: an order's life on the trader's computer, from top to bottom.

journal `received` -> ack -> limits, halt, decision -> window -> journal `submitting` -> driver -> journal the outcome
-> result -> `recorded` -> journal `reported`. The agent imports it. The invariants: every step is on disk before the
next begins; from the last check to the driver's first line nothing else runs; what is found in `submitting` at start
is only asked about, never submitted.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from agent import __version__
from agent.drivers.base import Driver
from agent.link.connection import Heard
from agent.link.hub_time import HubClock
from agent.model import engine, events
from agent.model.clock import HubTime
from agent.model.engine import Ambiguous, Answer, Conclusion, Entry, Halting, State
from agent.model.events import Events
from agent.model.limits import Limits
from agent.trading.gate import Decide, Gate, agree
from agent.trading.journal import Journal
from protocol.messages import (
    Ack,
    Cancel,
    Error,
    Halted,
    HaltMessage,
    Hello,
    Increment,
    Order,
    OrderMessage,
    Outcome,
    Recorded,
    Result,
    Resume,
    ToHub,
    Welcome,
)

TOO_LATE: Final = "the window was over before it could be submitted"
NOT_THIS_ONE: Final = "the journal on this computer has another order under this id: is the hub's database a new one?"


class Terms(msgspec.Struct, frozen=True):
    """What the trader puts up: the stake in USDT, the payout ratio of each increment, the limits, the patience."""

    stake: Decimal
    payouts: Mapping[Increment, Decimal]
    limits: Limits
    submit_timeout_s: float


class Executor:
    """One trader's orders. It is the link's `Listener`; `offer` is the link's way out."""

    def __init__(
        self,
        device_id: str,
        journal: Journal,
        driver: Driver,
        hub_clock: HubClock,
        stream: Events,
        offer: Callable[[ToHub], None],
        terms: Terms,
        decide: Decide = agree,
    ) -> None:
        self._device_id = device_id
        self._journal = journal
        self._driver = driver
        self._hub_clock = hub_clock
        self._events = stream
        self._offer = offer
        self._terms = terms
        self._gate = Gate(journal, hub_clock, terms.limits, terms.stake, decide)
        self._orders: dict[int, asyncio.Task[None]] = {}
        self._settlements: set[asyncio.Task[None]] = set()
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
                self._events.publish(events.HubSaid(message.code, message.message))

    def _take(self, order: Order) -> None:
        if self._is_stopping:
            return None  # not in the journal, not acked: the hub sends it again to whoever comes back in time
        entry, is_new = self._journal.receive(order, self._now())
        if not is_new:
            return self._take_again(entry, order)
        self._events.publish(events.OrderReceived(order, entry.received_ms))
        self._ack(entry)
        return self._begin(order, self._live(order))

    def _take_again(self, entry: Entry, order: Order) -> None:
        """A known id never runs again; the hub is told once more what it seems to have missed."""
        if not engine.is_same(entry.order, order):
            self._offer(Result(order.id, "rejected", self._now().ms, NOT_THIS_ONE))
            return self._events.publish(events.OrderRefused(order.id, "rejected", NOT_THIS_ONE))
        self._ack(entry)
        return self._report(entry) if entry.is_done else None

    # 2. It is submitted, or refused.

    async def _live(self, order: Order) -> None:
        refused = await self._gate.ask(order)
        if refused is not None:
            return self._end(order, "rejected", refused.reason)
        if not self._gate.is_in_window(order):
            return self._end(order, "expired", TOO_LATE)
        ratio = self._terms.payouts[order.time_increments]
        self._journal.submit(order.id, self._terms.stake, ratio)
        if not self._gate.is_in_window(order):  # a slow disk must not make it late
            return self._end(order, "expired", TOO_LATE)
        self._events.publish(events.Submitting(order.id, self._terms.stake, ratio))
        return self._conclude(order, await self._submit(order, ratio))

    async def _submit(self, order: Order, ratio: Decimal) -> Answer:
        limit_s = self._terms.submit_timeout_s
        try:
            async with asyncio.timeout(limit_s):
                return await self._driver.submit(order, self._terms.stake, ratio)
        except TimeoutError:
            return Ambiguous(f"the exchange did not answer within {limit_s:g} s")
        except Exception as error:  # noqa: BLE001 whatever broke, the request may have left; the text may hold a secret
            return Ambiguous(f"the driver failed: {type(error).__name__}")

    # 3. It has an outcome, and the hub is told until it has it on disk.

    def _conclude(self, order: Order, answer: Answer) -> None:
        entry = self._journal.conclude(order.id, engine.conclude(answer, self._now().ms))
        outcome = entry.outcome or "unknown"
        self._events.publish(events.Executed(order.id, outcome, entry.message, entry.exchange_order_id))
        self._report(entry)
        self._follow(entry)

    def _end(self, order: Order, outcome: Outcome, reason: str) -> None:
        """The exchange never saw it."""
        entry = self._journal.conclude(order.id, Conclusion(outcome, reason[:2000], self._now().ms))
        self._events.publish(events.OrderRefused(order.id, outcome, reason))
        self._report(entry)

    def _ack(self, entry: Entry) -> None:
        self._offer(Ack(entry.order.id, entry.received_ms, entry.uncertainty_ms))

    def _report(self, entry: Entry) -> None:
        outcome = entry.outcome or "unknown"
        self._offer(Result(entry.order.id, outcome, entry.executed_ms or 0, entry.message, entry.data))

    def _recorded(self, order_id: int) -> None:
        entry = self._journal.entry(order_id)
        if entry is None or entry.outcome is None:
            return self._events.publish(events.HubSaid("UNEXPECTED", f"recorded order {order_id}, which has no result"))
        if entry.state is State.DONE:
            self._journal.record(order_id)
            self._events.publish(events.Reported(order_id, entry.outcome))
        return self._recorded_one.set()

    # 4. The position ends.

    def _follow(self, entry: Entry) -> None:
        if entry.outcome == "success" and entry.exchange_order_id is not None and entry.settled_ms is None:
            task = asyncio.create_task(self._settle(entry.order, entry.exchange_order_id))
            self._settlements.add(task)
            task.add_done_callback(self._settled)

    async def _settle(self, order: Order, exchange_order_id: str) -> None:
        settlement = await self._driver.settle(order, exchange_order_id)
        if settlement is not None:
            self._journal.settle(order.id, settlement)
            self._events.publish(events.Settled(order.id, settlement.won, settlement.profit))

    # The admin stops one order, or all of them.

    def _cancel(self, message: Cancel) -> None:
        reason = f"cancelled by the admin: {message.reason}"
        self._gate.cancel(message.order_id, reason)
        entry = self._journal.entry(message.order_id)
        if entry is None or entry.state is not State.RECEIVED:
            return
        task = self._orders.get(message.order_id)
        if task is not None:
            task.cancel()
        self._end(entry.order, "rejected", reason)

    def _halt(self, epoch: int, reason: str) -> None:
        self._keep_halting(engine.after_halt(self._journal.halting, epoch, reason))
        self._offer(Halted(epoch=max(0, epoch)))

    def _keep_halting(self, halting: Halting) -> None:
        if halting != self._journal.halting:
            self._journal.keep_halting(halting)
            self._events.publish(events.HaltChanged(halting.epoch, halting.reason))

    # Starting, connecting, stopping.

    def recover(self) -> None:
        """At start, once: ask after what was being submitted when the last process ended; wait for what stands."""
        for entry in self._journal.in_state(State.SUBMITTING):
            self._begin(entry.order, self._ask_after(entry.order))
        for entry in self._journal.unsettled():
            self._follow(entry)

    async def _ask_after(self, order: Order) -> None:
        found: Answer | None
        try:
            async with asyncio.timeout(self._terms.submit_timeout_s):
                found = await self._driver.find(order)
        except Exception as error:  # noqa: BLE001 a driver that fails can't tell; the text may hold a secret
            found = Ambiguous(f"interrupted while it was submitted, and asking failed: {type(error).__name__}")
        unknown = Ambiguous("interrupted while it was submitted, and the exchange can't tell what became of it")
        self._conclude(order, found or unknown)

    def hello(self) -> Hello:
        """`have` are the orders that the hub need not send again."""
        have = [entry.order.id for entry in self._journal.in_window(self._now().ms)]
        return Hello(self._device_id, __version__, self._driver.name, have, self._journal.halting.epoch)

    def welcomed(self, welcome: Welcome) -> None:
        """Say again what may have been lost with the last connection."""
        self._events.publish(events.Connected(welcome.session_id, welcome.username))
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
        left = [*self._orders.values(), *self._settlements]
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

    def _settled(self, task: asyncio.Task[None]) -> None:
        self._settlements.discard(task)
        self._notice(task)

    def _notice(self, task: asyncio.Task[None]) -> None:
        """A journal that cannot be written, or a bug: the agent ends, and the next start asks what became of it."""
        if not task.cancelled() and task.exception() is not None:
            self.failure = task.exception()
            self.broke.set()

    def _now(self) -> HubTime:
        return self._hub_clock.now()
