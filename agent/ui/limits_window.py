"""The trader's limits, a field each: what is typed holds from the next order on.

The invariant: a value that is not understood, or that may not be loosened today, changes nothing and says why.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QFormLayout, QFrame, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from agent.language import _
from agent.ui import words
from agent.ui.widgets import Retold, Window, label, show_only

SHOWN: Final = (
    "min_stake",
    "max_stake",
    "open_positions",
    "orders_per_hour",
    "orders_per_day",
    "stake_per_day",
    "loss_per_day",
    "profit_per_day",
    "fall_from_peak",
    "losses_in_a_row",
    "pause_minutes",
    "quiet_hours",
    "weekdays",
)


class LimitsWindow(Window):
    """`rule_wanted` (key, text; "off" where the field is empty)."""

    rule_wanted = pyqtSignal(str, str)

    def __init__(self) -> None:
        super().__init__()
        self._retold = told = Retold()
        self._said: Callable[[], str] = lambda: ""
        self.fields = {key: QLineEdit() for key in SHOWN}
        self._kept: dict[str, str] = {}
        self.problem = label("problem")
        self.close_button = told.button(lambda: _("Close"), "main")
        self.close_button.clicked.connect(self.close)
        told.tell(self.setWindowTitle, lambda: _("Limits"))
        self._arrange()
        self.resize(520, 640)

    def show_rules(self, texts: Mapping[str, str | None]) -> None:
        """The values as they are; an empty field does not bind."""
        self._kept = {key: texts.get(key) or "" for key in SHOWN}
        for key, field in self.fields.items():
            field.setText(self._kept[key])
        self.say(lambda: "")

    def say(self, said: Callable[[], str]) -> None:
        """Why a value was not taken; nothing where it was."""
        self._said = said
        show_only(self.problem, bool(said()), said())

    def retranslate(self) -> None:
        """After a change of the language."""
        self._retold.retranslate()
        self.problem.setText(self._said())

    def _arrange(self) -> None:
        form = QFormLayout()
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        for key, field in self.fields.items():
            form.addRow(self._retold.label(partial(words.rule, key), buddy=field), field)
            field.editingFinished.connect(partial(self._edited, key))
        inner = QWidget()
        inner.setLayout(form)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inner)
        column = QVBoxLayout(self)
        hint = self._retold.label(lambda: _("Empty: no limit. A change holds from the next order on."), "muted")
        for part in (hint, self.problem):
            column.addWidget(part)
        column.addWidget(area, 1)
        column.addWidget(self.close_button)

    def _edited(self, key: str) -> None:
        text = self.fields[key].text().strip()
        if text != self._kept.get(key, ""):
            self._kept[key] = text
            self.rule_wanted.emit(key, text or "off")
