"""Text from outside in the windows: shown as it is written, on one line, and nothing in it is obeyed."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QTextDocument
from PyQt6.QtWidgets import QApplication, QLabel, QLineEdit, QPlainTextEdit, QProgressBar, QWidget

from agent.drivers.binance.login.messages import Ended, Result
from agent.model import events
from agent.model.engine import Mode
from agent.model.events import End, SessionEnded
from agent.model.reasons import Reason
from agent.ui import notices, refusals
from agent.ui.log_panel import LogPanel
from agent.ui.login_window import LoginWindow
from agent.ui.main_window import MainWindow
from agent.ui.orders_model import COLUMNS
from agent.ui.palette import LIGHT
from agent.ui.qr_window import QrWindow
from agent.ui.sentences import Tone
from agent.ui.state import View
from agent.ui.tray import Tray, unmarked
from protocol.text import clean
from tests.screenshots import every_window, scripted

EVIL = '<b>bold</b><img src="http://127.0.0.1:9/x.png">\x1b[31mred\x07 \u202etxet\u2066 \u200b\r\nsecond line'
REFUSAL = Reason("exchange.refused", {"words": EVIL, "code": "1"})
BAR = Reason("limit.of_a_newer_version", {"why": EVIL})


def evil_view(**more: object) -> View:
    """Each fact that somebody else has a say in is the evil text."""
    view = scripted(12)
    row = msgspec.structs.replace(view.rows[3], reason=REFUSAL, exchange_order_id=EVIL)
    bars = tuple(msgspec.structs.replace(bar, refuses=BAR) for bar in view.bars)
    return msgspec.structs.replace(view, username=EVIL, server=EVIL, rows=view.rows.having(row), bars=bars, **more)


VIEWS = {
    "halted": evil_view(halt=EVIL),
    "offline": evil_view(is_connected=False, lost=EVIL, retry_at_ms=1),
    "refused": evil_view(refuses=BAR),
}


def main_window(view: View) -> MainWindow:
    window = MainWindow()
    window.render_view(view)
    window.orders.show_rows(view.rows)
    window.orders.select(3)
    window.show()
    window.flush()
    return window


def texts(window: QWidget) -> Iterator[str]:
    """All that it shows and all that a screen reader is told of it."""
    yield window.windowTitle()
    for part in [window, *window.findChildren(QWidget)]:
        yield from (part.accessibleName(), part.accessibleDescription(), part.toolTip())
        match part:
            case QLabel() | QLineEdit() | QProgressBar():
                yield part.text()
            case QPlainTextEdit():
                yield part.toPlainText()


def wrong(shown: list[str]) -> list[str]:
    return [
        text
        for text in shown
        if any(not sign.isprintable() and sign not in "\n\u00a0" for sign in text)
        or any(line.lstrip().startswith("second line") for line in text.split("\n"))
    ]


@pytest.mark.parametrize("name", VIEWS)
def test_the_main_window_obeys_nothing_and_shows_it_on_one_line(qapp: QApplication, name: str) -> None:
    window = main_window(VIEWS[name])
    shown = list(texts(window))
    assert wrong(shown) == []
    evil = [text for text in shown if "<b>bold</b>" in text]
    assert len(evil) >= 6, "title, sentence, bars, why, order at the exchange"
    window.hide()
    window.deleteLater()


def test_cells_their_tooltips_and_what_is_exported_show_it_as_it_is_written(qapp: QApplication) -> None:
    window = main_window(VIEWS["halted"])
    model = window.orders.model
    place = model.place(3)
    assert place is not None
    why = model.index(place, len(COLUMNS) - 1)
    text = why.data()
    assert "<b>bold</b>" in text
    assert wrong([text, why.data(Qt.ItemDataRole.AccessibleTextRole)]) == []
    document = QTextDocument()
    document.setHtml(why.data(Qt.ItemDataRole.ToolTipRole))
    assert document.toPlainText() == text
    assert Qt.mightBeRichText(text), "else the tooltip needed no care"
    window.hide()
    window.deleteLater()


@pytest.mark.parametrize("end", list(End))
def test_why_there_is_no_login(qapp: QApplication, end: End) -> None:
    window = LoginWindow("", "", is_remembered=False)
    for said in (refusals.words(SessionEnded(end, EVIL)), refusals.waiting(EVIL, 1.0)):
        window.say(lambda said=said: said)  # type: ignore[misc]
        assert wrong([said, *texts(window)]) == []
    assert "<b>bold</b>" in window.problem.text()


def test_how_a_login_at_the_exchange_ended(qapp: QApplication) -> None:
    window = QrWindow()
    for result in Result:
        window.heard(Ended(result, EVIL))
        assert wrong(list(texts(window))) == []


def test_the_log_has_one_line_an_event(qapp: QApplication) -> None:
    panel = LogPanel()
    told = [
        events.HubSaid(EVIL, EVIL),
        events.Disconnected(EVIL, 1.0),
        events.HaltChanged(EVIL, 1),
        events.Executed(7, "failed", Mode.PAPER, REFUSAL, EVIL),
        events.LoggedIn(EVIL, 7, 1),
        SessionEnded(End.REFUSED, EVIL),
    ]
    for event in told:
        panel.add(event, 1)
    panel.flush()
    assert wrong([panel.text.toPlainText()]) == []
    assert panel.text.document().blockCount() == len(told)  # type: ignore[union-attr]
    panel.retranslate()
    assert panel.text.document().blockCount() == len(told)  # type: ignore[union-attr]


def test_the_tray_hands_the_system_nothing_that_it_could_take_for_markup(qapp: QApplication) -> None:
    tray = Tray()
    tray.show_state(Tone.GOOD, LIGHT, f"PAPER · {EVIL}")
    said = notices.notice(View(), events.Executed(7, "failed", Mode.PAPER, REFUSAL, None))
    assert said is not None
    for text in (tray._icon.toolTip(), unmarked(said.text)):
        assert "‹b›bold‹/b›" in text
        assert not set("<>") & set(text)
        assert wrong([text]) == []
    tray.hide()


def test_every_label_shows_plain_text(qapp: QApplication) -> None:
    labels = 0
    for title, window in every_window():
        for part in window.findChildren(QLabel):
            if part.objectName().startswith("qt_"):
                continue
            assert part.textFormat() is Qt.TextFormat.PlainText, f"{title}: {part.text()!r}"
            labels += 1
        window.deleteLater()
    assert labels > 200


def test_clean_text_is_what_is_written_without_what_steers() -> None:
    assert clean(EVIL).startswith('<b>bold</b><img src="http://127.0.0.1:9/x.png">·[31mred· ·txet· ···second line')


def test_a_file_that_cannot_be_written_is_told_in_plain_text(qapp: QApplication, tmp_path: Path) -> None:
    window = main_window(VIEWS["halted"])
    window.orders._save(tmp_path / "<b>none</b>" / "orders.csv")
    assert "could not be written" in window.orders.details.todo.text()
    assert wrong(list(texts(window))) == []
    window.hide()
    window.deleteLater()
