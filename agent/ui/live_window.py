"""Before LIVE: what a trader must be told, and the word that says it was read.

The invariant: the button works only while the word stands in its field.
"""

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QFormLayout, QHBoxLayout, QLineEdit, QVBoxLayout

from agent.language import _
from agent.model import consent
from agent.ui.widgets import Retold, Window


class LiveWindow(Window):
    """`agreed` once the person has typed the word."""

    agreed = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self._retold = told = Retold()
        self.word = QLineEdit()
        self.go = told.button(lambda: _("Switch LIVE on"), "main")
        self.cancel = told.button(lambda: _("Stay on PAPER"))
        told.tell(self.setWindowTitle, lambda: _("Live trading"))
        self._arrange()
        self.word.textChanged.connect(self._look)
        self.go.clicked.connect(self._agree)
        self.cancel.clicked.connect(self.close)
        self._look()
        self.resize(580, 420)

    def retranslate(self) -> None:
        """After a change of the language."""
        self._retold.retranslate()
        self._look()

    def _arrange(self) -> None:
        told, column = self._retold, QVBoxLayout(self)
        column.setContentsMargins(22, 18, 22, 18)
        column.setSpacing(12)
        column.addWidget(told.label(lambda: _("Live trading spends your money"), "heading"))
        column.addWidget(told.label(_risks))
        form = QFormLayout()
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        name = told.label(lambda: _("To go on, type: {word}").format(word=consent.WORDS), buddy=self.word)
        form.addRow(name, self.word)
        column.addLayout(form)
        column.addStretch()
        buttons = QHBoxLayout()
        buttons.addWidget(self.cancel)
        buttons.addStretch()
        buttons.addWidget(self.go)
        column.addLayout(buttons)

    def _look(self) -> None:
        self.go.setEnabled(self.word.text().strip() == consent.WORDS)

    def _agree(self) -> None:
        self.word.clear()
        self.close()
        self.agreed.emit()


def _risks() -> str:
    """A paragraph for each sentence or two; a line that ends in none is joined with the next."""
    whole = ""
    for line in map(_, consent.TEXT):
        whole += line + ("\n\n" if line.endswith((".", "。")) else " " if line.isascii() else "")
    return whole.rstrip()
