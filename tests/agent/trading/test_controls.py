"""The controls: changed by one process while another reads them before each order."""

from decimal import Decimal
from pathlib import Path

import pytest

from agent.model.account import Owner
from agent.model.clock import HubTime
from agent.model.consent import VERSION, Consent, refusal
from agent.model.engine import Conclusion, Mode, Refused, Settlement, Submission
from agent.model.rules import BadRule, Rules
from agent.trading.controls import FILE_NAME, Change, Controls, ControlsBroken
from agent.trading.journal import Journal
from protocol.messages import Order

NOON = 1_795_608_000_000
DAY = 86_400_000


class Clock:
    """A wall clock that a test sets."""

    def __init__(self) -> None:
        self.ms = NOON

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def controls(tmp_path: Path, clock: Clock) -> Controls:
    settings = Rules(max_stake=Decimal(200), stakes={"": Decimal(5)})
    controls = Controls(tmp_path, clock, settings)
    controls.set_rule("timezone", "UTC")
    return controls


def lose(folder: Path, order_id: int, placed_ms: int) -> None:
    """Five USDT, ten minutes long."""
    journal = Journal(folder, Owner("http://127.0.0.1:8000", "alice"))
    order = Order(order_id, "TEN_MINUTE", "BTCUSDT", "LONG", 60, placed_ms, placed_ms + 60_000)
    journal.note_received(order, HubTime(placed_ms, 1), "paper", Mode.PAPER)
    ratio = Decimal("0.80")
    journal.note_submitting(order_id, Submission("paper", Mode.PAPER, Decimal(5), ratio, placed_ms, placed_ms))
    journal.note_outcome(order_id, Conclusion("success", placed_ms))
    journal.note_settled(order_id, Settlement(placed_ms + 600_000, "lost", "confirmed", Decimal(-5)))
    journal.close()


def test_what_one_process_sets_the_other_reads_before_its_next_order(
    tmp_path: Path, clock: Clock, controls: Controls
) -> None:
    other = Controls(tmp_path, clock)
    assert controls.held().rules.max_stake == 200
    other.set_rule("max_stake", "100")
    other.pause("lunch")
    assert controls.held().rules.max_stake == 100
    assert controls.is_paused
    other.resume()
    assert not controls.is_paused


def test_what_does_not_change_is_not_read_again(controls: Controls) -> None:
    assert controls.held() is controls.held()


def test_each_change_is_kept_with_its_old_value_and_its_time(tmp_path: Path, clock: Clock, controls: Controls) -> None:
    controls.set_rule("loss_per_day", "50")
    clock.ms += 1_000
    controls.set_rule("loss_per_day", "40.0")
    controls.set_rule("loss_per_day", "off")
    controls.close()
    assert Controls(tmp_path, clock).changes()[1:] == [
        Change(NOON, "loss_per_day", None, "50"),
        Change(NOON + 1_000, "loss_per_day", "50", "40"),
        Change(NOON + 1_000, "loss_per_day", "40", None),
    ]


def test_a_value_that_is_not_understood_changes_nothing(controls: Controls) -> None:
    before = controls.changes()
    with pytest.raises(BadRule):
        controls.set_rule("loss_per_day", "much")
    assert controls.changes() == before


def test_a_loss_limit_that_was_hit_is_not_loosened_until_the_next_day(
    tmp_path: Path, clock: Clock, controls: Controls
) -> None:
    controls.set_rule("loss_per_day", "8")
    assert isinstance(controls.set_rule("loss_per_day", "9"), Change)
    lose(tmp_path, 1, NOON - 3_600_000)
    for key, text in (("loss_per_day", "50"), ("loss_per_day", "off"), ("timezone", "Pacific/Kiritimati")):
        refused = controls.set_rule(key, text)
        assert isinstance(refused, Refused)
        assert "loss_per_day was hit today" in refused.reason.text()
    assert isinstance(controls.set_rule("loss_per_day", "7"), Change)
    clock.ms -= DAY
    assert isinstance(controls.set_rule("loss_per_day", "50"), Refused)
    clock.ms += 2 * DAY
    assert isinstance(controls.set_rule("loss_per_day", "50"), Change)


def test_a_limit_that_refused_an_order_stays_locked_also_if_the_position_is_won_after_all(
    clock: Clock, controls: Controls
) -> None:
    controls.set_rule("losses_in_a_row", "2")
    controls.note_hit("losses_in_a_row", NOON)
    clock.ms += 3_600_000
    assert isinstance(controls.set_rule("losses_in_a_row", "3"), Refused)
    assert isinstance(controls.set_rule("pause_minutes", "5"), Refused)
    clock.ms += DAY
    assert isinstance(controls.set_rule("losses_in_a_row", "3"), Change)


def test_consent_is_to_one_text_and_one_exchange(controls: Controls) -> None:
    assert controls.consent() is None
    assert str(refusal(None, "https://a.example").code) == "live.no_consent"  # type: ignore[union-attr]
    controls.give_consent(VERSION, "https://a.example")
    given = controls.consent()
    assert given == Consent(VERSION, "https://a.example", NOON)
    assert refusal(given, "https://a.example") is None
    assert refusal(given, "https://b.example") is not None
    assert refusal(Consent(VERSION - 1, "https://a.example", NOON), "https://a.example") is not None
    controls.withdraw()
    assert controls.consent() is None


def test_a_resolution_stays_until_it_is_taken(tmp_path: Path, clock: Clock, controls: Controls) -> None:
    controls.resolve(7, "success")
    controls.resolve(7, "failed")
    assert Controls(tmp_path, clock).resolutions() == {7: "failed"}


def test_the_file_is_private(tmp_path: Path, controls: Controls) -> None:
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_a_rule_of_a_newer_version_or_a_damaged_file_lets_nothing_through(
    tmp_path: Path, clock: Clock, controls: Controls
) -> None:
    controls._db.execute("INSERT INTO rules (key, value) VALUES ('of_tomorrow', '1')")
    with pytest.raises(ControlsBroken, match="of_tomorrow"):
        Controls(tmp_path, clock).held()
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / FILE_NAME).write_bytes(b"no database" * 500)
    with pytest.raises(ControlsBroken):
        Controls(tmp_path / "damaged", clock)
