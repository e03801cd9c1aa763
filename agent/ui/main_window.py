"""The main window: what happens with the next order at the top, the panel at the left, orders, charts and log.

The invariants: it renders the last view, at most every `FLUSH_MS`, and decides nothing; every wish leaves as a signal.
"""

import time
from typing import Final

from PyQt6.QtCore import QByteArray, QSize, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PyQt6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QMainWindow,
    QScrollArea,
    QSplitter,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from agent.language import _
from agent.model.engine import Mode
from agent.model.events import Event
from agent.ui import shapes, words
from agent.ui.charts import Charts
from agent.ui.log_panel import LogPanel
from agent.ui.orders_view import OrdersView
from agent.ui.palette import LIGHT, Colours
from agent.ui.panel import Panel
from agent.ui.sentences import Said, Tone, next_order
from agent.ui.state import Placing, View
from agent.ui.widgets import Retold, label, restyle
from protocol.text import clean

FLUSH_MS: Final = 80
COUNTDOWN_MS: Final = 500
CHARTS_MS: Final = 1_000
LEAST_SIDE: Final = 330
"""Pixels of the panel, which grows with its text and never scrolls sideways."""


class MainWindow(QMainWindow):
    """`render_view` takes a view at any rate; what the person wants are the signals, here and of the parts."""

    stop_wanted = pyqtSignal()
    go_wanted = pyqtSignal()
    settings_wanted = pyqtSignal()
    log_out_wanted = pyqtSignal()
    sleep_seen = pyqtSignal()
    closing = pyqtSignal(QCloseEvent)

    def __init__(self) -> None:
        super().__init__()
        self._retold = told = Retold()
        self._view, self._colours, self._is_stale = View(), LIGHT, True
        self._shown: tuple[Said, str] | None = None
        self.shape, self.sentence, self.notice, self.mode = label(), label("sentence"), label("problem"), label("mode")
        self.mode.setWordWrap(False)
        self.slept, self.hide_slept = label("problem"), told.button(lambda: _("Hide this notice"))
        self.sleep_notice, self.unknown_notice = QWidget(), QWidget()
        self.show_unknown = told.button(lambda: _("Show the order"))
        self.stop = told.button(lambda: self._stop_words(), "stop")
        self.settings = told.button(lambda: _("Settings…"))
        self.log_out = told.button(lambda: _("Log out"))
        self.panel, self.orders, self.charts, self.log = Panel(), OrdersView(), Charts(), LogPanel()
        self.tabs = QTabWidget()
        self._arrange()
        self._connect()
        self.resize(_first_size(self))
        self.tabs.setFocus()  # not on the large button, which may start to trade

    # what is shown

    def render_view(self, view: View) -> None:
        """Show it with the next batch."""
        self._view, self._is_stale = view, True

    def heard(self, event: Event, now_ms: int) -> None:
        """One more line for the log."""
        self.log.add(event, now_ms)

    def flush(self) -> None:
        """Show the last view now."""
        if not self._is_stale:
            return
        self._is_stale = False
        self._render_top()
        self.panel.render_view(self._view, _now_ms())
        self._fit_side()
        self.orders.show_rows(self._view.rows)

    def dress(self, colours: Colours, is_red_up: bool) -> None:
        """Other colours."""
        self._colours, self._shown = colours, None
        self.orders.model.dress(colours, is_red_up)
        self.charts.dress(colours)
        self._refresh()

    def retranslate(self) -> None:
        """Everything that is on the screen, in the language of today."""
        self._shown = None
        for part in (self._retold, self.panel, self.orders, self.charts, self.log):
            part.retranslate()
        self._refresh()

    def restore(self, geometry: str) -> None:
        """Where it was."""
        if geometry:
            self.restoreGeometry(QByteArray.fromHex(geometry.encode()))

    def geometry_text(self) -> str:
        """Where it is."""
        return bytes(self.saveGeometry().toHex().data()).decode()

    def closeEvent(self, event: QCloseEvent | None) -> None:  # noqa: N802 Qt's name
        """Whoever listens may ignore it: to the tray."""
        if event is not None:
            self.closing.emit(event)

    # inside

    def _fit_side(self) -> None:
        bar = self._side.verticalScrollBar()
        beside = 0 if bar is None else bar.sizeHint().width()
        self._side.setMinimumWidth(max(LEAST_SIDE, self.panel.minimumSizeHint().width() + beside))

    def _refresh(self) -> None:
        self._is_stale = True
        self.flush()

    def _tick(self) -> None:
        """The countdowns go on, also while nothing happens."""
        if self.isVisible():
            self.panel.render_view(self._view, _now_ms())

    def _draw_charts(self) -> None:
        if self.charts.isVisible():
            self.charts.show_rows(self._view.rows, self._view.mode)

    def _render_top(self) -> None:
        said, view = next_order(self._view), self._view
        if (said, view.mode) != self._shown:
            self._shown = (said, view.mode)
            self.sentence.setText(words.sentence(said))
            self.shape.setPixmap(shapes.pixmap(said.tone, self._colours.of(said.tone), 40, self.devicePixelRatio()))
            self.mode.setText(words.mode(view.mode))
            restyle(self.mode, "live", is_on=view.mode is Mode.LIVE)
        self.setWindowTitle(clean(f"{words.mode(view.mode)} · {view.username} · {view.server} · bn-auto"))
        self.stop.setText(self._stop_words())
        restyle(self.stop, "places", is_on=view.placing is Placing.PAUSED)
        self.stop.setEnabled(view.ended is None)
        self.notice.setText(_unknown_words(view))
        self.unknown_notice.setVisible(bool(view.unknown))
        self.slept.setText(_slept_words(view))
        self.sleep_notice.setVisible(view.slept_s is not None)

    def _stop_words(self) -> str:
        return _("Place again") if self._view.placing is Placing.PAUSED else _("Stop")

    def _press(self) -> None:
        (self.go_wanted if self._view.placing is Placing.PAUSED else self.stop_wanted).emit()

    def _go_to_unknown(self) -> None:
        """To the first order that waits for the person's word."""
        if self._view.unknown:
            self.tabs.setCurrentIndex(0)
            self.orders.reveal(self._view.unknown[0].order.id)

    def _banner(self) -> QFrame:
        banner = QFrame()
        banner.setObjectName("banner")
        grid = QGridLayout(banner)
        grid.setColumnStretch(1, 1)
        grid.setRowStretch(0, 1)
        self.shape.setFixedSize(44, 44)
        grid.addWidget(self.shape, 0, 0, 3, 1, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(self.sentence, 0, 1)
        notices = (
            (self.unknown_notice, self.notice, self.show_unknown),
            (self.sleep_notice, self.slept, self.hide_slept),
        )
        for line, (place, said, button) in enumerate(notices, start=1):
            grid.addWidget(place, line, 1)
            row = QHBoxLayout(place)
            row.setContentsMargins(0, 0, 0, 0)
            row.addWidget(said, 1)
            row.addWidget(button)
        grid.addWidget(self.mode, 0, 2, 3, 1, Qt.AlignmentFlag.AlignVCenter)
        grid.addWidget(self.stop, 0, 3, 3, 1, Qt.AlignmentFlag.AlignVCenter)
        return banner

    def _arrange(self) -> None:
        side = QScrollArea()
        side.setWidgetResizable(True)
        side.setFrameShape(QFrame.Shape.NoFrame)
        side.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        side.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        side.setWidget(self.panel)
        self._side = side
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(side, 1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.settings)
        buttons.addWidget(self.log_out)
        column.addLayout(buttons)
        parts = QSplitter()
        parts.addWidget(left)
        parts.addWidget(self._tabbed())
        parts.setStretchFactor(1, 1)
        parts.setSizes([336, 944])
        parts.setChildrenCollapsible(False)
        middle = QWidget()
        whole = QVBoxLayout(middle)
        whole.addWidget(self._banner())
        whole.addWidget(parts, 1)
        self.setCentralWidget(middle)

    def _tabbed(self) -> QTabWidget:
        charts = QScrollArea()
        charts.setWidgetResizable(True)
        charts.setFrameShape(QFrame.Shape.NoFrame)
        charts.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        charts.setWidget(self.charts)
        for part in (self.orders, charts, self.log):
            part.setAutoFillBackground(True)
            self.tabs.addTab(part, "")
        self._retold.tell(lambda text: self.tabs.setTabText(0, text), lambda: _("Orders"))
        self._retold.tell(lambda text: self.tabs.setTabText(1, text), lambda: _("Charts"))
        self._retold.tell(lambda text: self.tabs.setTabText(2, text), lambda: _("Log"))
        return self.tabs

    def _connect(self) -> None:
        self.stop.clicked.connect(self._press)
        self.settings.clicked.connect(self.settings_wanted)
        self.log_out.clicked.connect(self.log_out_wanted)
        self.hide_slept.clicked.connect(self.sleep_seen)
        self.show_unknown.clicked.connect(self._go_to_unknown)
        stop = QShortcut(QKeySequence("Ctrl+."), self)
        stop.setContext(Qt.ShortcutContext.ApplicationShortcut)  # a question may be the window that has the keys
        stop.activated.connect(self.stop_wanted)
        self._timers = []
        works = ((FLUSH_MS, self.flush), (FLUSH_MS, self.log.flush), (COUNTDOWN_MS, self._tick))
        for every_ms, work in (*works, (CHARTS_MS, self._draw_charts)):
            timer = QTimer(self)
            timer.timeout.connect(work)
            timer.start(every_ms)
            self._timers.append(timer)

    @property
    def tone(self) -> Tone:
        """The state, as tray and title have it."""
        return next_order(self._view).tone


def _unknown_words(view: View) -> str:
    said = _("Outcome unknown: {count}. Look at the exchange, then say what became of each.")
    return said.format(count=len(view.unknown)) if view.unknown else ""


def _slept_words(view: View) -> str:
    said = _("This computer slept for {time}. Orders that expired meanwhile: {count}; none is placed late.")
    return "" if view.slept_s is None else said.format(time=words.duration(view.slept_s), count=view.missed_asleep)


def _first_size(window: QWidget) -> QSize:
    """Wide enough for a table with its reasons where the screen is."""
    screen = window.screen()
    room = QSize(0, 0) if screen is None else 0.9 * screen.availableSize()
    return room.boundedTo(QSize(1440, 900)).expandedTo(QSize(1280, 800))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
