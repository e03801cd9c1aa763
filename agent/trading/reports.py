"""What the hub is told of orders, until it has it on disk.

The invariants: an outcome counts as reported only when the answer to a report of this very outcome came; so a new
outcome is not said while an answer to an older one is due. What the hub cannot take now is repeated with backoff and
with heartbeats; what it says it never will is kept, and not repeated.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from agent.link.reconnecting import backoff
from agent.model import engine
from agent.model.engine import Entry, State
from agent.model.events import Events, HubSaid, NotReported, Reported
from agent.model.reasons import Reason
from agent.trading.journal import Journal
from agent.trading.lives import Lives
from agent.world import World
from protocol.errors import error_for
from protocol.messages import Ack, Error, Outcome, Result, ToHub

FIRST_REPEAT_S: Final = 0.5
LONG_MS: Final = 5_000
"""After so long without an answer a report is said again at the next heartbeat."""


class _Due(msgspec.Struct):
    """Answers that are due to reports of one outcome, on this connection."""

    outcome: Outcome
    answers: int
    said_ms: int


class Reports:
    """`offer` is the link's way out; what it does not carry is said again after the next welcome."""

    def __init__(
        self, journal: Journal, stream: Events, offer: Callable[[ToHub], bool], lives: Lives, world: World
    ) -> None:
        self._journal = journal
        self._events = stream
        self._offer = offer
        self._lives = lives
        self._world = world
        self._due: dict[int, _Due] = {}
        self._delays = backoff(world.random)
        self._is_repeating = False
        self.on_answer: Callable[[], None] = lambda: None

    def ack(self, entry: Entry) -> None:
        """The order is in the journal."""
        self._offer(Ack(entry.order.id, entry.received_ms, entry.uncertainty_ms))

    def say(self, entry: Entry) -> None:
        """Report an outcome, unless the answer to another one of this order is due."""
        if entry.outcome is None:
            return
        due = self._due.get(entry.order.id)
        if due is not None and due.outcome != entry.outcome:
            return
        if not self._offer(_result(entry, entry.outcome)):
            return
        answers = 1 if due is None else due.answers + 1
        self._due[entry.order.id] = _Due(entry.outcome, answers, self._world.read().monotonic_ms)

    def connected(self) -> None:
        """A new connection: no answer is due on it, and everything is said again."""
        self._due.clear()
        self._delays = backoff(self._world.random)
        self.say_all()

    def say_all(self) -> None:
        """Report everything that is not reported."""
        for entry in self._journal.to_report():
            self.say(entry)

    def heartbeat(self) -> None:
        """Say again what was left without an answer for long, or could not be said."""
        before_ms = self._world.read().monotonic_ms - LONG_MS
        for entry in self._journal.to_report():
            due = self._due.get(entry.order.id)
            if due is None or due.said_ms <= before_ms:
                self.say(entry)

    def recorded(self, order_id: int) -> None:
        """The hub has what was reported."""
        due, entry = self._answered(order_id), self._journal.entry(order_id)
        if entry is None or entry.outcome is None:
            self._events.emit(HubSaid("UNEXPECTED", f"recorded order {order_id}, which has no result"))
            return
        self._delays = backoff(self._world.random)
        if due is not None:
            self.record(order_id, due.outcome)
            self._say_what_waited(order_id)
        self.on_answer()

    def record(self, order_id: int, outcome: Outcome) -> None:
        """The hub has this outcome on disk: if it is the entry's, there is nothing to report any more."""
        entry = self._journal.entry(order_id)
        if entry is not None and entry.state is State.DONE and entry.outcome == outcome:
            self._journal.note_recorded(order_id, outcome)
            self._events.emit(Reported(order_id, outcome, entry.mode))

    def refused(self, error: Error) -> None:
        """The hub did not take a message; with an order id, the report of that order."""
        self._events.emit(HubSaid(error.code, error.message))
        what = error_for(error.code).report
        if error.order_id is not None:
            self._answered(error.order_id)
        if what == "again":
            self._repeat_later()
        elif what == "over" and error.order_id is not None:
            self._give_up(error.order_id, error)

    def _give_up(self, order_id: int, error: Error) -> None:
        entry = self._journal.entry(order_id)
        if entry is not None and entry.state is State.DONE:
            self._journal.note_not_taken(order_id, error.code)
            self._events.emit(NotReported(order_id, entry.mode, Reason("hub.said", {"said": error.message})))
            self.on_answer()

    def _answered(self, order_id: int) -> _Due | None:
        due = self._due.get(order_id)
        if due is not None:
            due.answers -= 1
            if due.answers <= 0:
                del self._due[order_id]
        return due

    def _say_what_waited(self, order_id: int) -> None:
        entry = self._journal.entry(order_id)
        if entry is not None and entry.state is State.DONE and order_id not in self._due:
            self.say(entry)

    def _repeat_later(self) -> None:
        if not self._is_repeating:
            self._is_repeating = True
            self._lives.keep(self._repeat())

    async def _repeat(self) -> None:
        try:
            await self._world.sleep(FIRST_REPEAT_S + next(self._delays))
        finally:
            self._is_repeating = False
        self.say_all()


def _result(entry: Entry, outcome: Outcome) -> Result:
    """Whatever the entry holds, it is a message that the hub takes."""
    message, data = entry.message[: engine.LONGEST_MESSAGE], engine.fitting(entry.data)
    return Result(entry.order.id, outcome, max(0, entry.executed_ms or 0), message, data)
