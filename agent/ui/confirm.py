"""The question of confirm mode: one window an order, with what is left of its time.

The invariant: it only hands on what the person says. When its time is over by the hub's clock it takes no yes, and
whatever it does, no answer places nothing: the gate decides, by the clock.
"""

from collections.abc import Callable
from typing import Final

from PyQt6.QtCore import Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PyQt6.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout

from agent.language import _
from agent.model.engine import Mode
from agent.model.events import Asked
from agent.ui import words
from agent.ui.widgets import Retold, Window, label, restyle

TICK_MS: Final = 100


class ConfirmWindow(Window):
    """`answered` (order id, yes or no). `hub_ms` tells the hub's clock."""

    answered = pyqtSignal(int, bool)

    def __init__(self, asked: Asked, mode: Mode, hub_ms: Callable[[], int]) -> None:
        super().__init__(Qt.WindowType.WindowStaysOnTopHint)
        self._retold = told = Retold()
        self._asked, self._mode, self._hub_ms = asked, mode, hub_ms
        self.order_id = asked.order_id
        self.mode = told.label(lambda: words.mode(mode), "mode")
        self.mode.setWordWrap(False)
        restyle(self.mode, "live", is_on=mode is Mode.LIVE)
        self.what, self.left = told.label(self._what, "sentence"), label("heading")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.yes = told.button(self._yes_words, "main")
        self.no = told.button(lambda: _("Refuse (Esc)"), "refuse")
        told.tell(self.setWindowTitle, self._title)
        self._arrange()
        self.yes.clicked.connect(lambda: self._say(True))
        self.no.clicked.connect(lambda: self._say(False))
        QShortcut(QKeySequence("Ctrl+Return"), self).activated.connect(self.yes.click)
        QShortcut(QKeySequence("Esc"), self).activated.connect(self.no.click)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.tick)
        self._timer.start(TICK_MS)
        self.tick()
        self._make_equal()
        self.no.setFocus()
        self.resize(480, self.sizeHint().height())

    def retranslate(self) -> None:
        """After a change of the language."""
        self._retold.retranslate()
        self._make_equal()
        self.tick()

    def tick(self) -> None:
        """Show what is left."""
        left_ms = self._asked.until_ms - self._hub_ms()
        self.yes.setEnabled(left_ms > 0)
        seconds = max(0, left_ms + 999) // 1000
        text = _("{seconds} s left. Without an answer it is not placed.").format(seconds=seconds)
        self.left.setText(text if left_ms > 0 else _("Its time is over. It is not placed."))
        whole_ms = max(1, self._asked.order.valid_duration * 1000)
        self.bar.setValue(max(0, min(100, 100 * left_ms // whole_ms)))
        self.bar.setAccessibleName(self.left.text())

    def over(self) -> None:
        """Nobody waits for an answer any more."""
        self._timer.stop()
        self.hide()
        self.deleteLater()

    def closeEvent(self, event: QCloseEvent | None) -> None:  # noqa: N802 Qt's name
        """Closing it is a no."""
        if self._timer.isActive():
            self.answered.emit(self.order_id, False)

    def _say(self, is_yes: bool) -> None:
        if not is_yes or self._asked.until_ms > self._hub_ms():
            self.answered.emit(self.order_id, is_yes)

    def _make_equal(self) -> None:
        """To refuse is as easy as to accept."""
        wide = max(button.sizeHint().width() for button in (self.no, self.yes))
        for button in (self.no, self.yes):
            button.setMinimumWidth(wide)

    def _what(self) -> str:
        order = self._asked.order
        stake = _("Stake {stake} USDT, payout ratio {ratio}").format(
            stake=words.amount(self._asked.stake), ratio=words.payout_ratio(self._asked.ratio)
        )
        return f"{words.contract(order)}\n{stake}"

    def _title(self) -> str:
        order = _("Order {id}").format(id=self.order_id)
        return f"{words.mode(self._mode)} · {order} · {_('Place this order?')}"

    def _yes_words(self) -> str:
        return _("Place on {mode} (Ctrl+Enter)").format(mode=words.mode(self._mode))

    def _arrange(self) -> None:
        column = QVBoxLayout(self)
        column.setSpacing(12)
        column.setContentsMargins(22, 18, 22, 18)
        column.addWidget(self.mode, 0, Qt.AlignmentFlag.AlignLeft)
        for part in (self.what, self.left, self.bar):
            column.addWidget(part)
        buttons = QHBoxLayout()
        buttons.addWidget(self.no, 1)
        buttons.addWidget(self.yes, 1)
        column.addLayout(buttons)
