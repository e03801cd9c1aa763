"""What the desk's bench says can be read, and says what is over its bar."""

from .desk import Hour, cost_rows, hour_rows, start_row
from .submission import Round


def test_each_row_says_whether_it_is_within_its_bar() -> None:
    bare, dear = Round([1.0] * 100, [1.0] * 100), Round([3.0] * 100, [1.0] * 100)
    assert cost_rows([bare], [bare])[0].endswith("within")
    assert cost_rows([bare], [dear])[0].endswith("OVER ITS BAR")
    good = hour_rows(Hour(3_600, 300.0, 20, 70, 12, 100 << 20, 105 << 20))
    bad = hour_rows(Hour(3_600, 300.0, 51, 70, 12, 100 << 20, 120 << 20))
    assert [row.endswith("within") for row in good] == [True, True]
    assert [row.endswith("OVER ITS BAR") for row in bad] == [True, True]
    assert "× 1.050" in good[1]
    assert start_row([1.0, 1.5, 9.0]).endswith("within")
