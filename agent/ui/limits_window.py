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
from agent.ui.widgets import Retold, Window, Words, label, show_only

AMOUNT: Final = "USDT"
GROUPS: Final[tuple[tuple[Words, tuple[str, ...]], ...]] = (
    (lambda: _("One order"), ("min_stake", "max_stake")),
    (lambda: _("How many"), ("open_positions", "orders_per_hour", "orders_per_day")),
    (lambda: _("Money of a day"), ("stake_per_day", "loss_per_day", "profit_per_day", "fall_from_peak")),
    (lambda: _("After losses"), ("losses_in_a_row", "pause_minutes")),
    (lambda: _("When"), ("quiet_hours", "weekdays")),
)
SHOWN: Final = tuple(key for _title, keys in GROUPS for key in keys)
HINTS: Final = {
    **dict.fromkeys(("min_stake", "max_stake", *GROUPS[2][1]), AMOUNT),
    "quiet_hours": "22:00-06:00",
    "weekdays": "mon-fri",
}
"""What a field takes, where its name does not say it."""


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
        self.resize(540, 680)

    def show_rules(self, texts: Mapping[str, str | None]) -> None:
        """The values as they are; an empty field does not bind."""
        self._kept = {key: texts.get(key) or "" for key in SHOWN}
        for key, field in self.fields.items():
            field.setText(self._kept[key])
        self.say(lambda: "")

    def show_rule(self, key: str, text: str | None) -> None:
        """What holds, where another value was not taken."""
        self._kept[key] = text or ""
        self.fields[key].setText(self._kept[key])

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
        for title, keys in GROUPS:
            heading = self._retold.label(title, "group")
            heading.setIndent(0)
            form.addRow(heading)
            for key in keys:
                field = self.fields[key]
                form.addRow(self._retold.label(partial(words.rule, key), buddy=field), field)
                field.setPlaceholderText(HINTS.get(key, ""))
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
        column.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignRight)

    def _edited(self, key: str) -> None:
        text = self.fields[key].text().strip()
        if text != self._kept.get(key, ""):
            self._kept[key] = text
            self.rule_wanted.emit(key, text or "off")
