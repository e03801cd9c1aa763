"""What orders come to today: what is not certain counts as the worst."""

import random
from decimal import Decimal
from typing import Any

import pytest

from agent.model.engine import Mode
from agent.model.limits import Case, check
from agent.model.rules import Rules
from agent.model.tally import Fact, counting, tally

NOON_MS = 1_790_000_000_000
DAY_MS = 86_400_000
STAKE = Decimal(5)
WON = Decimal(4)


def fact(order_id: int, **changes: Any) -> Fact:
    at_ms = NOON_MS + order_id
    return Fact(order_id, Mode.LIVE, STAKE, at_ms, at_ms, **changes)


def estimated(order_id: int, result: Any = "won") -> Fact:
    return fact(order_id, result=result, profit={"won": WON, "lost": -STAKE, "tie": Decimal(0)}[result])


def confirmed(order_id: int, result: Any = "won") -> Fact:
    return fact(order_id, result=result, is_confirmed=True, profit=WON if result == "won" else -STAKE)


def refused_by(rules: Rules, *facts: Fact) -> str | None:
    now_ms = NOON_MS + 1_000
    refused = check(Case(rules, STAKE, tally(facts, Mode.LIVE, now_ms, rules), now_ms))
    return None if refused is None else refused.reason.code


@pytest.mark.parametrize("result", ["won", "tie"])
def test_an_estimate_may_turn_out_to_be_a_loss_and_its_stake_is_at_risk_until_it_is_confirmed(result: str) -> None:
    rules = Rules(loss_per_day=Decimal(9), timezone="UTC")
    assert refused_by(rules, estimated(1, result)) == "limit.loss_per_day"
    assert refused_by(rules, confirmed(1)) is None
    assert refused_by(rules) is None


def test_a_loss_that_is_estimated_counts_once() -> None:
    rules = Rules(loss_per_day=Decimal(10), timezone="UTC")
    assert refused_by(rules, estimated(1, "lost")) is None


def test_a_fall_is_not_made_smaller_by_a_gain_that_is_only_estimated() -> None:
    rules = Rules(fall_from_peak=Decimal(14), timezone="UTC")
    assert refused_by(rules, confirmed(1, "lost"), estimated(2)) == "limit.fall_from_peak"
    assert refused_by(rules, confirmed(1, "lost"), confirmed(2)) is None


def test_losses_in_a_row_end_with_a_win_that_is_certain() -> None:
    rules = Rules(losses_in_a_row=2, timezone="UTC")
    assert refused_by(rules, confirmed(1, "lost"), estimated(2)) == "limit.losses_in_a_row"
    assert refused_by(rules, confirmed(1, "lost"), confirmed(2)) is None


def a_fact(order_id: int, chance: random.Random) -> Fact:
    """Of the last five days, or of the next after a clock was set back."""
    at_ms = NOON_MS + chance.randrange(-5 * DAY_MS, DAY_MS)
    result = chance.choice([None, "won", "lost", "lost", "tie"])
    profit = {"won": WON, "lost": -STAKE}.get(result or "", Decimal(0))
    mode = chance.choice(list(Mode))
    return Fact(order_id, mode, STAKE, at_ms, at_ms + 600_000, result, chance.random() < 0.7, profit)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(20))
def test_what_is_left_out_as_old_makes_no_difference_to_any_later_tally(seed: int) -> None:
    chance = random.Random(seed)
    facts = [a_fact(number, chance) for number in range(chance.choice([5, 60, 400]))]
    left = counting(facts, NOON_MS)
    for later_ms in (0, DAY_MS // 2, 3 * DAY_MS):
        for rules in (Rules(), Rules(losses_in_a_row=3, pause_minutes=60)):
            for mode in Mode:
                now_ms = NOON_MS + later_ms
                assert tally(left, mode, now_ms, rules) == tally(facts, mode, now_ms, rules)
    assert len(facts) < 400 or len(left) < 300
