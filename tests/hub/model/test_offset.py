"""The offset of another clock: bounds that always hold the truth, and the newest exchange wins over older ones."""

from hypothesis import given
from hypothesis import strategies as st

from hub.model.offset import DRIFT, KEPT, Offset

exchanges = st.lists(
    st.tuples(st.integers(0, 5_000), st.integers(0, 400), st.integers(0, 400)), min_size=1, max_size=3 * KEPT
)


@given(exchanges, st.integers(-(10**9), 10**9), st.floats(-DRIFT, DRIFT))
def test_the_truth_lies_within_whatever_the_network_does(
    steps: list[tuple[int, int, int]], ahead_ms: int, drift: float
) -> None:
    """Each exchange: a pause, the way there, the way back. The other clock is ahead and drifts."""
    offset, at = Offset(), 1_000_000

    def theirs(ours: float) -> float:
        return ours + ahead_ms + drift * (ours - 1_000_000)

    for pause, there, back in steps:
        asked = at + pause
        at = asked + there + back
        offset.sample(asked, int(theirs(asked + there) // 1), at)
        bounds = offset.bounds(at)
        assert bounds is not None
        assert bounds[0] - 1 <= theirs(at) - at <= bounds[1] + 1


def test_a_clock_that_was_put_right_is_believed_at_once() -> None:
    offset = Offset()
    for at in range(0, 5_000, 1_000):
        offset.sample(at, at + 6_000, at + 2)
    offset.sample(5_000, 5_100, 5_200)  # a slower exchange than those before, and newer
    bounds = offset.bounds(5_200)
    assert bounds is not None
    assert -110 <= bounds[0] <= bounds[1] <= 110


def test_what_is_known_is_worth_less_as_it_ages() -> None:
    offset = Offset()
    offset.sample(0, 1, 2)
    narrow, wide = offset.bounds(2), offset.bounds(10_000_000)
    assert narrow is not None
    assert wide is not None
    assert wide[1] - wide[0] > 1_900 > narrow[1] - narrow[0]
    assert Offset().bounds(0) is None
