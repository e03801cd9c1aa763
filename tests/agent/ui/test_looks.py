"""What a look at the main window tells while it is open: LIVE, a limit that refuses, the button that trades again."""

from collections.abc import Iterator

import msgspec
import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QColor
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication, QWidget

from agent.model.engine import Mode
from agent.model.reasons import Reason
from agent.ui import shapes
from agent.ui.main_window import MainWindow
from agent.ui.palette import DARK, LIGHT, Colours, dress
from agent.ui.sentences import Tone
from agent.ui.state import Placing, View
from tests.screenshots import scripted


@pytest.fixture
def window(qapp: QApplication) -> Iterator[MainWindow]:
    dress(qapp, LIGHT)
    made = MainWindow()
    show(made, scripted(12))
    made.show()
    yield made
    made.hide()
    made.deleteLater()


def show(window: MainWindow, view: View) -> None:
    window.render_view(view)
    window.flush()


def seen(part: QWidget, x: int = 8) -> str:
    picture = part.grab().toImage()
    return picture.pixelColor(x, picture.height() // 2).name()


def test_live_stands_out_from_paper_while_the_window_is_open(window: MainWindow) -> None:
    paper = seen(window.mode)
    show(window, msgspec.structs.replace(scripted(1), mode=Mode.LIVE))
    assert seen(window.mode) == LIGHT.text != paper
    show(window, scripted(1))
    assert seen(window.mode) == paper


def test_the_button_that_trades_again_is_not_the_one_that_stops(window: MainWindow) -> None:
    stops = seen(window.stop)
    show(window, msgspec.structs.replace(scripted(1), placing=Placing.PAUSED))
    assert (stops, seen(window.stop)) == (LIGHT.needs_you, LIGHT.accent)


def test_a_limit_that_comes_to_refuse_changes_its_bar_and_its_words(window: MainWindow) -> None:
    view = scripted(1)
    text, bar = window.panel.bars._shown["loss_per_day"]
    free = seen(bar)
    refuses = msgspec.structs.replace(view.bars[1], refuses=Reason("limit.loss_per_day", {"max": "50"}))
    show(window, msgspec.structs.replace(view, bars=(view.bars[0], refuses)))
    assert (free, seen(bar)) == (LIGHT.accent, LIGHT.needs_you)
    assert "Refuses the next order" in text.text()


def test_a_stray_key_neither_starts_nor_stops_anything(window: MainWindow, qapp: QApplication) -> None:
    wanted: list[str] = []
    window.go_wanted.connect(lambda: wanted.append("go"))
    window.stop_wanted.connect(lambda: wanted.append("stop"))
    window.activateWindow()
    QTest.qWaitForWindowActive(window, 1000)
    for key in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Escape):
        QTest.keyClick(qapp.focusWidget() or window, key)
    assert wanted == []


def test_an_unknown_order_is_one_press_away_whatever_was_looked_for(window: MainWindow) -> None:
    window.tabs.setCurrentIndex(2)
    window.orders.search.setText("no such order")
    assert window.orders.nothing.text() == "No order matches what you look for."
    window.show_unknown.click()
    assert window.tabs.currentIndex() == 0
    assert "outcome unknown" in window.orders.details.title.text()
    assert window.orders.details.stands.isVisible()


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("tone", [Tone.GOOD, Tone.HALTED, Tone.NEEDS_YOU])
def test_the_sign_within_a_shape_is_seen_on_it(qapp: QApplication, colours: Colours, tone: Tone) -> None:
    picture = shapes.pixmap(tone, colours.of(tone), 64).toImage()
    inner = {picture.pixelColor(x, y).name() for x in range(20, 44, 2) for y in range(24, 50, 2)}
    below = QColor(colours.of(tone))
    assert max(_contrast(QColor(name), below) for name in inner) > 4.5


def _contrast(one: QColor, other: QColor) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: QColor) -> float:
    parts = (colour.redF(), colour.greenF(), colour.blueF())
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
