"""What a screen reader is given and the keyboard reaches: DESK.md's points, those that one window shows by itself."""

from collections.abc import Iterator

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QComboBox,
    QDockWidget,
    QHeaderView,
    QLabel,
    QMenu,
    QPlainTextEdit,
    QProgressBar,
    QRadioButton,
    QScrollArea,
    QToolBar,
    QWidget,
)

from agent import language
from agent.ui.orders_model import COLUMNS, STATE, OrdersModel
from agent.ui.panel import Panel
from agent.ui.state import Placing
from tests.screenshots import every_window, now_ms, scripted


@pytest.fixture(scope="module", params=list(language.LANGUAGES))
def windows(request: pytest.FixtureRequest, qapp: QApplication) -> Iterator[list[tuple[str, QWidget]]]:
    language.switch(request.param)
    made = []
    for title, window in every_window():
        window.show()
        qapp.processEvents()
        made.append((title, window))
    yield made
    for _title, window in made:
        window.hide()
        window.deleteLater()


def of(windows: list[tuple[str, QWidget]], *kinds: type[QWidget]) -> Iterator[tuple[str, QWidget]]:
    """Every such part of the window itself: not of what pops up, not a table's headings."""
    for title, window in windows:
        for part in window.findChildren(QWidget):
            if isinstance(part, kinds) and part.window() is window and not isinstance(part, QHeaderView):
                yield title, part


def test_tables_text_areas_bars_and_charts_say_what_they_are(windows: list[tuple[str, QWidget]]) -> None:
    import pyqtgraph

    kinds = (QAbstractItemView, QPlainTextEdit, QProgressBar, pyqtgraph.PlotWidget)
    parts = list(of(windows, *kinds))
    assert [f"{title}: {type(part).__name__}" for title, part in parts if not part.accessibleName()] == []
    assert {kind for kind in kinds for _title, part in parts if isinstance(part, kind)} == set(kinds)


def test_a_choice_among_entries_has_its_name_from_a_label(windows: list[tuple[str, QWidget]]) -> None:
    """A name of its own never arrives: its name would be its entry."""
    boxes = list(of(windows, QComboBox))
    buddies = [label.buddy() for _title, window in windows for label in window.findChildren(QLabel) if label.text()]
    assert [title for title, box in boxes if box not in buddies] == []
    assert len(boxes) > 5


def test_no_label_has_a_name_that_hides_its_text(windows: list[tuple[str, QWidget]]) -> None:
    labels = [(title, part) for title, part in of(windows, QLabel) if isinstance(part, QLabel) and part.text()]
    assert [f"{title}: {part.text()}" for title, part in labels if part.accessibleName()] == []
    assert len(labels) > 200


def test_nothing_stands_where_tab_and_screen_readers_do_not_come(windows: list[tuple[str, QWidget]]) -> None:
    assert [title for title, _part in of(windows, QToolBar, QDockWidget)] == []
    menus = [menu for _title, window in windows for menu in window.findChildren(QMenu) if menu.actions()]
    assert menus == []


def test_what_only_scrolls_is_no_stop_of_its_own(windows: list[tuple[str, QWidget]]) -> None:
    areas = list(of(windows, QScrollArea))
    assert [title for title, area in areas if area.focusPolicy() & Qt.FocusPolicy.TabFocus] == []
    assert areas


def test_a_cell_says_its_heading_and_what_stands_in_it(qapp: QApplication) -> None:
    model = OrdersModel()
    model.show(scripted(24).rows)
    model.sort(0, Qt.SortOrder.DescendingOrder)
    said = [model.index(0, column).data(Qt.ItemDataRole.AccessibleTextRole) for column in range(len(COLUMNS))]
    shown = [model.index(0, column).data() for column in range(len(COLUMNS))]
    assert said == [f"{column.heading()}: {text}" for column, text in zip(COLUMNS, shown, strict=True)]
    assert shown[STATE] in ("won", "lost")


def test_a_limit_says_in_a_label_what_is_used_and_left(qapp: QApplication) -> None:
    panel = Panel()
    panel.render_view(scripted(1), now_ms())
    texts = [label.text() for label in panel.bars.findChildren(QLabel)]
    assert "Loss of the day: 35 of 50, 15 left" in texts
    assert [bar.accessibleName() for bar in panel.bars.findChildren(QProgressBar)] == texts


def test_a_choice_is_one_stop_and_the_arrows_choose(qapp: QApplication) -> None:
    panel = Panel()
    panel.render_view(scripted(1), now_ms())
    panel.show()
    panel.activateWindow()
    QTest.qWaitForWindowActive(panel, 1000)
    wanted: list[Placing] = []
    panel.placing_wanted.connect(wanted.append)
    panel.placings[Placing.AUTO].setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(qapp.focusWidget(), Qt.Key.Key_Right)
    assert wanted == [Placing.CONFIRM]
    QTest.keyClick(qapp.focusWidget(), Qt.Key.Key_Tab)
    assert not isinstance(qapp.focusWidget(), QRadioButton)
    panel.hide()
