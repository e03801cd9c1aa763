"""A login lasts 24 hours."""

from agent.model.session_timer import SESSION_MS, SessionTimer

START = 1_000_000


def test_it_is_over_after_24_hours_and_not_before() -> None:
    timer = SessionTimer(START)
    assert SESSION_MS == 24 * 60 * 60 * 1000
    assert not timer.is_over(START + SESSION_MS - 1)
    assert timer.is_over(START + SESSION_MS)
    assert timer.left_ms(START + SESSION_MS + 5) == 0


def test_a_clock_set_back_gives_no_more_than_the_whole_length() -> None:
    assert SessionTimer(START).left_ms(START - 999_999) == SESSION_MS
