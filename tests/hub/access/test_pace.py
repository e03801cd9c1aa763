"""A trader who asks without end over HTTP waits for its turn, and costs nobody else one."""

import pytest

from hub.access.pace import BURST, LONGEST_WAIT_S, PER_S, Pace
from hub.errors import Refusal


def test_a_burst_is_answered_at_once_and_what_follows_at_its_rate() -> None:
    pace = Pace()
    assert {pace.wait_s(7, 0.0) for _ in range(BURST)} == {0.0}
    assert [pace.wait_s(7, 0.0) for _ in range(3)] == pytest.approx([1 / PER_S, 2 / PER_S, 3 / PER_S])
    assert pace.wait_s(8, 0.0) == 0.0, "another trader"


def test_who_is_refused_takes_no_turn_and_is_told_when_to_come_back() -> None:
    pace = Pace()
    waits = [pace.wait_s(7, 0.0) for _ in range(BURST + round(LONGEST_WAIT_S * PER_S))]
    assert waits[-1] == LONGEST_WAIT_S
    with pytest.raises(Refusal) as refused:
        pace.wait_s(7, 0.0)
    assert refused.value.status == 429
    assert refused.value.retry_after_s == 6
    for _ in range(1_000):
        with pytest.raises(Refusal):
            pace.wait_s(7, 0.0)
    assert pace.wait_s(7, 0.1) == pytest.approx(LONGEST_WAIT_S - 0.1 + 1 / PER_S)


def test_a_pause_gives_a_new_burst_and_no_more() -> None:
    pace = Pace()
    for _ in range(BURST + 10):
        pace.wait_s(7, 0.0)
    assert sum(pace.wait_s(7, 3_600.0) == 0 for _ in range(BURST + 10)) == BURST


def test_of_a_crowd_that_came_once_nothing_is_kept() -> None:
    pace = Pace()
    for user_id in range(1_000):
        pace.wait_s(user_id, 0.0)
    assert len(pace._left) == 1_000
    pace.wait_s(7, 1.0)
    assert list(pace._left) == [7]
