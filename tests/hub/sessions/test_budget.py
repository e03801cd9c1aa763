"""What one session may say: a burst, then a rate; who wants more for long is told apart from who was away for long."""

from hub.sessions.budget import (
    BURST_BYTES,
    BURST_MESSAGES,
    BYTES_PER_S,
    CALM_S,
    EXCESS_S,
    MESSAGES_PER_S,
    WORK_AT_ONCE,
    Budget,
    Budgets,
    Work,
)

AFTER_AN_OUTAGE = 5_000


def wants(budget: Budget, now_s: float, messages: int = 1, size: int = 100) -> float:
    """Says so much at once; how long nothing more is heard."""
    budget.messages -= messages
    budget.bytes -= size
    return budget.wait_s(now_s)


def test_an_agent_repeats_all_its_acks_results_and_settlements_after_an_outage_at_once() -> None:
    assert wants(Budget(0.0), 0.0, messages=3 * AFTER_AN_OUTAGE, size=3 * AFTER_AN_OUTAGE * 1_000) == 0


def test_what_is_over_the_burst_is_heard_at_the_rate() -> None:
    budget = Budget(0.0)
    assert wants(budget, 0.0, messages=BURST_MESSAGES) == 0
    assert wants(budget, 0.0, messages=MESSAGES_PER_S) == 1
    assert wants(budget, 1.0, messages=0) == 0


def test_bytes_are_counted_as_messages_are() -> None:
    budget = Budget(0.0)
    assert wants(budget, 0.0, size=BURST_BYTES) == 0
    assert wants(budget, 0.0, size=2 * BYTES_PER_S) == 2


def test_a_long_silence_fills_it_once() -> None:
    budget = Budget(0.0)
    assert wants(budget, 1e6, messages=BURST_MESSAGES + 1) == 0
    assert wants(budget, 1e6, messages=BURST_MESSAGES + MESSAGES_PER_S) == 1


def test_who_wants_more_for_long_exceeds_it_and_who_pauses_begins_anew() -> None:
    budget = Budget(0.0)
    wants(budget, 0.0, messages=BURST_MESSAGES)
    now_s = 0.0
    while not budget.is_exceeded(now_s):
        assert now_s <= EXCESS_S + 2
        now_s += wants(budget, now_s, messages=MESSAGES_PER_S)
    assert now_s > EXCESS_S
    now_s += CALM_S + 1
    wants(budget, now_s, messages=BURST_MESSAGES)
    assert not budget.is_exceeded(now_s)


def test_who_is_heard_at_its_rate_exceeds_nothing() -> None:
    budget = Budget(0.0)
    budget.messages = 0
    for second in range(1, 100):
        assert wants(budget, float(second), messages=MESSAGES_PER_S) == 0


def test_a_new_connection_of_the_same_user_gets_no_new_burst() -> None:
    budgets = Budgets()
    wants(budgets.of(1, 0.0), 0.0, messages=BURST_MESSAGES)
    assert wants(budgets.of(1, 1.0), 1.0, messages=2 * MESSAGES_PER_S) == 1
    assert wants(budgets.of(2, 1.0), 1.0, messages=BURST_MESSAGES) == 0


def test_reading_is_held_while_a_session_has_all_the_work_under_way_that_it_may() -> None:
    held: list[bool] = []
    work = Work(held.append)
    for _ in range(WORK_AT_ONCE + 2):
        work.begin()
    assert held == [True]
    for _ in range(3):
        with work:
            pass
    assert held == [True, False]
