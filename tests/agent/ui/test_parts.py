"""What decides something at the desk: preferences, notices, CSV, sleep, starting with the computer, one window."""

import csv
import io
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtTest import QAbstractItemModelTester
from PyQt6.QtWidgets import QApplication, QTableView

from agent.model import events
from agent.model.engine import Mode
from agent.model.reasons import Reason
from agent.ui import orders_model
from agent.ui.autostart import Autostart
from agent.ui.awake import SleepWatch
from agent.ui.notices import notice
from agent.ui.one_window import OneWindow, raise_other
from agent.ui.orders_model import COLUMNS, PROFIT, STATE, OrdersModel, as_csv
from agent.ui.orders_view import OrdersView
from agent.ui.preferences import FILE_NAME, PreferencesFile
from agent.ui.rows import Rows
from agent.ui.state import Placing, View
from tests.screenshots import scripted


def test_preferences_outlive_the_program_and_a_damaged_file_gives_the_defaults(tmp_path: Path) -> None:
    kept = PreferencesFile(tmp_path)
    assert kept.is_first_time
    kept.change(language="zh_CN")
    kept.change_account("hub alice", placing=Placing.CONFIRM)
    again = PreferencesFile(tmp_path)
    assert (again.is_first_time, again.now.language) == (False, "zh_CN")
    assert again.of("hub alice").placing is Placing.CONFIRM
    assert again.of("hub bob").placing is Placing.AUTO
    (tmp_path / FILE_NAME).write_text("{")
    assert PreferencesFile(tmp_path).now.language == ""


def test_what_a_person_is_told_of_says_its_mode_and_class() -> None:
    unknown = events.Executed(7, "unknown", Mode.LIVE, Reason("driver.interrupted"), None)
    said = notice(View(), unknown)
    assert said is not None
    assert (said.kind, "LIVE" in said.text) == ("unknown", True)
    lost = events.Disconnected("reset", 1.0)
    assert notice(View(), lost) is None
    told = notice(View(is_connected=True), lost)
    assert told is not None
    assert told.kind == "lost"
    back = notice(View(lost="reset"), events.Connected("s2", "alice"))
    assert back is not None
    assert (back.kind, back.is_warning) == ("lost", False)


def test_the_table_filters_sorts_and_exports_what_it_shows(qapp: QApplication) -> None:
    shown = OrdersModel()
    shown.show(scripted().rows)
    shown.look_for("ethusdt", "")
    rows = list(csv.reader(io.StringIO(as_csv(shown.rows()).removeprefix("\ufeff"))))
    assert rows[0] == [column.heading() for column in COLUMNS]
    assert len(rows) == 13
    assert {row[3] for row in rows[1:]} == {"ETHUSDT"}
    shown.look_for("", "unknown")
    assert [row.outcome for row in shown.rows()] == ["unknown"] * len(shown.rows())
    assert shown.rows()


def test_ten_thousand_rows_change_one_at_a_time(qapp: QApplication) -> None:
    rows, model = many(10_000), OrdersModel()
    model.show(rows)
    changes: list[int] = []
    model.dataChanged.connect(lambda first, last: changes.extend(range(first.row(), last.row() + 1)))
    model.modelReset.connect(lambda: changes.append(-1))
    model.show(rows.having(msgspec.structs.replace(rows[24], is_reported=not rows[24].is_reported)))
    assert changes == [10_000 - 24]
    assert model.rowCount() == 10_000


def many(count: int) -> Rows:
    """So many orders, numbered from 1."""
    some = list(scripted(24).rows.values())
    change = msgspec.structs.replace
    rows = (some[number % 24] for number in range(count))
    return Rows.of(change(row, order=change(row.order, id=number)) for number, row in enumerate(rows, 1))


@pytest.mark.parametrize("column", [0, STATE, PROFIT])
@pytest.mark.parametrize("order", [Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder])
@pytest.mark.parametrize("outcome", ["", "success"])
def test_however_it_is_sorted_and_filtered_the_table_stays_what_a_new_one_would_show(
    qapp: QApplication, column: int, order: Qt.SortOrder, outcome: str
) -> None:
    chance = random.Random(column)
    rows, table = many(40), QTableView()
    model = OrdersModel()
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    table.setModel(model)
    model.show(rows)
    model.look_for("", outcome)
    model.sort(column, order)
    for _change in range(60):
        row = chance.choice(list(rows.values()))
        number = chance.randrange(1, 60)
        rows = rows.having(msgspec.structs.replace(row, order=msgspec.structs.replace(row.order, id=number)))
        if chance.random() < 0.4:
            model.show(rows)
    model.show(rows)
    anew = OrdersModel()
    anew.show(rows)
    anew.look_for("", outcome)
    anew.sort(column, order)
    assert [row.order.id for row in model.rows()] == [row.order.id for row in anew.rows()]
    assert model.rows() == anew.rows()
    assert all(model.row(place) is row for place, row in enumerate(model.rows()))


def test_ten_thousand_texts_are_read_in_slices_and_then_found_at_once(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders_model, "SLICE_S", 0.0)  # a slice is one row
    rows, model, counts = many(40), OrdersModel(), [0]
    model.show(rows)
    model.modelReset.connect(lambda: counts.append(model.rowCount()))
    model.look_for("ethusdt", "")
    assert model.rowCount() == 40, "what was shown stays until all is read"
    rows = rows.having(msgspec.structs.replace(rows[1], order=msgspec.structs.replace(rows[2].order, id=41)))
    model.show(rows)
    assert model.rowCount() == 41
    qapp.processEvents()
    model.look_for("btcusdt", "")
    for _turn in range(200):
        qapp.processEvents()
    assert counts == [0, 20]
    assert {row.order.symbol_name for row in model.rows()} == {"BTCUSDT"}
    model.show(rows.having(msgspec.structs.replace(rows[1], order=msgspec.structs.replace(rows[1].order, id=42))))
    assert model.rowCount() == 21


def test_what_is_selected_stays_so_when_the_table_is_sorted_and_filtered(qapp: QApplication) -> None:
    view = OrdersView()
    view.show_rows(scripted().rows)
    view.select(7)
    view.table.sortByColumn(PROFIT, Qt.SortOrder.AscendingOrder)
    assert view.model.row(view.table.currentIndex().row()).order.id == 7
    view.search.setText("btcusdt")
    assert view.model.row(view.table.currentIndex().row()).order.id == 7
    assert view.details.order_id == 7


def test_the_watch_tells_how_long_the_computer_slept(qapp: QApplication) -> None:
    told: list[float] = []
    clock = iter([0.0, 2.0, 3602.0, 3604.0])
    watch = SleepWatch(told.append, lambda: next(clock))
    for _look in range(3):
        watch.look()
    assert told == [3598.0]


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_start_with_the_computer_is_one_file_of_ours(tmp_path: Path, platform: str) -> None:
    autostart = Autostart(["/opt/a b/agent"], tmp_path, platform)
    autostart.switch(True)
    assert autostart.is_on
    assert "/opt/a b/agent" in autostart.file.read_text()
    autostart.switch(False)
    assert not autostart.is_on
    autostart.switch(False)


def test_a_second_start_of_an_account_raises_the_first_ones_window(qapp: QApplication, tmp_path: Path) -> None:
    raised: list[int] = []
    first = OneWindow(tmp_path, "hub alice", lambda: raised.append(1))
    assert first.take()
    assert raise_other(tmp_path, "hub alice")
    qapp.processEvents()
    assert raised == [1]
    assert not raise_other(tmp_path, "hub bob")
    first.give_up()
    assert not raise_other(tmp_path, "hub alice")


def test_the_window_comes_within_seconds_and_sigterm_ends_it_in_order(tmp_path: Path) -> None:
    given = ["--data-dir", str(tmp_path), "--user", "alice", "--server", "http://127.0.0.1:9"]
    program = subprocess.Popen(
        [sys.executable, "-c", _STARTS, *given], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]
    )
    assert program.stdout is not None
    assert program.stdout.readline().strip() == "shown"
    began = time.monotonic()
    program.send_signal(signal.SIGTERM)
    assert program.wait(12) == 0
    assert time.monotonic() - began < 12


_STARTS = """
import os, sys
os.environ["QT_QPA_PLATFORM"] = "offscreen"
from agent.ui import login_window
shown = login_window.LoginWindow.showEvent
def tell(self, event):
    print("shown", flush=True)
    shown(self, event)
login_window.LoginWindow.showEvent = tell
from agent.__main__ import main
sys.argv[0] = "agent"
main()
"""
