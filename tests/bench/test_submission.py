"""The measurement itself: each order is measured once, and what it says can be read."""

from pathlib import Path

from .processes import Cores
from .submission import Round, Watch, measure, p99, table


def test_each_order_is_measured_once_and_beside_it_two_commits(tmp_path: Path) -> None:
    with Watch() as watch:
        one = measure(5, tmp_path, Cores.of_this_machine().load, watch)
    assert len(one.orders) == len(one.commits) == 5
    assert min(one.orders) > 0 < min(one.commits)


def test_the_row_says_whether_it_is_within_its_bars() -> None:
    good, bad = Round([1.0] * 100, [1.0] * 100), Round([5.0] * 100, [1.0] * 100)
    assert p99(good.orders) == 1.0
    assert table([good]).endswith("ratio 1.00 (at most 3): within its bars")
    assert table([bad]).endswith("ratio 5.00 (at most 3): OVER ITS BARS")
