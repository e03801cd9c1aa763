"""The rules: how their values are written, and which of two is the stricter."""

from decimal import Decimal
from typing import Any

import pytest

from agent.model.rules import KINDS, BadRule, Rules, canonical, is_looser, rules_of, stricter, written

WRITTEN = {
    "min_stake": ("5.0", "5"),
    "max_stake": ("1e2", "100"),
    "step": ("0.5", "0.5"),
    "symbols": ("ethusdt, BTCUSDT", "BTCUSDT,ETHUSDT"),
    "increments": ("one_hour,TEN_MINUTE", "ONE_HOUR,TEN_MINUTE"),
    "directions": ("long", "LONG"),
    "min_payout": ("0.80", "0.80"),
    "orders_per_hour": ("2", "2"),
    "orders_per_day": (" 30 ", "30"),
    "open_positions": ("3", "3"),
    "stake_per_day": ("500", "500"),
    "loss_per_day": ("50.50", "50.5"),
    "losses_in_a_row": ("3", "3"),
    "pause_minutes": ("60", "60"),
    "gap_s": ("5", "5"),
    "quiet_hours": ("22:00-6:00, 12:00-13:30", "22:00-06:00,12:00-13:30"),
    "weekdays": ("fri-mon,wed", "mon,wed,fri,sat,sun"),
    "profit_per_day": ("100", "100"),
    "fall_from_peak": ("20", "20"),
    "max_move": ("0.20", "0.2"),
    "timezone": ("Asia/Shanghai", "Asia/Shanghai"),
}


@pytest.mark.parametrize("key", sorted(KINDS))
def test_a_value_has_one_spelling_and_comes_back_as_it_was_written(key: str) -> None:
    text, spelled = WRITTEN[key]
    assert canonical(key, text) == spelled
    rules = rules_of({key: spelled})
    assert written(rules, key) == spelled
    assert canonical(key, "off") is None
    assert written(Rules(), key) is None


@pytest.mark.parametrize(
    ("key", "text", "takes"),
    [
        ("loss_per_day", "0", "amount over 0"),
        ("loss_per_day", "-5", "amount over 0"),
        ("loss_per_day", "NaN", "amount over 0"),
        ("loss_per_day", "1e999999", "amount over 0"),
        ("loss_per_day", "1e-999999", "amount over 0"),
        ("loss_per_day", "much", "amount over 0"),
        ("orders_per_day", "0", "whole number"),
        ("orders_per_day", "2.5", "whole number"),
        ("symbols", "BTC/USDT", "BTCUSDT"),
        ("increments", "ONE_WEEK", "TEN_MINUTE"),
        ("directions", "UP", "LONG"),
        ("quiet_hours", "22-06", "22:00-06:00"),
        ("quiet_hours", "22:00-22:00", "22:00-06:00"),
        ("quiet_hours", "22:60-23:00", "22:00-06:00"),
        ("quiet_hours", "00:00-25:00", "22:00-06:00"),
        ("weekdays", "someday", "mon-fri"),
        ("weekdays", "", "mon-fri"),
        ("timezone", "Mars/Olympus", "Asia/Shanghai"),
        ("timezone", "../etc/passwd", "Asia/Shanghai"),
        ("timezone", "Asia", "Asia/Shanghai"),
        ("stake.BTC", "5", "stake.SYMBOL"),
        ("stake.BTCUSDT.ONE_WEEK", "5", "stake.SYMBOL"),
        ("stake", "five", "amount over 0"),
        ("loss_per_week", "5", "no such rule"),
    ],
)
def test_what_is_not_understood_is_refused_with_what_the_rule_takes(key: str, text: str, takes: str) -> None:
    with pytest.raises(BadRule) as refused:
        canonical(key, text)
    assert refused.value.key == key
    assert takes in refused.value.takes


@pytest.mark.parametrize("texts", [{"loss_per_day": "much"}, {"of_tomorrow": "1"}])
def test_kept_rules_that_are_not_understood_are_not_passed_over(texts: dict[str, str]) -> None:
    with pytest.raises(BadRule):
        rules_of(texts)


def test_a_whole_day_of_quiet_ends_at_midnight() -> None:
    assert rules_of({"quiet_hours": "18:00-24:00"}).quiet_hours == ((18 * 60, 0),)


def test_where_two_bound_the_stricter_holds() -> None:
    settings = Rules(Decimal(5), Decimal(200), frozenset({"BTCUSDT", "ETHUSDT"}), stakes={"": Decimal(5)})
    own = Rules(Decimal(2), Decimal(100), frozenset({"ETHUSDT", "SOLUSDT"}), stakes={"ETHUSDT": Decimal(7)})
    holds = stricter(settings, own)
    assert (holds.min_stake, holds.max_stake, holds.symbols) == (5, 100, {"ETHUSDT"})
    assert holds.stakes == {"": 5, "ETHUSDT": 7}
    assert stricter(settings, Rules()) == settings


@pytest.mark.parametrize(
    ("key", "old", "new", "looser"),
    [
        ("loss_per_day", "50", "60", True),
        ("loss_per_day", "50", None, True),
        ("loss_per_day", "50", "40", False),
        ("loss_per_day", None, "40", False),
        ("losses_in_a_row", "9", "10", True),
        ("pause_minutes", None, "60", True),
        ("pause_minutes", "60", "30", True),
        ("pause_minutes", "60", "90", False),
        ("pause_minutes", "60", None, False),
        ("timezone", None, "Asia/Shanghai", True),
        ("timezone", "UTC", "UTC", False),
    ],
)
def test_looser_is_what_lets_more_through(key: str, old: Any, new: Any, looser: bool) -> None:
    assert is_looser(key, old, new) is looser
