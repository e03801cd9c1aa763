"""The table of orders: rows in batches, filter, order of columns, and the same as CSV.

The invariant: a batch costs what changed in it, not what is in the table.
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from PyQt6.QtCore import QAbstractTableModel, QModelIndex, QSortFilterProxyModel, Qt
from PyQt6.QtGui import QColor

from agent.language import _
from agent.ui import words
from agent.ui.palette import LIGHT, Colours
from agent.ui.sentences import hops
from agent.ui.state import Row

SORT_ROLE: Final = Qt.ItemDataRole.UserRole
NO_INDEX: Final = QModelIndex()


class Column(NamedTuple):
    """One column: its heading, its text, what it is sorted by, and whether it is a number."""

    heading: Callable[[], str]
    text: Callable[[Row], str]
    key: Callable[[Row], Any]
    is_number: bool = False


COLUMNS: Final = (
    Column(lambda: _("Order"), lambda row: str(row.order.id), lambda row: row.order.id, True),
    Column(lambda: _("Time"), lambda row: words.short_time(row.received_ms), lambda row: row.received_ms),
    Column(lambda: _("Mode"), lambda row: words.mode(row.mode), lambda row: row.mode),
    Column(lambda: _("Symbol"), lambda row: row.order.symbol_name, lambda row: row.order.symbol_name),
    Column(lambda: _("Direction"), lambda row: words.direction(row.order.direction), lambda row: row.order.direction),
    Column(
        lambda: _("Increment"),
        lambda row: words.increment(row.order.time_increments),
        lambda row: row.order.time_increments,
    ),
    Column(lambda: _("Stake"), lambda row: words.amount(row.stake), lambda row: float(row.stake or 0), True),
    Column(lambda: _("State"), words.state, words.state),
    Column(lambda: _("Profit"), lambda row: words.profit(row.profit), lambda row: float(row.profit or 0), True),
    Column(
        lambda: _("Latency"), lambda row: words.milliseconds(hops(row).to_here), lambda row: hops(row).to_here, True
    ),
    Column(lambda: _("Why"), lambda row: words.why(row.reason), lambda row: words.why(row.reason)),
)
STATE: Final = 7
PROFIT: Final = 8


class OrdersModel(QAbstractTableModel):
    """The orders, oldest first; `show` brings it up to date."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[Row] = []
        self._places: dict[int, int] = {}
        self._shown: Mapping[int, Row] = {}
        self._colours, self._is_red_up = LIGHT, False

    def show(self, rows: Mapping[int, Row]) -> None:
        """Take what is new and what has changed; nothing is done where nothing has."""
        if rows is self._shown:
            return
        if any(order_id not in rows for order_id in self._places):
            self._start_anew()
        new = []
        for order_id, row in rows.items():
            place = self._places.get(order_id)
            if place is None:
                new.append(row)
            elif self._rows[place] is not row:
                self._rows[place] = row
                self.dataChanged.emit(self.index(place, 0), self.index(place, len(COLUMNS) - 1))
        self._add(new)
        self._shown = rows

    def dress(self, colours: Colours, is_red_up: bool) -> None:
        """Other colours."""
        self._colours, self._is_red_up = colours, is_red_up
        self.retranslate()

    def retranslate(self) -> None:
        """Say every cell anew."""
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(COLUMNS) - 1)
        if self._rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._rows) - 1, len(COLUMNS) - 1))

    def row(self, place: int) -> Row:
        """The order in a row."""
        return self._rows[place]

    def place(self, order_id: int) -> int | None:
        """The row of an order."""
        return self._places.get(order_id)

    def rowCount(self, parent: QModelIndex = NO_INDEX) -> int:  # noqa: N802 Qt's name
        """Qt: how many orders."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex = NO_INDEX) -> int:  # noqa: N802 Qt's name
        """Qt: how many columns."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:  # noqa: N802 Qt's name
        """Qt: a heading."""
        if role != Qt.ItemDataRole.DisplayRole or orientation is not Qt.Orientation.Horizontal:
            return None
        return COLUMNS[section].heading()

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Qt: a cell."""
        column, row = COLUMNS[index.column()], self._rows[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.ToolTipRole:
                return column.text(row)
            case Qt.ItemDataRole.TextAlignmentRole if column.is_number:
                return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            case Qt.ItemDataRole.ForegroundRole:
                return self._colour(index.column(), row)
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{column.heading()}: {column.text(row)}"
        return column.key(row) if role == SORT_ROLE else None

    def _add(self, new: list[Row]) -> None:
        if not new:
            return
        first = len(self._rows)
        self.beginInsertRows(NO_INDEX, first, first + len(new) - 1)
        self._places |= {row.order.id: first + number for number, row in enumerate(new)}
        self._rows += new
        self.endInsertRows()

    def _start_anew(self) -> None:
        self.beginResetModel()
        self._rows, self._places = [], {}
        self.endResetModel()

    def _colour(self, column: int, row: Row) -> QColor | None:
        if column == STATE and row.outcome == "unknown":
            return QColor(self._colours.unknown)
        if column == PROFIT and row.profit:
            side = self._colours.gain if row.profit > 0 else self._colours.loss
            return QColor(side(self._is_red_up))
        return None


class Filter(QSortFilterProxyModel):
    """The orders that have a word anywhere, and one outcome where one is chosen."""

    def __init__(self, model: OrdersModel) -> None:
        super().__init__()
        self._model = model
        self._text, self._outcome = "", ""
        self.setSourceModel(model)
        self.setSortRole(SORT_ROLE)

    def look_for(self, text: str, outcome: str) -> None:
        """Show only these."""
        self._text, self._outcome = text.strip().lower(), outcome
        self.invalidateFilter()

    def filterAcceptsRow(self, place: int, _parent: QModelIndex) -> bool:  # noqa: N802 Qt's name
        """Qt: whether an order is shown."""
        row = self._model.row(place)
        if self._outcome and row.outcome != self._outcome:
            return False
        return not self._text or any(self._text in column.text(row).lower() for column in COLUMNS)

    def rows(self) -> list[Row]:
        """What is shown, in its order."""
        places = (self.mapToSource(self.index(place, 0)).row() for place in range(self.rowCount()))
        return [self._model.row(place) for place in places]


def as_csv(rows: Iterable[Row]) -> str:
    """For spreadsheets: the columns as they are shown, with a mark that makes them read UTF-8."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([column.heading() for column in COLUMNS])
    writer.writerows([_harmless(column.text(row)) for column in COLUMNS] for row in rows)
    return f"\ufeff{out.getvalue()}"


def _harmless(text: str) -> str:
    """A spreadsheet takes what begins so for a formula; a signed number is none."""
    return f"'{text}" if text[:1] in ("=", "@", "\t") else text
