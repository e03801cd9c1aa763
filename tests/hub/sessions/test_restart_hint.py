"""When agents are asked to come back to a hub that restarts."""

from hub.sessions.restart_hint import ENDING_S, RECONNECTS_A_SECOND, SLOWER, RestartHint

MANY = 10 * RECONNECTS_A_SECOND


def waits(hint: RestartHint, connections: int) -> list[int]:
    return [hint.wait_ms(connections) for _ in range(connections)]


def test_they_come_spread_over_what_a_process_takes() -> None:
    hint = RestartHint()
    hint.is_covered = True
    asked = waits(hint, MANY)
    assert min(asked) >= 0
    assert max(asked) <= MANY * 1_000 // RECONNECTS_A_SECOND
    seconds = [sum(second * 1_000 <= wait < (second + 1) * 1_000 for wait in asked) for second in range(10)]
    assert max(seconds) < 1.2 * RECONNECTS_A_SECOND


def test_nobody_comes_before_the_only_hub_can_be_back() -> None:
    hint = RestartHint()
    hint.start_s = 1.5
    gap_ms = round((ENDING_S + SLOWER * 1.5) * 1_000)
    assert hint.wait_ms(0) == gap_ms
    assert min(waits(hint, MANY)) >= gap_ms
    hint.is_covered = True
    assert hint.wait_ms(0) == 0
