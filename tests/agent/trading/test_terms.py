"""Sums are reckoned once for the questions about one order, and anew for another day, another step, other rules."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agent.model.account import Owner
from agent.model.clock import HubTime
from agent.model.engine import Conclusion, Mode, Refused, Settlement, Submission
from agent.model.events import Events
from agent.trading.controls import Controls
from agent.trading.journal import Journal
from agent.trading.spent import Spent
from agent.trading.terms import Approved, ControlledTerms
from protocol.messages import INCREMENTS, Increment, Order, SettledAs

ZONE = ZoneInfo("Asia/Shanghai")
MIDNIGHT = datetime(2026, 11, 26, tzinfo=ZONE)


class Trader:
    """One account, and the hub's clock that it goes by."""

    def __init__(self, folder: Path) -> None:
        self.now = MIDNIGHT - timedelta(hours=2)
        self.journal = Journal(folder, Owner("http://127.0.0.1:8000", "alice"))
        self.controls = Controls(folder, self.now_ms)
        self.number = 0
        payouts: dict[Increment, Decimal] = dict.fromkeys(INCREMENTS, Decimal("0.8"))
        self.terms = ControlledTerms(
            self.controls,
            Spent(self.journal),
            lambda: Mode.PAPER,
            "",
            payouts,
            self.now_ms,
            lambda _order: None,
            Events(),
        )
        self.controls.set_rule("timezone", ZONE.key)
        self.controls.set_rule("stake", "5")

    def now_ms(self) -> int:
        return round(self.now.timestamp() * 1000)

    def order(self) -> Order:
        self.number += 1
        return Order(self.number, "TEN_MINUTE", "BTCUSDT", "LONG", 60, self.now_ms(), self.now_ms() + 60_000)

    def asks(self) -> Approved | Refused:
        return self.terms.of(self.order())

    def places(self) -> int:
        order = self.order()
        self.journal.note_received(order, HubTime(self.now_ms(), 1), "paper", Mode.PAPER)
        said = Submission("paper", Mode.PAPER, Decimal(5), Decimal("0.8"), self.now_ms(), self.now_ms())
        self.journal.note_submitting(order.id, said)
        return order.id

    def settles(self, order_id: int, result: SettledAs) -> None:
        self.journal.note_outcome(order_id, Conclusion("success", executed_ms=self.now_ms()))
        self.journal.note_settled(order_id, Settlement(self.now_ms(), result, "confirmed", Decimal(0)))


@pytest.fixture
def trader(tmp_path: Path) -> Iterator[Trader]:
    made = Trader(tmp_path)
    yield made
    made.journal.close()
    made.controls.close()


def test_a_step_of_the_journal_counts_at_once(trader: Trader) -> None:
    trader.controls.set_rule("orders_per_day", "1")
    assert isinstance(trader.asks(), Approved)
    order_id = trader.places()
    assert isinstance(trader.asks(), Refused)
    trader.journal.note_outcome(order_id, Conclusion("failed", trader.now_ms()))
    assert isinstance(trader.asks(), Approved)


def test_a_rule_that_changes_counts_at_once(trader: Trader) -> None:
    trader.places()
    assert isinstance(trader.asks(), Approved)
    trader.controls.set_rule("orders_per_day", "1")
    assert isinstance(trader.asks(), Refused)


def test_another_day_begins_at_its_first_moment(trader: Trader) -> None:
    trader.controls.set_rule("orders_per_day", "1")
    trader.places()
    trader.now = MIDNIGHT - timedelta(milliseconds=250)
    assert isinstance(trader.asks(), Refused)
    trader.now = MIDNIGHT + timedelta(milliseconds=250)
    assert isinstance(trader.asks(), Approved)
    trader.now = MIDNIGHT - timedelta(milliseconds=250)
    assert isinstance(trader.asks(), Refused)


def test_what_only_time_changes_is_reckoned_anew_after_a_moment(trader: Trader) -> None:
    trader.controls.set_rule("gap_s", "60")
    trader.places()
    assert isinstance(trader.asks(), Refused)
    trader.now += timedelta(seconds=60)
    assert isinstance(trader.asks(), Approved)


def test_a_clock_that_is_set_back_by_days_finds_what_had_become_old(trader: Trader) -> None:
    trader.controls.set_rule("orders_per_day", "2")
    assert isinstance(trader.asks(), Approved)
    trader.settles(trader.places(), "lost")
    trader.now += timedelta(days=3)
    trader.settles(trader.places(), "won")
    trader.now += timedelta(days=3)
    assert isinstance(trader.asks(), Approved)
    trader.now -= timedelta(days=6)
    assert isinstance(trader.asks(), Refused), "two are today's: the one of today, and the one of the future"


def test_a_clock_that_was_weeks_ahead_at_first_forgets_nothing(trader: Trader) -> None:
    trader.controls.set_rule("orders_per_day", "1")
    trader.places()
    trader.now += timedelta(days=30)
    assert isinstance(trader.asks(), Approved)
    trader.now -= timedelta(days=30)
    assert isinstance(trader.asks(), Refused)
