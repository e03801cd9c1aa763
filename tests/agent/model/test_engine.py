"""The table of an entry's states, and what answers and halts mean."""

import pytest

from agent.model import engine
from agent.model.engine import (
    MOVES,
    WHILE_UNKNOWN,
    Ambiguous,
    Halting,
    IllegalMove,
    NotSent,
    Refused,
    State,
    Submitted,
)
from agent.model.reasons import Reason
from protocol.messages import OUTCOMES, Order

NO = Reason("hub.said", {"said": "low balance"})
ORDER = Order(1, "TEN_MINUTE", "BTCUSDT", "LONG", 60, 1_000, 61_000)


def test_no_way_leads_back_to_submitting() -> None:
    for start in (State.SUBMITTING, State.DONE, State.REPORTED):
        assert State.SUBMITTING not in _reachable(start)


def test_every_way_that_ends_has_an_outcome() -> None:
    into_done = {step for moves in MOVES.values() for step, after in moves.items() if after is State.DONE}
    assert into_done == set(OUTCOMES)


@pytest.mark.parametrize(
    ("state", "step"),
    [
        (State.RECEIVED, "success"),
        (State.RECEIVED, "unknown"),
        (State.RECEIVED, "recorded"),
        (State.SUBMITTING, "submit"),
        (State.SUBMITTING, "rejected"),
        (State.SUBMITTING, "recorded"),
        (State.DONE, "submit"),
        (State.DONE, "success"),
        (State.REPORTED, "submit"),
    ],
)
def test_an_illegal_move_raises(state: State, step: engine.Move) -> None:
    with pytest.raises(IllegalMove):
        engine.move(state, step, "success")


@pytest.mark.parametrize("state", [State.DONE, State.REPORTED])
@pytest.mark.parametrize("fact", ["success", "failed"])
def test_unknown_becomes_a_fact_that_is_reported_and_no_fact_becomes_anything(state: State, fact: engine.Move) -> None:
    assert engine.move(state, fact, "unknown") is State.DONE
    for known in set(OUTCOMES) - {"unknown"}:
        with pytest.raises(IllegalMove):
            engine.move(state, fact, known)


def test_nothing_becomes_unknown_once_it_has_an_outcome() -> None:
    steps = {step for state in (State.DONE, State.REPORTED) for step in {**MOVES[state], **WHILE_UNKNOWN[state]}}
    assert steps == {"recorded", "success", "failed"}


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Submitted("x"), "success"),
        (Refused(NO), "failed"),
        (NotSent(NO), "failed"),
        (NotSent(NO, is_late=True), "expired"),
        (Ambiguous(NO), "unknown"),
    ],
)
def test_what_an_answer_means(answer: engine.Answer, outcome: str) -> None:
    assert engine.conclude(answer, 5).outcome == outcome


def test_a_long_reason_still_fits_into_a_message() -> None:
    assert len(engine.conclude(Refused(Reason("hub.said", {"said": "x" * 9_000})), 5).message) == 2_000


@pytest.mark.parametrize(
    ("now", "uncertainty", "is_open"),
    [(89, 10, True), (90, 10, False), (0, 101, False), (99, 0, True), (100, 0, False)],
)
def test_the_window_must_be_open_for_certain(now: int, uncertainty: int, is_open: bool) -> None:
    assert engine.may_submit(now, uncertainty, 100) is is_open


def test_only_the_newest_halt_counts() -> None:
    known = engine.after_halt(Halting(), 2, "crash")
    assert known == Halting(2, "crash")
    assert engine.after_halt(known, 1, "older") == known
    assert engine.after_resume(known, 1) == known
    assert engine.after_resume(known, 2) == Halting(2, None)


def test_an_order_is_the_same_up_to_a_databases_rounding() -> None:
    rounded = Order(1, "TEN_MINUTE", "BTCUSDT", "LONG", 60, 1_001, 61_001)
    other = Order(1, "TEN_MINUTE", "BTCUSDT", "SHORT", 60, 1_000, 61_000)
    later = Order(1, "TEN_MINUTE", "BTCUSDT", "LONG", 60, 9_000, 69_000)
    assert engine.is_same(ORDER, rounded)
    assert not engine.is_same(ORDER, other)
    assert not engine.is_same(ORDER, later)


def _reachable(start: State) -> set[State]:
    found: set[State] = set()
    todo = list(_after(start))
    while todo:
        state = todo.pop()
        if state not in found:
            found.add(state)
            todo.extend(_after(state))
    return found


def _after(state: State) -> set[State]:
    return {*MOVES[state].values(), *WHILE_UNKNOWN.get(state, {}).values()}
