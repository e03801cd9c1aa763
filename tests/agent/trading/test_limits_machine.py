"""The limits on a real journal: whatever comes in whatever order, no sum ever passes its limit.

Orders, bursts, outcomes, settlements, resolutions, restarts, and steps of both clocks, in a zone with summer time. The
sums are made anew here, in the plainest way, from what the journal says in the end.
"""

import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from agent.model.account import Owner
from agent.model.clock import HubTime
from agent.model.engine import Conclusion, Entry, Mode, Settlement, State, Submission
from agent.model.events import Events
from agent.model.tally import fact_of
from agent.trading.controls import Controls
from agent.trading.journal import Journal
from agent.trading.spent import Spent
from agent.trading.terms import Approved, ControlledTerms
from protocol.messages import INCREMENT_SECONDS, INCREMENTS, Increment, Order

OWNER = Owner("http://127.0.0.1:8000", "alice")
ZONE = ZoneInfo("Europe/Berlin")
STARTS = [datetime(2026, month, day, 22, 30, tzinfo=ZONE) for month, day in ((3, 28), (10, 24), (11, 25))]
RATIO = Decimal("0.80")
LIMITS = {
    "orders_per_hour": 3,
    "orders_per_day": 6,
    "open_positions": 3,
    "stake_per_day": 40,
    "loss_per_day": 21,
    "fall_from_peak": 17,
    "gap_s": 60,
}
SOMETIMES = st.fixed_dictionaries({}, optional={key: st.just(value) for key, value in LIMITS.items()})


class LimitsMachine(RuleBasedStateMachine):
    """One trader's account, its clocks, and its end."""

    def __init__(self) -> None:
        super().__init__()
        memory = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(prefix="limits-", dir=memory if memory.is_dir() else None))
        self.hub_ms = self.wall_ms = 0
        self.number = 0
        self.limits: dict[str, int] = {}
        self.open = False

    @initialize(limits=SOMETIMES, start=st.sampled_from(STARTS), skew_ms=st.sampled_from([0, 7_000, -86_400_000]))
    def begin(self, limits: dict[str, int], start: datetime, skew_ms: int) -> None:
        self.limits = limits
        self.hub_ms = round(start.timestamp() * 1000)
        self.wall_ms = self.hub_ms + skew_ms
        self._open()
        for key, value in {**limits, "timezone": ZONE.key, "stake": 5, "stake.ONE_HOUR": 7}.items():
            self.controls.set_rule(key, str(value))

    def _open(self) -> None:
        self.journal = Journal(self.folder, OWNER)
        self.controls = Controls(self.folder, lambda: self.wall_ms)
        payouts: dict[Increment, Decimal] = dict.fromkeys(INCREMENTS, RATIO)
        spent, paper = Spent(self.journal), Mode.PAPER
        now_ms, events = (lambda: self.hub_ms), Events()
        self.terms = ControlledTerms(
            self.controls, spent, lambda: paper, "", payouts, now_ms, lambda _order: None, events
        )
        self.open = True

    def _close(self) -> None:
        self.journal.close()
        self.controls.close()
        self.open = False

    # what happens

    @rule(increment=st.sampled_from(INCREMENTS), burst=st.integers(1, 8))
    def orders_come(self, increment: Increment, burst: int) -> None:
        for _ in range(burst):
            self.number += 1
            order = Order(self.number, increment, "BTCUSDT", "LONG", 60, self.hub_ms, self.hub_ms + 60_000)
            self.journal.note_received(order, HubTime(self.hub_ms, 1), "paper", Mode.PAPER)
            answer = self.terms.of(order)
            if isinstance(answer, Approved):
                said = Submission("paper", Mode.PAPER, answer.stake, answer.ratio, self.hub_ms, self.wall_ms)
                self.journal.note_submitting(order.id, said)
            else:
                self.journal.note_outcome(order.id, Conclusion("rejected", self.hub_ms, answer.reason))

    @rule(outcome=st.sampled_from(["success", "success", "unknown", "failed"]))
    def the_exchange_answers(self, outcome: str) -> None:
        for entry in self.journal.in_state(State.SUBMITTING):
            self.journal.note_outcome(entry.order.id, Conclusion(outcome, self.hub_ms))  # type: ignore[arg-type]

    @rule(outcome=st.sampled_from(["success", "failed"]))
    def it_is_known_what_became_of_one(self, outcome: str) -> None:
        for entry in self.journal.unknown()[:1]:
            end = Conclusion(outcome, self.hub_ms, resolved_by="person")  # type: ignore[arg-type]
            self.journal.note_outcome(entry.order.id, end)

    @rule(results=st.lists(st.sampled_from(["won", "lost", "lost", "tie"]), min_size=1), is_sure=st.booleans())
    def positions_end(self, results: list[str], is_sure: bool) -> None:
        for entry, result in zip(self._due(), results, strict=False):  # an estimate may turn out to have been wrong
            stake = entry.stake or Decimal(0)
            profit = {"won": stake * RATIO, "lost": -stake, "tie": Decimal(0)}[result]
            self._settle(entry, result, "confirmed" if is_sure else "estimated", profit)

    @rule()
    def every_estimate_was_wrong(self) -> None:
        for entry in self._due():
            if entry.source == "estimated":
                self._settle(entry, "lost", "confirmed", -(entry.stake or Decimal(0)))

    def _settle(self, entry: Entry, result: str, source: str, profit: Decimal) -> None:
        at_ms = (entry.submitted_wall_ms or 0) + INCREMENT_SECONDS[entry.order.time_increments] * 1000
        self.journal.note_settled(entry.order.id, Settlement(at_ms, result, source, profit))  # type: ignore[arg-type]

    def _due(self) -> list[Entry]:
        facts = ((entry, fact_of(entry)) for entry in self.journal.unsettled())
        return [entry for entry, fact in facts if fact is not None and fact.ends_ms <= self.hub_ms]

    @rule(minutes=st.sampled_from([1, 10, 30, 61, 300, 1_440]))
    def time_passes(self, minutes: int) -> None:
        self.hub_ms += minutes * 60_000
        self.wall_ms += minutes * 60_000

    @rule(hours=st.sampled_from([-100, -24, -1, 1, 24, 100]))
    def the_computers_clock_is_set(self, hours: int) -> None:
        self.wall_ms += hours * 3_600_000

    @rule(minutes=st.sampled_from([-1_500, -90, -10]))
    def the_hubs_clock_is_set_back(self, minutes: int) -> None:
        self.hub_ms += minutes * 60_000

    @rule()
    def it_is_killed_and_started_again(self) -> None:
        self._close()
        self._open()

    # what must hold

    @invariant()
    def no_sum_passes_its_limit(self) -> None:
        if not self.open:
            return
        placed = [entry for entry in self.journal.spent_since(0) if fact_of(entry) is not None]
        days, ends = _by_day(placed, ends=False), _by_day(placed, ends=True)
        self._at_most("orders_per_day", (len(day) for day in days.values()))
        self._at_most("stake_per_day", (sum(entry.stake or 0 for entry in day) for day in days.values()))
        self._at_most("loss_per_day", (_loss(day) for day in [*days.values(), *ends.values()]))
        self._at_most("fall_from_peak", (_fall(day) for day in ends.values()))
        moments = [entry.submitted_ms or 0 for entry in placed]
        self._at_most("orders_per_hour", (sum(at <= one < at + 3_600_000 for one in moments) for at in moments))
        self._at_most("open_positions", (_open_at(placed, at) for at in moments))

    def _at_most(self, key: str, sums: Iterable[Decimal | int]) -> None:
        limit = self.limits.get(key)
        assert limit is None or all(one <= limit for one in sums), key

    def teardown(self) -> None:
        if self.open:
            self._close()
        shutil.rmtree(self.folder)


def _by_day(entries: list[Entry], *, ends: bool) -> dict[date, list[Entry]]:
    days: dict[date, list[Entry]] = defaultdict(list)
    for entry in entries:
        fact = fact_of(entry)
        assert fact is not None
        at = fact.ends_ms if ends else fact.placed_ms
        days[datetime.fromtimestamp(at / 1000, ZONE).date()].append(entry)
    return days


def _loss(day: list[Entry]) -> Decimal:
    return -sum((entry.profit or Decimal(0) for entry in day), Decimal(0))


def _fall(day: list[Entry]) -> Decimal:
    """The deepest fall from the highest before it."""
    profit = peak = fall = Decimal(0)
    for entry in sorted(day, key=lambda entry: ((fact_of(entry) or 0).ends_ms, entry.order.id)):  # type: ignore[union-attr]
        profit += entry.profit or Decimal(0)
        peak = max(peak, profit)
        fall = max(fall, peak - profit)
    return fall


def _open_at(entries: list[Entry], at_ms: int) -> int:
    facts = [fact for entry in entries if (fact := fact_of(entry)) is not None]
    return sum(fact.result is None and fact.placed_ms <= at_ms < fact.ends_ms for fact in facts)


TestLimitsMachine = LimitsMachine.TestCase
TestLimitsMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
