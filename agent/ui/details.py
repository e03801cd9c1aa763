"""Everything about one order: what became of it and why, the time of each hop, and what an unknown one needs."""

from itertools import zip_longest
from typing import Final

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from agent.language import _
from agent.ui import words
from agent.ui.rows import Row
from agent.ui.sentences import hops
from agent.ui.widgets import Retold, label, show_only
from protocol.text import clean

LINES: Final = 8
"""The most that is told of one order."""
Told = tuple[str, str, str]
"""What, when, and how long it took or what it brought."""
SELECTABLE: Final = Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard


class Details(QScrollArea):
    """`resolved` (order id, outcome)."""

    resolved = pyqtSignal(int, str)

    def __init__(self) -> None:
        super().__init__()
        self._retold = told = Retold()
        self._row: Row | None = None
        self.title, self.why, self.todo = label("heading"), label(), label("problem")
        self.nothing = told.label(lambda: _("Select an order to see what became of it and why."), "muted")
        self.report = label("muted")
        self.times = [(label("muted"), label(), label()) for _line in range(LINES)]
        for text in (self.why, *(at for _what, at, _took in self.times)):
            text.setTextInteractionFlags(SELECTABLE)
        self.stands = told.button(lambda: _("It was placed"))
        self.does_not = told.button(lambda: _("It was not placed"))
        self.stands.clicked.connect(lambda: self._resolve("success"))
        self.does_not.clicked.connect(lambda: self._resolve("failed"))
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(self._arranged())
        told.tell(self.setAccessibleName, lambda: _("Details of the order"))
        self._render()

    @property
    def order_id(self) -> int | None:
        """Which order is shown."""
        return None if self._row is None else self._row.order.id

    def show_row(self, row: Row) -> None:
        """Show this one."""
        if row is not self._row:
            self._row = row
            self._render()

    def say(self, text: str) -> None:
        """Something that went wrong with what the person wanted."""
        self.todo.setText(text)
        self.todo.setVisible(True)

    def retranslate(self) -> None:
        """After a change of the language."""
        self._retold.retranslate()
        self._render()

    def _arranged(self) -> QWidget:
        inner = QWidget()
        column = QVBoxLayout(inner)
        for part in (self.nothing, self.title, self.why, self.todo):
            column.addWidget(part)
        buttons = QHBoxLayout()
        buttons.addWidget(self.stands)
        buttons.addWidget(self.does_not)
        buttons.addStretch()
        column.addLayout(buttons)
        column.addLayout(self._grid())
        column.addWidget(self.report)
        column.addStretch()
        return inner

    def _grid(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(18)
        grid.setVerticalSpacing(3)
        grid.setColumnStretch(3, 1)
        for line, parts in enumerate(self.times):
            for column, part in enumerate(parts):
                part.setWordWrap(False)
                grid.addWidget(part, line, column)
            parts[2].setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return grid

    def _render(self) -> None:
        row = self._row
        is_unknown = row is not None and row.outcome == "unknown"
        todo = _(
            "It may or may not stand at the exchange. Look at the exchange's order list, then say what became of it."
        )
        show_only(self.todo, is_unknown, todo if is_unknown else "")
        for button in (self.stands, self.does_not):
            button.setVisible(is_unknown)
        self.nothing.setVisible(row is None)
        self.title.setVisible(row is not None)
        self.title.setText("" if row is None else f"{_title(row)} · {words.state(row)}")
        reason = None if row is None else row.reason
        why = "" if reason is None else _("Why: {reason}").format(reason=words.why(reason))
        show_only(self.why, bool(why), why)
        show_only(self.report, row is not None, "" if row is None else _reported(row))
        told = [] if row is None else _times(row)
        for parts, texts in zip_longest(self.times, told):
            for part, text in zip(parts, texts or ("", "", ""), strict=True):
                show_only(part, bool(text), text)

    def _resolve(self, outcome: str) -> None:
        if self._row is not None:
            self.resolved.emit(self._row.order.id, outcome)


def _title(row: Row) -> str:
    stake = "" if row.stake is None else f" · {words.amount(row.stake)} USDT"
    what = _("Order {id}: {what}").format(id=row.order.id, what=words.contract(row.order))
    return f"{what} · {words.mode(row.mode)}{stake}"


def _times(row: Row) -> list[Told]:
    way, told = hops(row), [(_("published"), words.date_time(row.order.created_ms), "")]
    told.append((_("received"), words.time_of_day(row.received_ms), words.milliseconds(way.to_here)))
    if row.submitted_ms is not None:
        told.append((_("submitted"), words.time_of_day(row.submitted_ms), words.milliseconds(way.here)))
    if row.executed_ms is not None:
        what = _("not placed") if row.submitted_ms is None else _("answered")
        took = "" if way.at_exchange is None else words.milliseconds(way.at_exchange)
        told.append((what, words.time_of_day(row.executed_ms), took))
    told.append((_("valid until"), words.time_of_day(row.order.expires_ms), ""))
    if row.settled_ms is not None:
        told.append((_("settled"), words.time_of_day(row.settled_ms), words.profit(row.profit)))
    if row.exchange_order_id:
        told.append((_("order at the exchange"), clean(row.exchange_order_id), ""))
    return told


def _reported(row: Row) -> str:
    return _("the hub has the result") if row.is_reported else _("the hub does not have the result yet")
