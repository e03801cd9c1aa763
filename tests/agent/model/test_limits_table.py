"""Each limit: the last order that it lets through, and the first that it refuses, with its words."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from agent.model import limits
from agent.model.engine import Entry, Mode, State
from agent.model.limits import Case
from agent.model.rules import Rules, rules_of, stricter
from agent.model.tally import Fact, Tally, fact_of, tally
from agent.model.usage import next_refusal, usage
from protocol.messages import Order

MINUTE = 60_000
NOW = round(datetime(2026, 11, 25, 12, 0, tzinfo=ZoneInfo("UTC")).timestamp() * 1000)
ORDER = Order(1, "TEN_MINUTE", "BTCUSDT", "LONG", 60, NOW, NOW + MINUTE)


def fact(ago_min: float, result: Any = None, stake: int = 10, **more: Any) -> Fact:
    """An order of so many minutes ago, over ten minutes later."""
    placed = NOW - round(ago_min * MINUTE)
    gained = {"won": Decimal("0.8") * stake, "lost": Decimal(-stake), "tie": Decimal(0), None: Decimal(0)}[result]
    number = round(1000 - ago_min)
    return Fact(
        number, Mode.PAPER, Decimal(stake), placed, placed + 10 * MINUTE, result, more.get("sure", True), gained
    )


def refusal(texts: Mapping[str, str], *facts: Fact, **more: Any) -> str | None:
    rules = rules_of({"timezone": "UTC", **texts})
    now = more.pop("now", NOW)
    given: dict[str, Any] = {"stake": Decimal(10), "order": ORDER, "ratio": Decimal("0.80"), **more}
    refused = limits.check(Case(rules=rules, tally=tally(facts, Mode.PAPER, now, rules), now_ms=now, **given))
    return None if refused is None else refused.reason.text()


def moved(by: str | None) -> Any:
    return lambda _order: None if by is None else Decimal(by)


OPEN, SPENT = fact(5), fact(30, "won")

TABLE: list[tuple[dict[str, str], list[Fact], dict[str, Any], str | None]] = [
    ({"symbols": "BTCUSDT"}, [], {}, None),
    ({"symbols": "ETHUSDT"}, [], {}, "only ETHUSDT"),
    ({"increments": "TEN_MINUTE"}, [], {}, None),
    ({"increments": "ONE_DAY"}, [], {}, "increments: TEN_MINUTE is not allowed here, only ONE_DAY"),
    ({"directions": "SHORT"}, [], {}, "directions: LONG is not allowed here, only SHORT"),
    ({"min_payout": "0.80"}, [], {}, None),
    ({"min_payout": "0.81"}, [], {}, "min_payout: the ratio 0.80 is under 0.81"),
    ({"step": "5"}, [], {}, None),
    ({"step": "3"}, [], {}, "not a multiple of 3"),
    ({"min_stake": "11"}, [], {}, "under the minimum of 11"),
    ({"max_stake": "9"}, [], {}, "over the maximum of 9"),
    ({"weekdays": "wed"}, [], {}, None),
    ({"weekdays": "mon,tue"}, [], {}, "weekdays: no trading on wed, only on mon,tue"),
    ({"weekdays": "wed", "timezone": "Pacific/Kiritimati"}, [], {}, "no trading on thu"),
    ({"quiet_hours": "22:00-06:00"}, [], {}, None),
    ({"quiet_hours": "11:00-12:00"}, [], {}, None),
    ({"quiet_hours": "12:00-12:01"}, [], {}, "quiet_hours: no trading within 12:00-12:01"),
    ({"quiet_hours": "22:00-12:30"}, [], {}, "no trading within 22:00-12:30"),
    ({"quiet_hours": "19:00-21:00", "timezone": "Asia/Shanghai"}, [], {}, "19:00-21:00"),
    ({"gap_s": "300"}, [OPEN], {}, None),
    ({"gap_s": "301"}, [OPEN], {}, "gap_s: the last order was 300 s ago, at least 301 s"),
    ({"open_positions": "2"}, [OPEN, SPENT], {}, None),
    ({"open_positions": "1"}, [OPEN], {}, "open_positions: 1 are open, at most 1"),
    ({"open_positions": "1"}, [fact(10)], {}, None),
    ({"orders_per_hour": "2"}, [OPEN, fact(60, "won")], {}, None),
    ({"orders_per_hour": "2"}, [OPEN, SPENT], {}, "orders_per_hour: 2 in the last hour, at most 2"),
    ({"orders_per_day": "2"}, [SPENT, fact(721, "won")], {}, None),
    ({"orders_per_day": "2"}, [SPENT, fact(720, "won")], {}, "orders_per_day: 2 today, at most 2"),
    ({"stake_per_day": "30"}, [SPENT, OPEN], {}, None),
    ({"stake_per_day": "29"}, [SPENT, OPEN], {}, "stake_per_day: 20 today and 10 more, at most 29"),
    ({"loss_per_day": "20"}, [fact(30, "lost")], {}, None),
    ({"loss_per_day": "29"}, [fact(30, "lost"), OPEN], {}, "10 lost today, 10 at risk and 10 more, at most 29"),
    ({"loss_per_day": "12"}, [fact(40, "lost"), SPENT], {}, None),
    ({"loss_per_day": "12"}, [fact(40, "lost"), fact(30, "won", sure=False)], {}, "10 lost today"),
    ({"loss_per_day": "10"}, [SPENT], {}, None),
    ({"loss_per_day": "19"}, [fact(400)], {}, "10 at risk"),
    ({"loss_per_day": "10"}, [fact(9000)], {}, None),
    ({"loss_per_day": "19"}, [fact(725, "lost")], {}, "10 lost today"),
    ({"fall_from_peak": "20"}, [fact(40, "won"), fact(30, "lost")], {}, None),
    ({"fall_from_peak": "19"}, [fact(40, "won"), fact(30, "lost")], {}, "10 under today's highest profit"),
    ({"fall_from_peak": "20"}, [fact(40, "lost"), fact(30, "won")], {}, None),
    ({"profit_per_day": "9"}, [SPENT], {}, None),
    ({"profit_per_day": "8"}, [SPENT], {}, "profit_per_day: 8 earned today, enough is 8"),
    ({"losses_in_a_row": "2"}, [fact(30, "lost")], {}, None),
    ({"losses_in_a_row": "2"}, [fact(40, "lost"), fact(30, "lost")], {}, "2 lost, a pause until 2026-11-26 00:00"),
    ({"losses_in_a_row": "2"}, [fact(40, "lost"), fact(35, "tie"), fact(30, "lost")], {}, "a pause until"),
    ({"losses_in_a_row": "2"}, [fact(50, "lost"), fact(40, "won"), fact(30, "lost")], {}, None),
    ({"losses_in_a_row": "2"}, [fact(30, "lost"), OPEN], {}, "losses_in_a_row: 1 lost and 1 still open, at most 2"),
    ({"losses_in_a_row": "1", "pause_minutes": "20"}, [fact(30, "lost")], {}, None),
    ({"losses_in_a_row": "1", "pause_minutes": "21"}, [fact(30, "lost")], {}, "a pause until 2026-11-25 12:01"),
    ({"losses_in_a_row": "1", "pause_minutes": "20"}, [fact(30, "lost"), OPEN], {}, "0 lost and 1 still open"),
    ({"losses_in_a_row": "1"}, [fact(800, "lost")], {}, None),
    ({"max_move": "0.2"}, [], {"moved": moved("0.2")}, None),
    ({"max_move": "0.2"}, [], {"moved": moved("0.21")}, "max_move: the index moved by 0.21 per cent since"),
    ({"max_move": "0.2"}, [], {"moved": moved(None)}, "max_move: the index price of BTCUSDT is not known"),
]


@pytest.mark.parametrize(("texts", "facts", "more", "words"), TABLE)
def test_the_last_that_passes_and_the_first_that_does_not(
    texts: dict[str, str], facts: list[Fact], more: dict[str, Any], words: str | None
) -> None:
    said = refusal(texts, *facts, **more)
    assert said is None if words is None else words in str(said)


def test_every_limit_is_in_the_table() -> None:
    told = {key for texts, _facts, _more, words in TABLE if words is not None for key in texts}
    assert set(limits.CHECKS) <= told


def test_paper_never_uses_up_what_is_allowed_live() -> None:
    rules = rules_of({"orders_per_day": "1"})
    assert tally([OPEN, SPENT], Mode.LIVE, NOW, rules) == Tally()


def test_a_clock_that_is_set_back_gives_nothing_back() -> None:
    spent = [fact(30, "lost"), fact(20, "won")]
    day_before = NOW - 24 * 60 * MINUTE
    for texts in ({"orders_per_day": "2"}, {"orders_per_hour": "2"}, {"stake_per_day": "25"}, {"loss_per_day": "19"}):
        assert refusal(texts, *spent, now=day_before) is not None
    assert "0 s ago" in str(refusal({"gap_s": "5"}, *spent, now=day_before))


def test_a_stake_comes_from_the_most_exact_rule() -> None:
    texts = {"stake": "5", "stake.BTCUSDT": "6", "stake.TEN_MINUTE": "7", "stake.BTCUSDT.TEN_MINUTE": "8"}
    for key in ("stake.BTCUSDT.TEN_MINUTE", "stake.BTCUSDT", "stake.TEN_MINUTE", "stake"):
        assert limits.stake_for(rules_of(texts), ORDER) == Decimal(texts.pop(key))
    assert limits.stake_for(Rules(), ORDER) is None


def entry(**more: Any) -> Entry:
    given: dict[str, Any] = {"state": State.DONE, "outcome": "success", **more}
    taken: dict[str, Any] = {"received_ms": NOW, "uncertainty_ms": 1, "driver": "paper", "mode": Mode.PAPER}
    base: dict[str, Any] = {"stake": Decimal(5), "submitted_ms": NOW, "submitted_wall_ms": NOW + 7_000}
    return Entry(ORDER, **{**taken, **base, **given})


@pytest.mark.parametrize(
    ("more", "counts"),
    [
        ({}, True),
        ({"outcome": "unknown"}, True),
        ({"outcome": None, "state": State.SUBMITTING}, True),
        ({"outcome": "failed"}, False),
        ({"outcome": "expired"}, False),
        ({"outcome": "rejected", "stake": None, "submitted_ms": None}, False),
    ],
)
def test_what_may_stand_at_the_exchange_counts(more: dict[str, Any], counts: bool) -> None:
    assert (fact_of(entry(**more)) is not None) is counts


@pytest.mark.parametrize(("settled", "ends"), [(None, 600), (7 + 600, 600), (7 + 30, 30), (-9_000, 0), (90_000, 600)])
def test_a_settlement_is_dated_by_the_hubs_clock_whatever_was_done_to_the_wall_clock(
    settled: int | None, ends: int
) -> None:
    at = None if settled is None else NOW + settled * 1000
    found = fact_of(entry(settled_ms=at, result=at and "lost"))
    assert found is not None
    assert found.ends_ms == NOW + ends * 1000


def test_usage_says_what_is_used_what_is_left_where_it_comes_from_and_which_refuses_next() -> None:
    settings = Rules(Decimal(5), Decimal(200), frozenset({"BTCUSDT"}), stakes={"": Decimal(10)})
    texts = {"max_stake": "100", "min_stake": "2", "orders_per_day": "3", "loss_per_day": "25", "symbols": "BTCUSDT"}
    own = rules_of(texts)
    holds = stricter(settings, own)
    counted = tally([fact(30, "lost"), OPEN], Mode.PAPER, NOW, holds)
    rows = {row.rule: row for row in usage(Case(holds, Decimal(10), counted, NOW), settings, own)}
    assert (rows["orders_per_day"].used, rows["orders_per_day"].left) == (2, 1)
    assert (rows["loss_per_day"].used, rows["loss_per_day"].left) == (20, 5)
    origins = {rule: rows[rule].origin for rule in ("stake", "min_stake", "max_stake", "symbols", "step", "gap_s")}
    assert origins == {
        "stake": "settings",
        "min_stake": "settings",
        "max_stake": "limits",
        "symbols": "both",
        "step": "default",
        "gap_s": None,
    }
    found = next_refusal(list(rows.values()))
    assert found is not None
    assert found.rule == "loss_per_day"
