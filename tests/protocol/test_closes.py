"""Close codes carry their policy; the table is DESIGN.md's."""

import pytest

from protocol.closes import CLOSES, close_for

RECONNECT = {1001, 1012, 4005, 4006, 4007}
STAY_AWAY = {1000, 4000, 4001, 4002, 4003, 4004}


def test_the_table_is_complete_and_every_code_is_unique() -> None:
    assert set(CLOSES) == RECONNECT | STAY_AWAY
    assert all(code == close.code for code, close in CLOSES.items())
    assert len({close.name for close in CLOSES.values()}) == len(CLOSES)


@pytest.mark.parametrize("code", sorted(RECONNECT | STAY_AWAY))
def test_each_code_says_whether_to_reconnect(code: int) -> None:
    assert close_for(code) is CLOSES[code]
    assert close_for(code).retry == (code in RECONNECT)


@pytest.mark.parametrize("code", [1002, 1006, 1007, 1009, 1011, 1013, 3000, 4999, 0, -1])
def test_a_code_that_is_not_ours_is_no_reason_to_stay_away(code: int) -> None:
    close = close_for(code)
    assert (close.code, close.retry) == (code, True)


def test_a_meaning_fits_into_a_close_frame() -> None:
    """RFC 6455 §5.5: a control frame carries 125 bytes, two of them the code."""
    assert all(len(close.meaning.encode()) <= 123 for close in CLOSES.values())
