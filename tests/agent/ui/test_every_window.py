"""Every window, in both languages, at 100 and 200 %: nothing cut off, nothing without a name, all by the keyboard."""

import gc
import re
from collections.abc import Iterator
from itertools import combinations

import pytest
from PyQt6.QtCore import QEvent, Qt
from PyQt6.QtGui import QFont, QFontMetrics
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QButtonGroup,
    QComboBox,
    QGraphicsView,
    QGroupBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QRadioButton,
    QScrollArea,
    QTabWidget,
    QWidget,
)

from agent import language
from agent.ui import words
from agent.ui.main_window import MainWindow
from agent.ui.orders_model import STATE
from agent.ui.orders_view import OrdersView
from agent.ui.palette import DARK, LIGHT, Colours, dress
from tests.screenshots import every_window, scripted

CONTROLS = (QAbstractButton, QLineEdit, QComboBox, QAbstractSpinBox, QAbstractItemView, QPlainTextEdit)


@pytest.fixture(params=[1, 2], ids=["100%", "200%"])
def scale(request: pytest.FixtureRequest, qapp: QApplication) -> Iterator[int]:
    was = qapp.font()
    font = QFont(was)
    font.setPointSizeF(was.pointSizeF() * request.param)
    let_go(qapp)
    qapp.setFont(font)
    dress(qapp, LIGHT)
    yield request.param
    let_go(qapp)
    qapp.setFont(was)
    dress(qapp, LIGHT)


def let_go(qapp: QApplication) -> None:
    """Every window that nobody holds: each that is left would be dressed anew, for seconds."""
    gc.collect()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


@pytest.fixture(params=list(language.LANGUAGES))
def speech(request: pytest.FixtureRequest) -> str:
    language.switch(request.param)
    return str(request.param)


def shown(qapp: QApplication) -> Iterator[tuple[str, QWidget]]:
    for title, window in every_window():
        window.show()
        window.resize(window.sizeHint().expandedTo(window.size()))
        qapp.processEvents()
        yield title, window
        window.hide()
        window.deleteLater()
    let_go(qapp)


def parts(window: QWidget, kind: type | tuple[type, ...]) -> list[QWidget]:
    return [part for part in window.findChildren(QWidget) if isinstance(part, kind) and part.isVisibleTo(window)]


def test_no_text_is_left_out_or_cut_off(qapp: QApplication, speech: str, scale: int) -> None:
    wrong = []
    for title, window in shown(qapp):
        wrong += [f"{title}: {said}" for said in (*_cut_sideways(window), *_over_each_other(window))]
        for part in parts(window, (QLabel, QAbstractButton)):
            text = part.text() if isinstance(part, QLabel | QAbstractButton) else ""
            is_button = isinstance(part, QAbstractButton) and part.focusPolicy() is not Qt.FocusPolicy.NoFocus
            if is_button and not text:
                wrong.append(f"{title}: a button without text")
            if text and part.isVisible() and part.width() + 2 < part.minimumSizeHint().width():
                wrong.append(f"{title}: {text!r} is cut, {part.width()} of {part.minimumSizeHint().width()}")
            if isinstance(part, QLabel) and text and part.wordWrap() and part.isVisible():
                needs = part.heightForWidth(part.width())
                if part.height() + 2 < needs:
                    wrong.append(f"{title}: {text!r} is {part.height()} high and needs {needs}")
    assert wrong == []


def _cut_sideways(window: QWidget) -> Iterator[str]:
    """What is wider than its place where one cannot scroll to it."""
    for area in parts(window, QScrollArea):
        assert isinstance(area, QScrollArea)
        inner, hole = area.widget(), area.viewport()
        assert inner is not None
        assert hole is not None
        is_fixed = area.horizontalScrollBarPolicy() is Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        if is_fixed and inner.width() > hole.width():
            yield f"{inner.width()} wide in {hole.width()}"


def _over_each_other(window: QWidget) -> Iterator[str]:
    """Texts and controls of one place that stand on the same pixels."""
    for first, second in combinations(parts(window, (QLabel, *CONTROLS, QProgressBar, QGraphicsView)), 2):
        if first.parent() is second.parent():
            shared = first.geometry().intersected(second.geometry())
            if shared.width() > 2 and shared.height() > 2:
                yield f"{_said(first)!r} and {_said(second)!r} share {shared}"


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_what_is_larger_than_the_text_grows_with_it(qapp: QApplication, scale: int, colours: Colours) -> None:
    dress(qapp, colours)
    window = MainWindow()
    window.render_view(scripted(1))
    window.show()
    text = QFontMetrics(window.panel.link.font()).height()
    for large in (window.sentence, window.mode, window.stop, window.orders.details.title):
        assert QFontMetrics(large.font()).height() > 1.2 * text
    window.hide()
    window.deleteLater()


def test_each_control_is_named_and_reached_by_tab(qapp: QApplication, speech: str) -> None:
    wrong, seen = [], 0
    for title, window in shown(qapp):
        for control in parts(window, CONTROLS):
            if control.objectName().startswith("qt_") or isinstance(control.parent(), QComboBox | QAbstractSpinBox):
                continue
            if type(control).__name__ in ("QHeaderView", "QTableCornerButton", "QScrollBar", "QToolButton"):
                continue
            seen += 1
            if not control.focusPolicy() & Qt.FocusPolicy.TabFocus:
                wrong.append(f"{title}: Tab does not reach {type(control).__name__} {control.objectName()!r}")
            name = control.accessibleName() or (control.text() if isinstance(control, QAbstractButton) else "")
            if not name and not _has_buddy(window, control):
                wrong.append(f"{title}: {type(control).__name__} has no name")
    assert wrong == []
    assert seen > 100


def _has_buddy(window: QWidget, control: QWidget) -> bool:
    return any(label.buddy() is control and label.text() for label in window.findChildren(QLabel))


def test_no_english_is_left_on_chinese_windows(qapp: QApplication) -> None:
    language.switch("zh_CN")
    kept = (
        "bn-auto",
        "USDT",
        "PAPER",
        "LIVE",
        "English",
        "TRADE LIVE",
        "alice",
        "http",
        "connection refused",
        "CSV",
        " ms",
        "P21",
    )
    wrong = []
    for title, window in shown(qapp):
        for part in parts(window, (QLabel, QAbstractButton)):
            text = part.text() if isinstance(part, QLabel | QAbstractButton) else ""
            has_chinese = any("\u4e00" <= letter <= "\u9fff" for letter in text)
            if any(letter.isalpha() for letter in text) and not has_chinese and not any(word in text for word in kept):
                wrong.append(f"{title}: {text!r}")
    assert wrong == []


def test_tab_goes_through_every_control_and_comes_back(qapp: QApplication) -> None:
    """By the key itself; of a group of choices one is a stop, and the arrows do the rest."""
    wrong, count = [], 0
    for title, window in shown(qapp):
        window.activateWindow()
        QTest.qWaitForWindowActive(window, 1000)
        wanted = {part for part in parts(window, CONTROLS) if _is_a_stop(part)}
        reached: set[QWidget] = set()
        for _step in range(3 * len(wanted) + 10):
            QTest.keyClick(qapp.focusWidget() or window, Qt.Key.Key_Tab)
            now = qapp.focusWidget()
            if now is not None:
                reached |= {now, *(group.buttons() if (group := _group(now)) is not None else [])}
        wrong += [f"{title}: {type(part).__name__} {_said(part)!r}" for part in wanted - reached]
        count += len(wanted & reached)
    assert wrong == []
    assert count > 200


def _is_a_stop(part: QWidget) -> bool:
    is_inner = part.objectName().startswith("qt_") or isinstance(part.parent(), QComboBox | QAbstractSpinBox)
    return part.isEnabled() and bool(part.focusPolicy() & Qt.FocusPolicy.TabFocus) and not is_inner


def _group(part: QWidget) -> QButtonGroup | None:
    return part.group() if isinstance(part, QRadioButton) else None


def _said(part: QWidget) -> str:
    return part.accessibleName() or (part.text() if isinstance(part, QAbstractButton | QLineEdit | QLabel) else "")


def test_what_the_table_may_say_has_room_before_it_is_said(qapp: QApplication, speech: str, scale: int) -> None:
    view = OrdersView()
    view.show_rows(scripted(1).rows)
    heading = QFontMetrics(view.table.font())
    for text in words.states():
        assert view.table.columnWidth(STATE) >= heading.horizontalAdvance(text) + 8, text


def test_a_window_that_changes_its_language_says_what_one_made_in_it_says(qapp: QApplication) -> None:
    """Reasons, the log, titles and names for screen readers too: nothing that was on the screen is left behind."""
    language.switch("en")
    changed = list(shown_at_once(qapp))
    language.switch("zh_CN")
    for _title, window in changed:
        window.retranslate()  # type: ignore[attr-defined]
    made = list(shown_at_once(qapp))
    differences = {
        title: sorted(texts(was) - texts(new)) for (title, was), (_title, new) in zip(changed, made, strict=True)
    }
    assert {title: left for title, left in differences.items() if left} == {}
    for _title, window in changed + made:
        window.hide()
        window.deleteLater()
    let_go(qapp)


def shown_at_once(qapp: QApplication) -> Iterator[tuple[str, QWidget]]:
    for title, window in every_window():
        window.show()
        yield title, window
    qapp.processEvents()


def texts(window: QWidget) -> set[str]:
    """What is read on it, without the figures, which change by the second."""
    said = {window.windowTitle()}
    for part in window.findChildren(QWidget):
        said |= {part.accessibleName(), part.toolTip()}
        match part:
            case QLabel() | QAbstractButton():
                said.add(part.text())
            case QComboBox():
                said |= {part.itemText(place) for place in range(part.count())}
            case QGroupBox():
                said.add(part.title())
            case QTabWidget():
                said |= {part.tabText(place) for place in range(part.count())}
            case QPlainTextEdit():
                said |= {*part.toPlainText().splitlines(), part.placeholderText()}
    return {re.sub(r"[0-9]+", "0", text) for text in said}
