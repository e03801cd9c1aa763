"""The first start in four steps: language, hub, paper, limits.

The invariant: nothing is kept before the last step is done, and every step can be gone back from.
"""

from collections.abc import Callable

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from agent.language import LANGUAGES, _, current
from agent.ui.widgets import Amount, Choice, Retold, Window, label

STEPS = 4


class FirstRun(Window):
    """`language_wanted`, and `chosen` (server, user name, stake)."""

    language_wanted = pyqtSignal(str)
    chosen = pyqtSignal(str, str, int)
    closed = pyqtSignal()

    def __init__(self, server: str, stake: int, lowest: int, highest: int) -> None:
        super().__init__()
        self._retold = told = Retold()
        self.language, self.server, self.username = Choice(), QLineEdit(server), QLineEdit()
        self.stake = Amount(lowest, highest)
        for code, name in LANGUAGES.items():
            self.language.addItem(name, code)
        self.language.setCurrentIndex(self.language.findData(current()))
        self.language.activated.connect(lambda place: self.language_wanted.emit(self.language.itemData(place)))
        self.stake.setValue(stake)
        self.steps, self.step = QStackedWidget(), label("muted")
        self.back, self.next = told.button(lambda: _("Back")), told.button(self._next_words, "main")
        self.next.setDefault(True)
        self.back.clicked.connect(lambda: self._go(-1))
        self.next.clicked.connect(lambda: self._go(1))
        told.tell(self.setWindowTitle, lambda: _("bn-auto: first start"))
        self._arrange()
        self._go(0)
        self.resize(520, 280)

    def retranslate(self) -> None:
        """After a change of the language."""
        self._retold.retranslate()
        self._go(0)

    def reject(self) -> None:
        """Qt: Esc, which ends no program."""

    def closeEvent(self, event: object) -> None:  # noqa: N802 Qt's name
        """Closed before it was done."""
        self.closed.emit()

    def _arrange(self) -> None:
        self._page(
            lambda: _("Language"),
            lambda: _("Choose the language of the windows. It can be changed at any time."),
            (lambda: _("Language"), self.language),
        )
        self._page(
            lambda: _("Hub"),
            lambda: _("Orders come from a hub. Its admin gives you the address, a user name and a password."),
            (lambda: _("Hub's address"), self.server),
            (lambda: _("User name"), self.username),
        )
        self._page(
            lambda: _("Paper first"),
            lambda: _(
                "The program starts on PAPER: orders go to a simulator and no money is at stake. LIVE has to be"
                " switched on by you, after its risks have been read."
            ),
        )
        self._page(
            lambda: _("Limits"),
            lambda: _(
                "How much an order may stake. Limits for the day can be set later: an order over a limit is not placed."
            ),
            (lambda: _("Stake of an order"), self.stake),
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 20)
        column.addWidget(self.step)
        column.addWidget(self.steps, 1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.back)
        buttons.addStretch()
        buttons.addWidget(self.next)
        column.addLayout(buttons)

    def _page(
        self, title: Callable[[], str], text: Callable[[], str], *fields: tuple[Callable[[], str], QWidget]
    ) -> None:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._retold.label(title, "heading"))
        column.addWidget(self._retold.label(text))
        form = QFormLayout()
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        for words, field in fields:
            form.addRow(self._retold.label(words, buddy=field), field)
        column.addLayout(form)
        column.addStretch()
        self.steps.addWidget(page)

    def _go(self, by: int) -> None:
        to = self.steps.currentIndex() + by
        if to >= STEPS:
            self.stake.interpretText()  # a button that takes no focus leaves what was typed undone
            self.chosen.emit(self.server.text().strip(), self.username.text().strip(), self.stake.value())
            return
        self.steps.setCurrentIndex(max(0, to))
        self.step.setText(_("Step {number} of {count}").format(number=max(0, to) + 1, count=STEPS))
        self.back.setEnabled(to > 0)
        self.next.setText(self._next_words())

    def _next_words(self) -> str:
        return _("Begin") if self.steps.currentIndex() == STEPS - 1 else _("Next")
