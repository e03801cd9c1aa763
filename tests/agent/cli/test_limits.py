"""`agent limits`, `live`, `pause`, `continue`, `resolve`: what a person types, what is kept, and what is said."""

import json
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from agent.cli.commands import app
from agent.model.account import Owner
from agent.model.clock import HubTime
from agent.model.engine import Conclusion, Mode, Refused, Submission
from agent.model.reasons import Reason
from agent.trading.accounts import Accounts
from agent.trading.controls import Controls
from agent.trading.journal import Journal
from protocol.messages import Order

LOOPBACK = {"AGENT_BINANCE_URL": "http://127.0.0.1:9100"}


def run(*arguments: str, typed: str | None = None, env: dict[str, str] | None = None) -> Any:
    return CliRunner().invoke(app, arguments, input=typed, env=env)


@pytest.fixture
def given(tmp_path: Path) -> tuple[str, ...]:
    return ("--user", "alice", "--data-dir", str(tmp_path))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Accounts(tmp_path).folder(Owner("http://127.0.0.1:8000", "alice"))


@pytest.fixture
def journal(folder: Path) -> Any:
    """Of an agent that runs: it stays open, and locked."""
    journal = Journal(folder, Owner("http://127.0.0.1:8000", "alice"))
    yield journal
    journal.close()


def place(journal: Journal, order_id: int, outcome: Any, reason: Reason | None = None) -> None:
    now = time.time_ns() // 1_000_000
    order = Order(order_id, "TEN_MINUTE", "BTCUSDT", "LONG", 60, now, now + 60_000)
    journal.note_received(order, HubTime(now, 1), "paper", Mode.PAPER)
    if outcome != "rejected":
        journal.note_submitting(order_id, Submission("paper", Mode.PAPER, Decimal(5), Decimal("0.80"), now, now))
    journal.note_outcome(order_id, Conclusion(outcome, now, reason))


def shown(given: tuple[str, ...]) -> dict[str, Any]:
    told = json.loads(run("limits", "show", "--json", *given).stdout)
    return {**told, **{row["rule"]: row for row in told["limits"]}}


def test_show_says_what_is_used_what_is_left_and_which_one_refuses_next(
    given: tuple[str, ...], journal: Journal
) -> None:
    place(journal, 1, "success")
    place(journal, 2, "unknown")
    assert run("limits", "set", "orders_per_day", "3", *given).exit_code == 0
    told = shown(given)
    assert (told["mode"], told["next_refused_by"]) == ("PAPER", None)
    assert (told["orders_per_day"]["used"], told["orders_per_day"]["left"]) == ("2", "1")
    run("limits", "set", "loss_per_day", "12", *given)
    told = shown(given)
    assert told["next_refused_by"] == "loss_per_day"
    assert told["loss_per_day"]["refuses"] == "loss_per_day: 0 lost today, 10 at risk and 5 more, at most 12"
    said = run("limits", "show", *given, env={"COLUMNS": "160"}).stdout
    assert "PAPER: the next order would be refused: loss_per_day" in said


def test_where_a_setting_and_a_limit_both_bound_show_names_the_one_that_holds(given: tuple[str, ...]) -> None:
    for value, setting in (("100", None), ("300", "AGENT_MAX_ORDER_AMOUNT")):
        run("limits", "set", "max_stake", value, *given)
        row = shown(given)["max_stake"]
        assert row["setting"] == setting
        assert row["value"] == ("100" if setting is None else "200")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("limits", "set", "loss_per_day", "much"), 2, "loss_per_day: wants an amount over 0"),
        (("limits", "set", "loss_per_week", "5"), 2, "loss_per_week: there is no such rule"),
        (("limits", "show", "--mode", "dream"), 2, "--mode: wants PAPER, LIVE"),
        (("limits", "why", "9"), 1, "order 9 has not reached this computer"),
        (("resolve", "9", "success"), 1, "order 9 has not reached this computer"),
        (("resolve", "9", "won"), 2, "OUTCOME: wants success, failed"),
    ],
)
def test_bad_input_names_the_field_and_what_it_takes(
    given: tuple[str, ...], arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = run(*arguments, *given)
    assert done.exit_code == code
    assert words in done.stderr


def test_a_hit_loss_limit_is_not_loosened(given: tuple[str, ...], journal: Journal) -> None:
    place(journal, 1, "success")
    run("limits", "set", "loss_per_day", "8", *given)
    done = run("limits", "set", "loss_per_day", "50", *given)
    assert done.exit_code == 1
    assert "was hit today" in done.stderr
    assert shown(given)["loss_per_day"]["value"] == "8"


def test_why_says_which_limit_it_was_and_how_it_stands_now(given: tuple[str, ...], journal: Journal) -> None:
    run("limits", "set", "orders_per_hour", "2", *given)
    reason = Reason("limit.orders_per_hour", {"used": "2", "max": "2"})
    place(journal, 7, "rejected", Refused(reason).reason)
    said = run("limits", "why", "7", *given).stdout
    assert said.splitlines() == [
        "PAPER 7: rejected orders_per_hour: 2 in the last hour, at most 2",
        "now: orders_per_hour is 2, used 0, left 2",
    ]
    told = json.loads(run("limits", "why", "7", "--json", *given).stdout)
    assert (told["code"], told["now"]["rule"]) == ("limit.orders_per_hour", "orders_per_hour")


def test_live_wants_limits_and_the_words(given: tuple[str, ...]) -> None:
    assert "Set these limits first" in run("live", "on", *given, typed="TRADE LIVE\n", env=LOOPBACK).stderr
    run("limits", "set", "loss_per_day", "50", *given)
    run("limits", "set", "orders_per_day", "20", *given)
    wrong = run("live", "on", *given, typed="yes\n", env=LOOPBACK)
    assert wrong.exit_code == 1
    assert "stays as it was" in wrong.stderr
    assert json.loads(run("live", "status", "--json", *given, env=LOOPBACK).stdout)["is_live"] is False
    done = run("live", "on", *given, typed="TRADE LIVE\n", env=LOOPBACK)
    assert done.exit_code == 0
    for words in ("banned accounts", "the account may be lost", "p20t", "lost whole", "region"):
        assert words in done.stdout
    assert json.loads(run("live", "status", "--json", *given, env=LOOPBACK).stdout)["is_live"] is True
    other = {"AGENT_BINANCE_URL": "http://127.0.0.1:9200"}
    assert "accepted for http://127.0.0.1:9100" in run("live", "status", *given, env=other).stdout
    assert run("live", "off", *given).exit_code == 0
    assert "PAPER: live trading is off" in run("live", "status", *given, env=LOOPBACK).stdout


def test_live_takes_the_exchange_itself_and_says_that_nobody_has_tried_it(given: tuple[str, ...]) -> None:
    """Nothing is asked of any exchange: consent is a file."""
    run("limits", "set", "loss_per_day", "50", *given)
    run("limits", "set", "orders_per_day", "20", *given)
    done = run("live", "on", *given, typed="TRADE LIVE\n")
    assert done.exit_code == 0
    assert "never at the exchange itself" in done.stdout
    assert "LIVE is on from the next order on, at https://www.binance.com" in done.stdout


def test_pause_and_continue_hold_while_an_agent_runs(given: tuple[str, ...], folder: Path, journal: Journal) -> None:
    controls = Controls(folder, lambda: 0)
    assert run("pause", "lunch", *given).exit_code == 0
    assert controls.held().paused == "lunch"
    assert shown(given)["paused"] == "lunch"
    assert run("continue", *given).exit_code == 0
    assert controls.held().paused is None


def test_only_an_unknown_order_is_resolved(given: tuple[str, ...], folder: Path, journal: Journal) -> None:
    place(journal, 1, "success")
    place(journal, 2, "unknown")
    refused = run("resolve", "1", "failed", *given)
    assert refused.exit_code == 1
    assert "order 1 is success" in refused.stderr
    assert run("resolve", "2", "success", *given).exit_code == 0
    assert Controls(folder, lambda: 0).resolutions() == {2: "success"}


def test_without_a_name_it_is_the_only_account_of_this_computer(tmp_path: Path, journal: Journal) -> None:
    assert run("limits", "set", "gap_s", "5", "--data-dir", str(tmp_path)).exit_code == 0
    nobody = run("limits", "set", "gap_s", "5", "--data-dir", str(tmp_path / "empty"))
    assert nobody.exit_code == 2
    assert "--user NAME" in nobody.stderr
