"""THE STORY: an order's life on the trader's computer, from top to bottom.

journal `received` -> ack -> limits, halt, decision -> window -> journal `submitting` -> driver -> journal the outcome
-> result -> `recorded` -> journal `reported`. The invariants: every step is on disk before the next begins; from the
last check to the driver's first line nothing else runs; what is found in `submitting` at start is only asked about,
never submitted.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from agent import __version__
from agent.drivers.base import Drivers
from agent.link.connection import Heard
from agent.link.hub_time import HubClock
from agent.model import engine, events
from agent.model.account import Starts
from agent.model.clock import HubTime
from agent.model.engine import Ambiguous, Answer, Conclusion, Entry, Halting, Refused, ResolvedBy, State, Submission
from agent.model.events import Events
from agent.model.reasons import Reason
from agent.trading.gate import LATE, Gate
from agent.trading.journal import Journal
from agent.trading.lives import Lives
from agent.trading.positions import Positions
from agent.trading.reconciling import Reconciling, Resolutions, nobody
from agent.trading.reports import Reports
from agent.trading.terms import Approved
from agent.world import World, deadline
from protocol.messages import (
    FACTS,
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
    """One trader's orders. It is the link's `Listener`; `offer` is the link's way out, False where there is none."""

    def __init__(
        self,
        device_id: str,
        journal: Journal,
        drivers: Drivers,
        gate: Gate,
        hub_clock: HubClock,
        stream: Events,
        offer: Callable[[ToHub], bool],
        world: World,
        submit_timeout_s: float,
        *,
        reports_settlement: bool = True,
        resolutions: Resolutions = nobody,
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
        self._starts: Starts = journal.starts(lambda: f"{world.random.getrandbits(128):032x}")
        self._is_stopping = False
        self.lives = Lives()
        self._reports = Reports(journal, stream, offer, self.lives, world)
        self._positions = Positions(journal, drivers, stream, offer, self.lives, world, tells_hub=reports_settlement)
        ways = (self._conclude, self.resolve, lambda: self._now().ms, submit_timeout_s, resolutions)
        self._reconciling = Reconciling(journal, drivers, self.lives, world, *ways)

    # 1. An order arrives.

    def heard(self, message: Heard) -> None:
        """What the hub says once the connection is open."""
        match message:
            case OrderMessage():
                self._take(message.order)
            case Recorded(order_id, outcome) if outcome is not None:
                self._told(order_id, outcome)
            case Recorded():
                self._reports.recorded(message.order_id)
                self._gate.prepare()
            case Cancel():
                self._cancel(message)
            case HaltMessage():
                self._halt(message.epoch, message.reason)
            case Resume():
                self._keep_halting(engine.after_resume(self._journal.halting, message.epoch))
            case Error():
                self._reports.refused(message)

    def _take(self, order: Order) -> None:
        if self._is_stopping:
            return None  # not in the journal, not acked: the hub sends it again to whoever comes back in time
        driver = self._drivers.current
        entry, is_new = self._journal.note_received(order, self._now(), driver.name, driver.mode)
        if not is_new:
            return self._take_again(entry, order)
        self._events.emit(events.OrderReceived(order, entry.received_ms, entry.mode))
        self._reports.ack(entry)
        return self.lives.begin(order.id, self._live(order))

    def _take_again(self, entry: Entry, order: Order) -> None:
        """A known id never runs again; the hub is told once more what it seems to have missed."""
        if not engine.is_same(entry.order, order):
            self._offer(Result(order.id, "rejected", self._now().ms, NOT_THIS_ONE.text()))
            return self._events.emit(events.OrderRefused(order.id, "rejected", entry.mode, NOT_THIS_ONE))
        self._reports.ack(entry)
        return self._reports.say(entry)

    # 2. It is submitted, or refused.

    async def _live(self, order: Order) -> None:
        approved = await self._gate.ask(order)
        if isinstance(approved, Refused):
            return self._end(order, approved)
        entry = self._journal.note_submitting(order.id, self._submission(approved))
        if not self._gate.is_in_window(order):  # a slow disk must not make it late
            return self._end(order, LATE)
        self._events.emit(events.Submitting(order.id, approved.stake, approved.ratio, entry.mode))
        answer = await self._submit(order, approved)
        return self._conclude(order.id, engine.conclude(answer, self._now().ms))

    def _submission(self, approved: Approved) -> Submission:
        driver, now = self._drivers.current, self._now().ms
        wall_ms = self._world.read().wall_ms
        return Submission(driver.name, driver.mode, approved.stake, approved.ratio, now, wall_ms)

    async def _submit(self, order: Order, approved: Approved) -> Answer:
        within_s = (order.expires_ms - self._now().latest_ms) / 1000
        limit_s = self._submit_timeout_s
        try:
            async with deadline(self._world, limit_s):
                return await self._drivers.current.submit(order, approved.stake, approved.ratio, within_s)
        except TimeoutError:
            return Ambiguous(Reason("driver.timeout", {"seconds": f"{limit_s:g}"}))
        except Exception as error:  # noqa: BLE001 whatever broke, the request may have left; the text may hold a secret
            return Ambiguous(Reason("driver.failed", {"kind": type(error).__name__}))

    # 3. It has an outcome, and the hub is told until it has it on disk.

    def _conclude(self, order_id: int, end: Conclusion) -> None:
        """The exchange saw it, or may have."""
        entry = self._journal.note_outcome(order_id, end)
        self._events.emit(events.Executed(order_id, end.outcome, entry.mode, end.reason, end.exchange_order_id))
        if end.resolved_by is not None:
            self._events.emit(events.Resolved(order_id, end.outcome, end.resolved_by))
        if end.resolved_by != "hub":
            self._reports.say(entry)
        if entry.outcome == "unknown":
            self._reconciling.follow(entry)
        self._positions.follow(entry)

    def _end(self, order: Order, refused: Refused) -> None:
        """The exchange never saw it."""
        outcome = engine.outcome_of(refused)
        entry = self._journal.note_outcome(order.id, Conclusion(outcome, self._now().ms, refused.reason))
        self._events.emit(events.OrderRefused(order.id, outcome, entry.mode, refused.reason))
        self._reports.say(entry)

    def resolve(self, order_id: int, outcome: Outcome, by: ResolvedBy = "person") -> bool:
        """Somebody knows what became of an unknown order; False where it is not unknown (any more)."""
        entry = self._journal.entry(order_id)
        if entry is None or entry.outcome != "unknown" or outcome not in ("success", "failed"):
            return False
        why = Reason("told.hub" if by == "hub" else "person.looked")
        number, price = entry.exchange_order_id, entry.entry_price
        self._conclude(order_id, Conclusion(outcome, self._now().ms, why, entry.data, number, price, by))
        return True

    # The hub has an outcome already; the admin stops one order, or all of them.

    def _told(self, order_id: int, outcome: Outcome) -> None:
        """What the hub has of an order in `have`: a fact among it is one here, too."""
        entry = self._journal.entry(order_id)
        if entry is None:
            return
        if self._is_news(entry, outcome):
            self.lives.cancel(order_id)
            why = Reason("told.hub")
            self._conclude(order_id, Conclusion(outcome, self._now().ms, why, entry.data, resolved_by="hub"))
        self._reports.record(order_id, outcome)

    def _is_news(self, entry: Entry, outcome: Outcome) -> bool:
        match entry.state:
            case State.RECEIVED:  # once its window is over it ends by itself, and truer than by the hub's guess
                return outcome in FACTS or self._now().ms < entry.order.expires_ms
            case State.SUBMITTING:
                return outcome in ("success", "failed") and self._reconciling.is_asking(entry.order.id)
        return entry.outcome == "unknown" and outcome in ("success", "failed")

    def _cancel(self, message: Cancel) -> None:
        reason = Reason("cancelled", {"reason": message.reason})
        self._gate.cancel(message.order_id, reason)
        entry = self._journal.entry(message.order_id)
        if entry is None or entry.state is not State.RECEIVED:
            return
        self.lives.cancel(message.order_id)
        self._end(entry.order, Refused(reason))

    def _halt(self, epoch: int, reason: str) -> None:
        self._keep_halting(engine.after_halt(self._journal.halting, epoch, reason))
        last = self._journal.last_submitted()
        submitted = (None, None) if last is None else (last.order.id, last.submitted_ms)
        self._offer(Halted(max(0, epoch), *submitted))

    def _keep_halting(self, halting: Halting) -> None:
        if halting != self._journal.halting:
            self._journal.keep_halting(halting)
            self._events.emit(events.HaltChanged(halting.epoch, halting.reason))

    # Starting, connecting, stopping.

    def recover(self) -> None:
        """At start, once: ask after what was being submitted when the last process ended; wait for what stands."""
        self.lives.keep(self._warm_up())
        self._reconciling.begin()
        for entry in self._journal.unsettled():
            self._positions.follow(entry)
        self._gate.prepare()

    async def _warm_up(self) -> None:
        try:
            await self._drivers.current.start()
        except Exception as error:  # noqa: BLE001 an exchange out of reach stops nobody; the text may hold a secret
            reason = Reason("driver.failed", {"kind": type(error).__name__})
            self._events.emit(events.ExchangeSession("unbound", None, reason))

    def hello(self) -> Hello:
        """`have` is all that is not reported, whatever any clock says; none of it goes on before `caught_up`."""
        have, newest = self._journal.unreported(), self._journal.newest()
        self._gate.wait_for(entry.order.id for entry in self._journal.in_state(State.RECEIVED))
        starts = (self._starts.journal, self._starts.start, self._starts.previous)
        halt_epoch, newest_id = self._journal.halting.epoch, None if newest is None else newest.order.id
        driver = self._drivers.current.name
        return Hello(self._device_id, __version__, driver, have, halt_epoch, *starts, newest_id)

    def welcomed(self, welcome: Welcome) -> None:
        """Say again what may have been lost with the last connection."""
        self._events.emit(events.Connected(welcome.session_id, welcome.username))
        self._compare(welcome.newest_order_id)
        if welcome.halt is not None:
            self._halt(welcome.halt.epoch, welcome.halt.reason)
        else:
            self._keep_halting(Halting(self._journal.halting.epoch, None))
        for entry in self._journal.under_way(self._now().ms):
            self._reports.ack(entry)
        self._reports.connected()
        self._positions.connected(welcome.features)

    def _compare(self, newest_order_id: int | None) -> None:
        """A hub that has given out fewer ids than have been here gives some of them out twice: nothing is placed."""
        newest = self._journal.newest()
        ours = 0 if newest is None else newest.order.id
        if newest_order_id is None or ours <= newest_order_id:
            return self._gate.hold(None)
        reason = Reason("hub.behind", {"theirs": str(newest_order_id), "ours": str(ours)})
        self._gate.hold(reason)
        return self._events.emit(events.HubSaid("HUB_IS_BEHIND", reason.text()))

    def caught_up(self) -> None:
        """Only now go on with what was received before: a cancel for it would have been heard by now."""
        self._journal.note_start_known()
        self._gate.heard_all()
        for entry in self._journal.in_state(State.RECEIVED):
            if not self.lives.is_under_way(entry.order.id) and not self._is_stopping:
                self.lives.begin(entry.order.id, self._live(entry.order))

    def heartbeat(self) -> None:
        """Say again what got no answer."""
        self._reports.heartbeat()

    async def finish(self, seconds: float) -> None:
        """Take nothing more, let what is at the exchange end, leave the rest in the journal for the next start."""
        self._is_stopping = True
        for entry in self._journal.in_state(State.RECEIVED):
            self.lives.cancel(entry.order.id)
        await self.lives.end(seconds)

    async def wait_until_reported(self, seconds: float) -> bool:
        """Whether the hub took everything that it will take in time."""
        answered = asyncio.Event()
        self._reports.on_answer = answered.set
        try:
            async with deadline(self._world, seconds):
                while self._journal.to_report():
                    answered.clear()
                    await answered.wait()
        except TimeoutError:
            return False
        return True

    def _now(self) -> HubTime:
        return self._hub_clock.now()
