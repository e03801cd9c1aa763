"""The login at the exchange: its QR code and each new one, what is happening, cancel, and the browser for a captcha.

The invariant: it shows events and holds no session; closing it cancels the login.
"""

from collections.abc import Callable
from functools import partial

from PyQt6.QtCore import QSize, Qt, pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QVBoxLayout

from agent.drivers.binance.login.messages import Ended, LoginEvent, PersonNeeded, QrShown, Result, Started
from agent.language import _
from agent.model.reasons import Reason
from agent.ui import shapes, words
from agent.ui.widgets import Retold, Window, label, restyle

SIDE = 260
WIDTH = 440
"""Pixels: the window stays as it is when a code comes or goes."""
BOUND = (Result.BOUND, Result.BOUND_WITHOUT_EXPIRY)


class QrWindow(Window):
    """`again_wanted` (with a visible browser or not), `cancel_wanted`."""

    again_wanted = pyqtSignal(bool)
    cancel_wanted = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self._retold = told = Retold()
        self._said: Callable[[], str] = _starting
        self._is_bound = False
        self.code, self.state = label("code"), label("heading")
        self.code.setMinimumSize(SIDE, SIDE)
        restyle(self.code, "framed", is_on=True)
        self.code.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.again = told.button(lambda: _("Refresh the QR code"), "main")
        self.browser = told.button(lambda: _("Show the browser"))
        self.cancel = told.button(self._cancel_words)
        told.tell(self.setWindowTitle, lambda: _("Log in at the exchange"))
        told.tell(self.code.setAccessibleName, lambda: _("QR code: scan it with the exchange's app"))
        self.again.clicked.connect(lambda: self.again_wanted.emit(False))
        self.browser.clicked.connect(lambda: self.again_wanted.emit(True))
        self.cancel.clicked.connect(self.close)
        self._arrange()
        self._show(self._said, is_over=False)
        self.resize(self.sizeHint().expandedTo(QSize(WIDTH, 0)))

    def heard(self, event: LoginEvent) -> None:
        """What the login's helper tells."""
        match event:
            case Started(is_headed=is_headed):
                said = (lambda: _("A browser window is open: log in there.")) if is_headed else _starting
                restyle(self.code, "framed", is_on=not is_headed)
                self._show(said, is_over=False)
            case QrShown(text, number):
                self.code.setPixmap(shapes.qr_code(text))
                self._show(lambda: _("QR code {number}: scan it with the exchange's app.").format(number=number))
            case PersonNeeded():
                self._show(lambda: _("The page asks something that only you may answer: show the browser."))
            case Ended(result, detail):
                self.code.clear()
                restyle(self.code, "framed", is_on=False)
                self._is_bound = result in BOUND
                self._show(partial(_ended, result, detail), is_over=not self._is_bound)

    def say(self, said: Callable[[], str]) -> None:
        """Why no login can begin."""
        self.code.clear()
        restyle(self.code, "framed", is_on=False)
        self._show(said, is_over=True)

    def retranslate(self) -> None:
        """After a change of the language."""
        self._retold.retranslate()
        self.state.setText(self._said())

    def closeEvent(self, event: object) -> None:  # noqa: N802 Qt's name
        """Closing it cancels the login."""
        self.cancel_wanted.emit()

    def _show(self, said: Callable[[], str], is_over: bool = False) -> None:
        self._said = said
        self.state.setText(said())
        self.again.setEnabled(is_over)
        self.browser.setEnabled(not self._is_bound)
        self.cancel.setText(self._cancel_words())

    def _cancel_words(self) -> str:
        return _("Close") if self._is_bound else _("Cancel")

    def _arrange(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(22, 18, 22, 18)
        column.addWidget(self.state)
        column.addWidget(self.code, 1)
        note = _note
        column.addWidget(self._retold.label(note, "muted"))
        buttons = QHBoxLayout()
        for button in (self.cancel, self.browser, self.again):
            buttons.addWidget(button)
        column.addLayout(buttons)


def _starting() -> str:
    return _("Starting the browser…")


def _ended(result: Result, detail: str) -> str:
    said = words.why(Reason(f"login.{result}", {"detail": detail}))
    return said[:1].upper() + said[1:]


def _note() -> str:
    return _("The session stays on this computer, encrypted. A captcha is yours to solve, in the visible browser.")
