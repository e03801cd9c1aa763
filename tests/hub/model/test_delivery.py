"""The life of one order at one user: no path hands it to two devices, none leaves it without an outcome.

First the table on its own, as a state machine under hypothesis; then the ledger and its SQL against the table: a
history of facts, batched anyhow, must leave the same row on SQLite and on MariaDB as folding it with `delivery.apply`.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hub.clock import now_ms
from hub.model.delivery import (
    MOVES,
    OVERDUE,
    REPORTING_MS,
    UNHEARD,
    Acked,
    Claimed,
    Delivery,
    Event,
    GraceOver,
    IllegalMove,
    Lost,
    NotOwner,
    Reported,
    Sent,
    State,
    WindowOver,
    apply,
    handed_out,
    is_in_window,
    may_replace,
    takes_reports,
)
from hub.model.records import AssignmentRow, Draft
from hub.orders.facts import ChunkSent
from hub.orders.ledger import Ledger
from hub.store import Store
from hub.store.migrations import migrate
from protocol.messages import FACTS, OUTCOMES, Order, Outcome
from tests.services.fixtures import Stores

DEVICES = ("phone", "laptop", "poll:7")
WINDOW_MS = 1_000
GRACE_MS = 500

devices = st.sampled_from(DEVICES)
outcomes = st.sampled_from(OUTCOMES)


class OneOrderOfOneUser(RuleBasedStateMachine):
    """Three devices, a claim (Redis, which may lose its data), and one delivery."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.delivery = Delivery(1, 7)
        self.claim: str | None = None
        self.handed: set[str] = set()
        self.outcome_before: Outcome | None = None
        self.is_swept = False

    def move(self, event: Event) -> None:
        before, self.delivery = self.delivery, apply(self.delivery, event)
        if before.outcome is not None and before.outcome != self.delivery.outcome:
            assert isinstance(event, Reported)
            assert before.outcome == "expired" or self.delivery.outcome in FACTS
            assert event.device_id == before.device_id
        assert before.acked_ms in (None, self.delivery.acked_ms)
        assert before.device_id in ("", self.delivery.device_id)
        assert before.claimed_ms in (None, self.delivery.claimed_ms)

    @property
    def is_open(self) -> bool:
        return self.now < WINDOW_MS

    @rule(device=devices)
    @precondition(lambda self: self.is_open)
    def a_device_comes(self, device: str) -> None:
        """As `claim.lua` and the catch-up do: claimed now, or this device's and not acknowledged: it gets the frame."""
        if self.claim is None:
            self.claim = device
            self.move(Claimed(device, self.now))
        if self.claim == device and self.delivery.acked_ms is None and self.delivery.outcome is None:
            self.move(Sent())
            self.handed.add(device)

    @rule()
    @precondition(lambda self: self.delivery.state is not State.OPEN)
    def the_connection_goes(self) -> None:
        self.move(Lost())

    @rule(device=devices)
    @precondition(lambda self: self.delivery.state is not State.OPEN)
    def an_ack(self, device: str) -> None:
        self._fact(device, Acked(device, self.now))

    @rule(device=devices, outcome=outcomes)
    @precondition(lambda self: self.delivery.state is not State.OPEN)
    def a_report(self, device: str, outcome: Outcome) -> None:
        before = self.delivery
        self._fact(device, Reported(device, outcome, self.now, "words", {"n": self.now}))
        if device == self.claim:
            replaces = may_replace(before.outcome, outcome, is_presumed=before.is_presumed)
            assert self.delivery.outcome == (outcome if replaces else before.outcome)

    def _fact(self, device: str, event: Acked | Reported) -> None:
        if device == self.claim:
            self.move(event)
        else:
            with pytest.raises(NotOwner):
                apply(self.delivery, event)

    @rule(device=devices)
    @precondition(lambda self: self.delivery.state is State.OPEN)
    def a_fact_of_nobodys_order_is_a_bug(self, device: str) -> None:
        for event in (Acked(device, self.now), Reported(device, "success", self.now), Sent(), Lost()):
            with pytest.raises(IllegalMove):
                apply(self.delivery, event)

    @rule(device=devices)
    @precondition(lambda self: self.delivery.state is not State.OPEN)
    def a_second_claim_is_a_bug(self, device: str) -> None:
        with pytest.raises(IllegalMove):
            apply(self.delivery, Claimed(device, self.now))

    @rule()
    def redis_loses_its_data(self) -> None:
        """Claims are restored from the rows before anything else is claimed."""
        self.claim = self.delivery.device_id or None

    @rule(step=st.sampled_from([1, 400, 5_000]))
    def time_passes(self, step: int) -> None:
        self.now += step

    @rule()
    @precondition(lambda self: not self.is_open)
    def the_sweep(self) -> None:
        before = self.delivery
        self.move(WindowOver())
        if before.state is State.CLAIMED:
            assert (self.delivery.outcome, self.delivery.message) == ("expired", OVERDUE)
        else:
            assert self.delivery.outcome == before.outcome

    @rule()
    @precondition(lambda self: self.now >= WINDOW_MS + GRACE_MS)
    def the_sweep_after_the_grace(self) -> None:
        before = self.delivery
        self.move(GraceOver())
        self.is_swept = True
        if before.state in (State.SENT, State.ACKED):
            assert (self.delivery.outcome, self.delivery.message) == ("unknown", UNHEARD)

    @invariant()
    def one_device_has_it(self) -> None:
        assert len(self.handed) <= 1
        assert self.handed <= {self.delivery.device_id}

    @invariant()
    def what_is_over_has_an_outcome(self) -> None:
        if self.is_swept and self.claim is not None:
            assert self.delivery.outcome is not None
        assert (self.delivery.state is State.DONE) == (self.delivery.outcome is not None)

    @invariant()
    def what_is_known_fits_the_state(self) -> None:
        delivery = self.delivery
        assert (delivery.state is State.OPEN) == (delivery.device_id == "")
        assert delivery.state is not State.ACKED or delivery.acked_ms is not None
        assert delivery.executed_ms is None or delivery.outcome is not None
        assert not delivery.is_presumed or delivery.outcome in ("expired", "unknown")


OneOrderOfOneUser.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestOneOrderOfOneUser = OneOrderOfOneUser.TestCase


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize(
    "event", [Claimed("d", 1), Sent(), Lost(), Acked("d", 1), Reported("d", "success", 1), WindowOver(), GraceOver()]
)
def test_what_is_not_in_the_table_raises(state: State, event: Event) -> None:
    delivery = Delivery(1, 7, state, "d")
    if type(event) in MOVES[state]:
        assert apply(delivery, event).state is MOVES[state][type(event)]
    else:
        with pytest.raises(IllegalMove, match=f"{type(event).__name__} while {state.name}"):
            apply(delivery, event)


@pytest.mark.parametrize(("was_sent", "event"), [(True, Sent()), (False, Lost())])
def test_handing_out_in_one_step_is_the_table(was_sent: bool, event: Event) -> None:
    assert handed_out(1, 7, "d", 5, was_sent) == apply(apply(Delivery(1, 7), Claimed("d", 5)), event)


@pytest.mark.parametrize("is_presumed", [False, True])
def test_unknown_gives_way_to_a_fact_and_never_to_expired(is_presumed: bool) -> None:
    """An agent that says `expired` later may be a copy of the one that submitted it."""
    replaces = [outcome for outcome in OUTCOMES if may_replace("unknown", outcome, is_presumed=is_presumed)]
    assert replaces == ["success", "failed", "rejected", *(["unknown"] if is_presumed else [])]


def test_a_report_says_that_the_device_has_the_order_also_where_the_outcome_stays() -> None:
    """As the upsert has it, which keeps the first time that a device said so."""
    presumed = apply(handed_out(1, 7, "d", 5, was_sent=True), GraceOver())
    assert (presumed.outcome, presumed.is_presumed, presumed.acked_ms) == ("unknown", True, None)
    reported = apply(presumed, Reported("d", "expired", 9))
    assert (reported.outcome, reported.is_presumed, reported.acked_ms) == ("unknown", True, 9)


def test_the_windows_end_is_outside_and_results_have_an_hour_more() -> None:
    order = Order(1, "TEN_MINUTE", "BTCUSDT", "LONG", 60, 1_000, 61_000)
    assert is_in_window(order, 60_999)
    assert not is_in_window(order, 61_000)
    assert takes_reports(61_000, 61_000 + REPORTING_MS - 1)
    assert not takes_reports(61_000, 61_000 + REPORTING_MS)


# the ledger and its SQL


@dataclass(frozen=True)
class Handed:
    """The ledger's own event: a chunk in which this user's frame went out, or did not."""

    device_id: str
    at_ms: int
    was_sent: bool


@dataclass(frozen=True)
class Holder:
    user_id: int
    device_id: str
    journal: str | None = None


Fact = Handed | Acked | Reported | WindowOver | GraceOver

times = st.integers(1_700_000_000_000, 1_800_000_000_000)
messages = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
data = st.none() | st.dictionaries(messages, st.integers() | messages | st.none(), max_size=2)
facts: st.SearchStrategy[Fact] = st.one_of(
    st.builds(Handed, st.just("phone"), times, st.booleans()),
    st.builds(Acked, st.just("phone"), times),
    st.builds(Reported, st.just("phone"), outcomes, times, messages, data),
    st.builds(WindowOver),
    st.builds(GraceOver),
)
strangers: st.SearchStrategy[Fact] = st.one_of(
    st.builds(Acked, st.just("laptop"), times),
    st.builds(Reported, st.just("laptop"), outcomes, times, messages, data),
)
histories = st.tuples(
    st.builds(Handed, st.just("phone"), times, st.booleans()) | st.builds(Acked, st.just("phone"), times),
    st.lists(st.lists(facts, min_size=1, max_size=4) | strangers.map(lambda fact: [fact]), max_size=5),
).map(lambda history: [[history[0]], *history[1]])


def folded(order_id: int, user_id: int, history: list[list[Fact]]) -> tuple[Delivery, bool]:
    """The delivery by the table, and whether its frame went out."""
    delivery, was_sent = Delivery(order_id, user_id, State.CLAIMED, "phone"), False
    for fact in (fact for batch in history for fact in batch):
        if isinstance(fact, Handed):
            was_sent = was_sent or (fact.was_sent and delivery.outcome is None)
            delivery = apply(delivery, Sent() if fact.was_sent else Lost())
        elif isinstance(fact, WindowOver | GraceOver) or fact.device_id == "phone":
            delivery = apply(delivery, fact)
    return delivery, was_sent or delivery.acked_ms is not None


async def written(store: Store, order_id: int, user_id: int, history: list[list[Fact]]) -> AssignmentRow:
    """The row after the ledger wrote each batch."""
    ledger = Ledger(store, now_ms)
    for batch in history:
        for fact in batch:
            match fact:
                case Handed(device_id, at_ms, was_sent):
                    unsent = frozenset[int]() if was_sent else frozenset({user_id})
                    ledger.sent(ChunkSent(order_id, at_ms, [Holder(user_id, device_id)], unsent))
                case Acked(device_id, at_ms):
                    ledger.acked(order_id, user_id, device_id, at_ms)
                case Reported():
                    ledger.reported(order_id, user_id, fact, lambda _verdict: None)
                case WindowOver():
                    await ledger.flush()
                    await store.assignments.close_unsent([order_id])
                case GraceOver():
                    await ledger.flush()
                    await store.assignments.close_unsent([order_id])
                    await store.assignments.close_unheard([order_id])
        await ledger.flush()
    return (await store.assignments.of_order(order_id, None, 0))[0][0]


def draft(**changes: Any) -> Draft:
    fields: dict[str, Any] = {
        "time_increments": "TEN_MINUTE",
        "symbol_name": "BTCUSDT",
        "direction": "LONG",
        "valid_duration": 60,
        "targets": None,
        "created_by": None,
        "idempotency_key": None,
    }
    return Draft(**fields | changes)


def test_the_written_row_is_the_folded_delivery(stores: Stores) -> None:
    migrate(stores.database_url)
    numbers = count()

    async def compare(store: Store, history: list[list[Fact]]) -> None:
        user_id = await store.users.create(f"user{next(numbers)}", "x", "trader", None, 0)
        order_id = (await store.orders.publish(draft(), 1))[0].order.id
        row = await written(store, order_id, user_id, history)
        delivery, was_sent = folded(order_id, user_id, history)
        assert (row.device_id, row.was_sent) == (delivery.device_id, was_sent)
        assert (row.acked_ms, row.executed_ms) == (delivery.acked_ms, delivery.executed_ms)
        assert (row.outcome, row.message) == (delivery.outcome, delivery.message)

    with asyncio.Runner() as runner:
        store = Store(stores.database_url)
        _given_each_history(lambda history: runner.run(compare(store, history)))
        runner.run(store.close())


def _given_each_history(check: Callable[[list[list[Fact]]], None]) -> None:
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(histories)
    def each(history: list[list[Fact]]) -> None:
        check(history)

    each()
