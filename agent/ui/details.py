"""Everything about one order: what became of it and why, the time of each hop, and what an unknown one needs."""

from typing import Final

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from agent.language import _
from agent.ui import words
from agent.ui.rows import Row
from agent.ui.sentences import hops
from agent.ui.widgets import Retold, label
from protocol.text import clean

SELECTABLE: Final = Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard


class Details(QScrollArea):
    """`resolved` (order id, outcome)."""

    resolved = pyqtSignal(int, str)

    def __init__(self) -> None:
        super().__init__()
        self._retold = told = Retold()
        self._row: Row | None = None
        self.title, self.why, self.todo, self.times = label("heading"), label(), label("problem"), label("muted")
        for text in (self.why, self.times):
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
        for part in (self.title, self.why, self.todo):
            column.addWidget(part)
        buttons = QHBoxLayout()
        buttons.addWidget(self.stands)
        buttons.addWidget(self.does_not)
        buttons.addStretch()
        column.addLayout(buttons)
        column.addWidget(self.times)
        column.addStretch()
        return inner

    def _render(self) -> None:
        row = self._row
        is_unknown = row is not None and row.outcome == "unknown"
        for part in (self.todo, self.stands, self.does_not):
            part.setVisible(is_unknown)
        self.todo.setText(
            _("It may or may not stand at the exchange. Look at the exchange's order list, then say what became of it.")
        )
        if row is None:
            self.title.setText(_("Select an order to see what became of it and why."))
            self.why.hide()
            self.times.hide()
            return
        self.title.setText(f"{_title(row)} · {words.state(row)}")
        self.why.setText(words.why(row.reason))
        self.why.setVisible(row.reason is not None)
        self.times.setText(_times(row))
        self.times.show()

    def _resolve(self, outcome: str) -> None:
        if self._row is not None:
            self.resolved.emit(self._row.order.id, outcome)


def _title(row: Row) -> str:
    order = row.order
    what = f"{order.symbol_name} {words.direction(order.direction)} {words.increment(order.time_increments)}"
    stake = "" if row.stake is None else f" · {words.amount(row.stake)} USDT"
    return _("Order {id}: {what}").format(id=order.id, what=what) + f" · {words.mode(row.mode)}{stake}"


def _times(row: Row) -> str:
    way = hops(row)
    lines = [
        (_("published"), words.date_time(row.order.created_ms), ""),
        (_("received"), words.time_of_day(row.received_ms), words.milliseconds(way.to_here)),
        (_("submitted"), words.time_of_day(row.submitted_ms), words.milliseconds(way.here)),
        (_("answered"), words.time_of_day(row.executed_ms), words.milliseconds(way.at_exchange)),
        (_("valid until"), words.time_of_day(row.order.expires_ms), ""),
    ]
    if row.settled_ms is not None:
        lines.append((_("settled"), words.time_of_day(row.settled_ms), words.profit(row.profit)))
    if row.exchange_order_id:
        lines.append((_("order at the exchange"), clean(row.exchange_order_id), ""))
    reported = _("the hub has the result") if row.is_reported else _("the hub does not have the result yet")
    return "\n".join([*("  ".join(filter(None, (f"{name}: {at}", took))) for name, at, took in lines), reported])
