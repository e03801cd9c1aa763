"""The orders of the window: the table, its filter, and everything about the order that is selected.

The invariant: what an unknown order needs is said beside it, and only the person says what became of it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QFontMetrics
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QSplitter,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from agent.language import _
from agent.ui import words
from agent.ui.details import Details
from agent.ui.orders_model import COLUMNS, LATENCY, PROFIT, STATE, OrdersModel, as_csv
from agent.ui.rows import Rows
from agent.ui.widgets import Choice, Retold, label, show_only
from protocol.text import clean

LEAST_WIDTH = 40
ROWS_MEASURED = 50
"""Of ten thousand cells nobody can wait for the widest."""
WIDEST: Final[dict[int, Callable[[], list[str]]]] = {
    STATE: words.states,
    PROFIT: lambda: ["+100.00"],
    LATENCY: lambda: ["0,000 ms"],
}
"""What a column may come to hold that holds none of it yet."""
SIGN = 20
"""Pixels of the sign that tells the order."""
OUTCOMES = ("", "success", "failed", "rejected", "expired", "unknown")


class OrdersView(QWidget):
    """`resolved` (order id, outcome): the person has looked at the exchange."""

    resolved = pyqtSignal(int, str)

    def __init__(self) -> None:
        super().__init__()
        self._retold = told = Retold()
        self._has_widths = False
        self.model = OrdersModel()
        self.table = QTableView()
        self.details = Details()
        self.nothing = told.label(self._nothing_words, "muted")
        self.details.resolved.connect(self.resolved)
        self.search, self.outcomes = QLineEdit(), Choice()
        self.export = told.button(lambda: _("Save as CSV…"))
        self._prepare_table()
        self._prepare_filter()
        told.tell(self.table.setAccessibleName, lambda: _("Orders"))
        self._arrange()
        self._fit_columns()

    def show_rows(self, rows: Rows) -> None:
        """Bring the table and the details up to date."""
        self.model.show(rows)
        if rows and not self._has_widths:
            self._has_widths = True
            self._fit_columns()
        self._say_nothing()
        shown = self.details.order_id
        if shown is not None and shown in rows:
            self.details.show_row(rows[shown])

    def select(self, order_id: int) -> None:
        """Show one order and its details."""
        place = self.model.place(order_id)
        if place is not None:
            self.table.selectRow(place)
            self.table.scrollTo(self.model.index(place, 0))

    def reveal(self, order_id: int) -> None:
        """Show it, whatever was looked for."""
        if self.model.place(order_id) is None:
            self.search.clear()
            self.outcomes.setCurrentIndex(0)
        self.select(order_id)
        self.table.setFocus()

    def retranslate(self) -> None:
        """After a change of the language."""
        self._retold.retranslate()
        self.model.retranslate()
        self._fit_columns()
        self.details.retranslate()
        for place in range(self.outcomes.count()):
            self.outcomes.setItemText(place, self._outcome_words(OUTCOMES[place]))

    def save_csv(self, path: Path) -> None:
        """What the table shows. Raises OSError."""
        path.write_text(as_csv(self.model.rows()), encoding="utf-8")

    def _prepare_table(self) -> None:
        table = self.table
        table.setModel(self.model)
        table.setSortingEnabled(True)
        table.sortByColumn(0, Qt.SortOrder.DescendingOrder)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setTabKeyNavigation(False)
        table.setAlternatingRowColors(True)
        table.setWordWrap(False)
        rows, columns = table.verticalHeader(), table.horizontalHeader()
        if rows is not None and columns is not None:
            rows.hide()
            rows.setDefaultSectionSize(table.fontMetrics().height() + 10)
            columns.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
            columns.setStretchLastSection(True)
            columns.setHighlightSections(False)
            columns.setResizeContentsPrecision(ROWS_MEASURED)
            columns.sortIndicatorChanged.connect(lambda _column, _order: self._fit_columns())
        chosen = table.selectionModel()
        if chosen is not None:
            chosen.currentRowChanged.connect(lambda now, _before: self._choose(now.row()))

    def _fit_columns(self) -> None:
        """As wide as heading and cells; room for the sign of the order only in the column that has it."""
        heading = QFontMetrics(self.table.font())
        for column in range(len(COLUMNS) - 1):
            sign = SIGN if column == self.model.sorted_by else 0
            wide = round(1.05 * heading.horizontalAdvance(COLUMNS[column].heading())) + 12 + sign
            known = [heading.horizontalAdvance(text) + 12 for text in WIDEST.get(column, list)()]
            self.table.setColumnWidth(column, max(wide, self.table.sizeHintForColumn(column) + 4, *known))
        self.table.setColumnWidth(len(COLUMNS) - 1, LEAST_WIDTH)

    def _prepare_filter(self) -> None:
        for outcome in OUTCOMES:
            self.outcomes.addItem(self._outcome_words(outcome), outcome)
        self.search.textChanged.connect(self._look)
        self.model.modelReset.connect(self._select_again)
        self.model.modelReset.connect(self._say_nothing)
        self.search.setClearButtonEnabled(True)
        for clear in self.search.findChildren(QToolButton):
            self._retold.tell(clear.setAccessibleName, lambda: _("Clear"))
        self.outcomes.currentIndexChanged.connect(self._look)
        self.export.clicked.connect(self._ask_where)

    def _arrange(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self._bare(lambda: _("&Find"), self.search))
        top.addWidget(self.search, 1)
        top.addWidget(self._bare(lambda: _("Outco&me"), self.outcomes))
        top.addWidget(self.outcomes)
        top.addWidget(self.export)
        parts = QSplitter(Qt.Orientation.Vertical)
        parts.addWidget(self.table)
        parts.addWidget(self.details)
        parts.setStretchFactor(0, 3)
        parts.setStretchFactor(1, 2)
        parts.setSizes([350, 250])
        parts.setChildrenCollapsible(False)
        column = QVBoxLayout(self)
        column.addLayout(top)
        column.addWidget(self.nothing)
        column.addWidget(parts, 1)

    def _bare(self, text: Callable[[], str], buddy: QWidget) -> QWidget:
        made = label()
        made.setWordWrap(False)
        made.setBuddy(buddy)
        self._retold.tell(made.setText, text)
        return made

    def _nothing_words(self) -> str:
        if self.model.rowCount():
            return ""
        if self._has_widths:
            return _("No order matches what you look for.")
        return _("No orders have reached this computer yet.")

    def _say_nothing(self) -> None:
        show_only(self.nothing, self.model.rowCount() == 0, self._nothing_words())

    def _choose(self, place: int) -> None:
        if place >= 0:
            self.details.show_row(self.model.row(place))

    def _look(self) -> None:
        self.model.look_for(self.search.text(), self.outcomes.currentData() or "")

    def _select_again(self) -> None:
        if self.details.order_id is not None:
            self.select(self.details.order_id)

    def _ask_where(self) -> None:
        dialog = QFileDialog(self, _("Save as CSV…"), "orders.csv", "CSV (*.csv)")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("csv")
        dialog.setLabelText(QFileDialog.DialogLabel.LookIn, _("Folder"))  # Qt's own Chinese leaves these two out
        dialog.setLabelText(QFileDialog.DialogLabel.FileType, _("Kind of file"))
        dialog.fileSelected.connect(lambda name: self._save(Path(name)))
        dialog.open()

    def _save(self, path: Path) -> None:
        try:
            self.save_csv(path)
        except OSError as error:
            self.details.say(_("The file could not be written: {why}").format(why=clean(error.strerror)))

    @staticmethod
    def _outcome_words(outcome: str) -> str:
        return words.outcome(outcome) if outcome else _("all")


__all__ = ["COLUMNS", "OrdersView"]
