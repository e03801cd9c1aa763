"""The journal: on disk, once an order, by the table, one writer."""

import os
import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from agent.model.account import Owner
from agent.model.clock import HubTime
from agent.model.engine import Conclusion, Halting, IllegalMove, Settlement, State
from agent.trading.journal import FILE_NAME, Journal, JournalBroken, JournalBusy
from protocol.messages import Order

OWNER = Owner("http://127.0.0.1:8000", "alice")
AT = HubTime(5_000, 3)
SUCCESS = Conclusion("success", "", 6_000, {"deep": [1, "2"]}, "P1")


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
    journal.receive(order(), AT)
    journal.submit(1, Decimal(5), Decimal("0.80"))
    journal.conclude(1, SUCCESS)
    journal.record(1)
    journal.settle(1, Settlement(9_000, True, Decimal("4.00")))
    again = reopened(journal, tmp_path)
    entry = again.entry(1)
    assert entry is not None
    assert (entry.order, entry.state, entry.received_ms, entry.uncertainty_ms) == (order(), State.REPORTED, 5_000, 3)
    assert (entry.outcome, entry.data, entry.exchange_order_id) == ("success", {"deep": [1, "2"]}, "P1")
    assert (entry.stake, entry.payout_ratio, entry.profit) == (Decimal(5), Decimal("0.80"), Decimal("4.00"))
    assert (entry.settled_ms, entry.won) == (9_000, True)
    again.close()


def test_an_id_is_new_once(journal: Journal) -> None:
    assert journal.receive(order(), AT)[1] is True
    entry, is_new = journal.receive(order(created_ms=9), HubTime(9_999, 0))
    assert not is_new
    assert (entry.order.created_ms, entry.received_ms) == (1_000, 5_000)


def test_it_is_submitted_once(journal: Journal) -> None:
    journal.receive(order(), AT)
    journal.submit(1, Decimal(5), Decimal("0.80"))
    with pytest.raises(IllegalMove):
        journal.submit(1, Decimal(5), Decimal("0.80"))
    journal.conclude(1, SUCCESS)
    with pytest.raises(IllegalMove):
        journal.conclude(1, Conclusion("unknown", "", 1))
    entry = journal.entry(1)
    assert entry is not None
    assert entry.outcome == "success"


def test_an_unknown_order_cannot_move(journal: Journal) -> None:
    with pytest.raises(IllegalMove):
        journal.submit(7, Decimal(5), Decimal("0.80"))


def test_the_questions_that_are_asked_at_start(journal: Journal) -> None:
    for number in range(1, 5):
        journal.receive(order(number, number * 10_000), AT)
    for number in (2, 3, 4):
        journal.submit(number, Decimal(5), Decimal("0.80"))
    for number in (3, 4):
        journal.conclude(number, SUCCESS)
    journal.record(4)
    ids = {state: [entry.order.id for entry in journal.in_state(state)] for state in State}
    assert ids == {State.RECEIVED: [1], State.SUBMITTING: [2], State.DONE: [3], State.REPORTED: [4]}
    assert [entry.order.id for entry in journal.unsettled()] == [3, 4]
    assert [entry.order.id for entry in journal.in_window(85_000)] == [4, 3]


def test_a_halt_is_remembered(journal: Journal, tmp_path: Path) -> None:
    assert journal.halting == Halting(0, None)
    journal.keep_halting(Halting(3, "crash"))
    again = reopened(journal, tmp_path)
    assert again.halting == Halting(3, "crash")
    again.close()


def test_every_step_is_fsynced(journal: Journal) -> None:
    assert journal._db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert journal._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_there_is_one_writer_and_any_number_of_readers(journal: Journal, tmp_path: Path) -> None:
    journal.receive(order(), AT)
    with pytest.raises(JournalBusy):
        Journal(tmp_path, OWNER)
    reader = Journal(tmp_path, mode="read")
    assert reader.owner == OWNER
    assert len(reader.entries()) == 1
    assert reader.integrity() == "ok"
    with pytest.raises(JournalBroken):
        reader.receive(order(2), AT)
    reader.close()
    journal.receive(order(3), AT)


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


def test_two_owners_share_nothing(tmp_path: Path) -> None:
    owners = [
        OWNER,
        Owner(OWNER.server, "Alice"),
        Owner("http://localhost:8000", "alice"),
        Owner(OWNER.server, "a/../b"),
    ]
    folders = {owner.folder(tmp_path) for owner in owners}
    assert len(folders) == len(owners)
    assert all(folder.parent == tmp_path / "users" for folder in folders)
