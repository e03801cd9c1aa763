"""A log whose ids can appear out of order: every change is taken once, also one that commits late."""

from hypothesis import given
from hypothesis import strategies as st

from hub.model.cursor import GAP_MS, Cursor


def test_an_id_that_appears_after_a_higher_one_is_found() -> None:
    cursor = Cursor(10, range(1, 11), 0)
    assert cursor.take([(12, 7)], 0) == [(12, 7)]
    assert cursor.low == 10
    assert cursor.take([(11, 8), (12, 7)], GAP_MS - 1) == [(11, 8)]
    assert cursor.low == 12


def test_an_id_that_never_appears_is_given_up() -> None:
    cursor = Cursor(10, range(1, 11), 0)
    cursor.take([(12, 7)], 0)
    assert cursor.take([(12, 7)], GAP_MS) == []
    assert cursor.low == 12


def test_what_is_not_committed_yet_when_a_reader_starts_is_found() -> None:
    cursor = Cursor(10, [*range(1, 9), 10], 0)
    assert cursor.low == 8
    assert cursor.take([(9, 7), (10, 7)], 1) == [(9, 7)]
    assert cursor.low == 10


@given(st.lists(st.sets(st.integers(1, 40), max_size=8), max_size=20))
def test_whatever_the_order_of_commits_each_is_taken_once(looks: list[set[int]]) -> None:
    cursor, there, taken = Cursor(0, [], 0), set[int](), list[int]()
    for at, committed in enumerate(looks):
        there |= committed
        rows = [(change, change) for change in sorted(there) if change > cursor.low]
        taken += [change for change, _ in cursor.take(rows, at)]
    assert sorted(taken) == sorted(there)
