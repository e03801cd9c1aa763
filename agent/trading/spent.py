"""What the journal says was spent: the facts that limits count, kept at hand for the order that comes next.

The invariant: it is as new as the journal, since the journal tells it of every step when that is on disk.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Final

from agent.model.engine import Entry
from agent.model.tally import Fact, counting, fact_of
from agent.trading.journal import FILE_NAME, Journal

DAY_MS: Final = 86_400_000
KEPT_MS: Final = 7 * DAY_MS
"""More than a day, the longest position and the longest pause anybody will want, and a day for a clock set back."""
RENEWED_MS: Final = 3_600_000
"""So often what is of no account any more is left out: an order waits for what is counted."""


class Spent:
    """The facts of one journal, as they change."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._facts: dict[int, Fact] | None = None
        self._counting: dict[int, Fact] = {}
        self._read_ms = self._counting_ms = 0
        self.version = 0
        """Another one whenever a fact changes."""
        journal.watch(self._note)

    def at(self, now_ms: int) -> Collection[Fact]:
        """What may count at this moment of the hub's clock, and what a clock that was set back calls the future."""
        if self._facts is None or now_ms < self._read_ms - DAY_MS:
            self._facts = {fact.order_id: fact for fact in _facts(self._journal, now_ms - KEPT_MS)}
            self._read_ms = now_ms
            self.version += 1
            self._leave_out(now_ms)
        elif not self._counting_ms <= now_ms < self._counting_ms + RENEWED_MS:
            self._leave_out(now_ms)
        return self._counting.values()

    def _leave_out(self, now_ms: int) -> None:
        """What is old at this time; by a clock that was set back it is not."""
        self._counting = {fact.order_id: fact for fact in counting((self._facts or {}).values(), now_ms)}
        self._counting_ms = now_ms

    def _note(self, entry: Entry) -> None:
        if self._facts is None:
            return
        fact = fact_of(entry)
        if fact != self._facts.get(entry.order.id):
            self.version += 1
        if fact is None:
            self._facts.pop(entry.order.id, None)
            self._counting.pop(entry.order.id, None)
        else:
            self._facts[entry.order.id] = self._counting[entry.order.id] = fact


def read(folder: Path, since_ms: int = 0) -> list[Fact]:
    """The facts of an account's journal, also while an agent runs; none where there is no journal yet."""
    if not (folder / FILE_NAME).exists():
        return []
    journal = Journal(folder, mode="read")
    try:
        return _facts(journal, since_ms)
    finally:
        journal.close()


def _facts(journal: Journal, since_ms: int) -> list[Fact]:
    return [fact for entry in journal.spent_since(since_ms) if (fact := fact_of(entry)) is not None]
