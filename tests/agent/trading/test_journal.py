"""The journal: on disk, once an order, by the table, one writer."""

import os
import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from agent.model.account import Owner
from agent.model.clock import HubTime
from agent.model.engine import Conclusion, Halting, IllegalMove, Mode, Settlement, State, Submission
from agent.model.reasons import Reason
from agent.trading.journal import FILE_NAME, Journal, JournalBroken, JournalBusy
from protocol.messages import Order

OWNER = Owner("http://127.0.0.1:8000", "alice")
AT = HubTime(5_000, 3)
SUCCESS = Conclusion("success", 6_000, None, {"deep": [1, "2"]}, "P1", Decimal("97000.5"))
SUBMISSION = Submission("binance-web", Mode.LIVE, Decimal(5), Decimal("0.80"), 5_500, 5_400)


def order(order_id: int = 1, created_ms: int = 1_000) -> Order:
    return Order(order_id, "TEN_MINUTE", "BTCUSDT", "LONG", 60, created_ms, created_ms + 60_000)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path, OWNER)
    yield journal
    journal.close()


def reopened(journal: Journal, folder: Path) -> Journal:
    journal.close()
    return Journal(folder, OWNER)


def test_the_whole_way_is_there_after_a_restart(journal: Journal, tmp_path: Path) -> None:
    journal.note_received(order(), AT, "paper", Mode.PAPER)
    journal.note_submitting(1, SUBMISSION)
    journal.note_outcome(1, SUCCESS)
    journal.note_recorded(1, "success")
    journal.note_settled(1, Settlement(9_000, "won", "confirmed", Decimal("4.00")))
    again = reopened(journal, tmp_path)
    entry = again.entry(1)
    assert entry is not None
    assert (entry.order, entry.state, entry.received_ms, entry.uncertainty_ms) == (order(), State.REPORTED, 5_000, 3)
    assert (entry.outcome, entry.data, entry.exchange_order_id) == ("success", {"deep": [1, "2"]}, "P1")
    assert (entry.stake, entry.payout_ratio, entry.profit) == (Decimal(5), Decimal("0.80"), Decimal("4.00"))
    assert (entry.settled_ms, entry.result, entry.source) == (9_000, "won", "confirmed")
    assert (entry.driver, entry.mode) == ("binance-web", Mode.LIVE)
    assert (entry.submitted_ms, entry.submitted_wall_ms, entry.entry_price) == (5_500, 5_400, Decimal("97000.5"))
    again.close()


def test_an_id_is_new_once(journal: Journal) -> None:
    assert journal.note_received(order(), AT, "paper", Mode.PAPER)[1] is True
    entry, is_new = journal.note_received(order(created_ms=9), HubTime(9_999, 0), "paper", Mode.PAPER)
    assert not is_new
    assert (entry.order.created_ms, entry.received_ms) == (1_000, 5_000)


def test_it_is_submitted_once(journal: Journal) -> None:
    journal.note_received(order(), AT, "paper", Mode.PAPER)
    journal.note_submitting(1, SUBMISSION)
    with pytest.raises(IllegalMove):
        journal.note_submitting(1, SUBMISSION)
    journal.note_outcome(1, SUCCESS)
    with pytest.raises(IllegalMove):
        journal.note_outcome(1, Conclusion("unknown", 1))
    entry = journal.entry(1)
    assert entry is not None
    assert entry.outcome == "success"


def test_an_unknown_order_cannot_move(journal: Journal) -> None:
    with pytest.raises(IllegalMove):
        journal.note_submitting(7, SUBMISSION)


def test_the_questions_that_are_asked_at_start(journal: Journal) -> None:
    for number in range(1, 5):
        journal.note_received(order(number, number * 10_000), AT, "paper", Mode.PAPER)
    for number in (2, 3, 4):
        journal.note_submitting(number, SUBMISSION)
    for number in (3, 4):
        journal.note_outcome(number, SUCCESS)
    journal.note_recorded(4, "success")
    ids = {state: [entry.order.id for entry in journal.in_state(state)] for state in State}
    assert ids == {State.RECEIVED: [1], State.SUBMITTING: [2], State.DONE: [3], State.REPORTED: [4]}
    assert [entry.order.id for entry in journal.unsettled()] == [3, 4]
    assert [entry.order.id for entry in journal.under_way(75_000)] == [2]


def test_a_halt_is_remembered(journal: Journal, tmp_path: Path) -> None:
    assert journal.halting == Halting(0, None)
    journal.keep_halting(Halting(3, "crash"))
    again = reopened(journal, tmp_path)
    assert again.halting == Halting(3, "crash")
    again.close()


def test_every_step_is_fsynced(journal: Journal) -> None:
    assert tuple(journal._db.execute("PRAGMA synchronous").fetchone()) == (2,)
    assert tuple(journal._db.execute("PRAGMA journal_mode").fetchone()) == ("wal",)


def test_there_is_one_writer_and_any_number_of_readers(journal: Journal, tmp_path: Path) -> None:
    journal.note_received(order(), AT, "paper", Mode.PAPER)
    with pytest.raises(JournalBusy):
        Journal(tmp_path, OWNER)
    reader = Journal(tmp_path, mode="read")
    assert reader.owner == OWNER
    assert len(reader.entries()) == 1
    assert reader.integrity() == "ok"
    with pytest.raises(JournalBroken):
        reader.note_received(order(2), AT, "paper", Mode.PAPER)
    reader.close()
    journal.note_received(order(3), AT, "paper", Mode.PAPER)


def test_it_is_readable_by_its_owner_only(journal: Journal, tmp_path: Path) -> None:
    assert os.stat(tmp_path / FILE_NAME).st_mode & 0o077 == 0


def test_it_opens_for_nobody_else(journal: Journal, tmp_path: Path) -> None:
    journal.close()
    with pytest.raises(JournalBroken, match="alice's"):
        Journal(tmp_path, msgspec.structs.replace(OWNER, username="bob"))


def test_a_newer_or_damaged_file_is_refused(tmp_path: Path) -> None:
    Journal(tmp_path / "newer", OWNER).close()
    with sqlite3.connect(tmp_path / "newer" / FILE_NAME) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(JournalBroken, match="update the agent"):
        Journal(tmp_path / "newer", OWNER)
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / FILE_NAME).write_bytes(b"not a database" * 99)
    with pytest.raises(JournalBroken, match="cannot be used"):
        Journal(tmp_path / "damaged", OWNER)


FIRST_VERSION = """
CREATE TABLE entries (order_id INTEGER PRIMARY KEY, "order" TEXT NOT NULL, created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL, state TEXT NOT NULL CHECK (state IN ('received', 'submitting', 'done', 'reported')),
    received_ms INTEGER NOT NULL, uncertainty_ms INTEGER NOT NULL, outcome TEXT, message TEXT NOT NULL DEFAULT '',
    data TEXT, executed_ms INTEGER, stake TEXT, payout_ratio TEXT, exchange_order_id TEXT, settled_ms INTEGER,
    won INTEGER, profit TEXT, CHECK ((outcome IS NULL) = (state IN ('received', 'submitting'))),
    CHECK (state <> 'submitting' OR stake IS NOT NULL));
CREATE INDEX entries_open ON entries (state) WHERE state <> 'reported';
CREATE INDEX entries_window ON entries (expires_ms);
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 1;
"""


@pytest.fixture
def of_the_first_version(tmp_path: Path) -> Path:
    """A journal as version 0.1.0 wrote it: one order received, one submitting, one won, one refused."""
    rows = [
        (1, "received", None, "", None, None, None),
        (2, "submitting", None, "", "5", None, None),
        (3, "reported", "success", "", "5", 1, "4.00"),
        (4, "done", "rejected", "not today", None, None, None),
    ]
    with sqlite3.connect(tmp_path / FILE_NAME) as db:
        db.executescript(FIRST_VERSION)
        for number, state, outcome, message, stake, won, profit in rows:
            text = msgspec.json.encode(order(number)).decode()
            settled = None if won is None else 9_000
            db.execute(
                "INSERT INTO entries VALUES (?, ?, 1000, 61000, ?, 5000, 3, ?, ?, NULL, NULL, ?, NULL, NULL, ?, ?, ?)",
                (number, text, state, outcome, message, stake, settled, won, profit),
            )
        db.execute("INSERT INTO meta VALUES ('owner', ?)", (msgspec.json.encode(OWNER).decode(),))
        db.execute("INSERT INTO meta VALUES ('halting', ?)", (msgspec.json.encode(Halting(3, "crash")).decode(),))
    return tmp_path


@pytest.mark.parametrize("mode", ["read", "write"])
def test_a_journal_of_the_first_version_keeps_every_row(
    of_the_first_version: Path, mode: Literal["read", "write"]
) -> None:
    journal = Journal(of_the_first_version, OWNER, mode)
    entries = {entry.order.id: entry for entry in journal.entries()}
    journal.close()
    assert {number: entry.state.value for number, entry in entries.items()} == {
        1: "received",
        2: "submitting",
        3: "reported",
        4: "done",
    }
    assert {(entry.driver, entry.mode) for entry in entries.values()} == {("paper", Mode.PAPER)}
    won, refused = entries[3], entries[4]
    assert (won.outcome, won.result, won.source, won.profit, won.stake) == (
        "success",
        "won",
        "confirmed",
        Decimal("4.00"),
        Decimal(5),
    )
    assert (refused.outcome, refused.message, refused.reason) == ("rejected", "not today", None)
    assert journal.owner == OWNER


def test_a_migrated_journal_goes_on_as_a_new_one(of_the_first_version: Path) -> None:
    for _ in range(2):
        journal = Journal(of_the_first_version, OWNER)
        assert journal.halting == Halting(3, "crash")
        assert journal.integrity() == "ok"
        journal.close()
    journal = Journal(of_the_first_version, OWNER)
    journal.note_submitting(1, SUBMISSION)
    with pytest.raises(IllegalMove):
        journal.note_submitting(2, SUBMISSION)
    assert journal.note_outcome(1, SUCCESS).mode is Mode.LIVE
    journal.close()


def test_an_unknown_that_was_reported_becomes_a_fact_and_is_reported_again(journal: Journal) -> None:
    journal.note_received(order(), AT, "paper", Mode.PAPER)
    journal.note_submitting(1, SUBMISSION)
    journal.note_outcome(1, Conclusion("unknown", 1, Reason("paper.silent")))
    journal.note_recorded(1, "unknown")
    assert [entry.order.id for entry in journal.unknown()] == [1]
    found = journal.note_outcome(1, Conclusion("success", 2, exchange_order_id="P1", resolved_by="exchange"))
    assert (found.state, found.outcome, found.resolved_by, found.message) == (State.DONE, "success", "exchange", "")
    assert journal.note_recorded(1, "unknown").state is State.DONE
    assert journal.note_recorded(1, "success").state is State.REPORTED
    for outcome in ("unknown", "failed", "success"):
        with pytest.raises(IllegalMove):
            journal.note_outcome(1, Conclusion(outcome, 3))


def test_a_reason_keeps_its_code_and_its_facts(journal: Journal) -> None:
    reason = Reason("limit.max_stake", {"stake": "7", "max": "5"})
    journal.note_received(order(), AT, "paper", Mode.PAPER)
    entry = journal.note_outcome(1, Conclusion("rejected", 1, reason))
    assert (entry.reason, entry.message) == (reason, "stake 7 is over the maximum of 5")


def test_an_estimate_is_replaced_by_what_is_confirmed_and_never_the_other_way(journal: Journal) -> None:
    journal.note_received(order(), AT, "paper", Mode.PAPER)
    journal.note_submitting(1, SUBMISSION)
    journal.note_outcome(1, SUCCESS)
    journal.note_settled(1, Settlement(9_000, "won", "estimated", Decimal("4.00")))
    assert [entry.order.id for entry in journal.unsettled()] == [1]
    journal.note_settled(1, Settlement(9_001, "tie", "confirmed", Decimal(0)))
    assert journal.unsettled() == []
    entry = journal.note_settled(1, Settlement(9_002, "lost", "estimated", Decimal(-5)))
    assert (entry.settled_ms, entry.result, entry.source, entry.profit) == (9_001, "tie", "confirmed", Decimal(0))
