"""The table of orders: rows in batches, filter, order of columns, and the same as CSV.

The invariants: a batch costs what changed in it, not what is in the table; a row that is shown stands where its key and
its order's id have it; what is looked for holds for all rows at once, when every text has been read.
"""

import csv
import io
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

from PyQt6.QtCore import QAbstractTableModel, QModelIndex, Qt, QTimer
from PyQt6.QtGui import QColor

from agent.language import _
from agent.ui import words
from agent.ui.palette import LIGHT, Colours
from agent.ui.rows import Row, Rows
from agent.ui.sentences import hops
from agent.ui.widgets import tooltip

NO_INDEX: Final = QModelIndex()
AT_ONCE: Final = 200
"""More changes than these are not shown one by one."""
SLICE_S: Final = 0.01
"""So long at a time the texts are read that somebody looks for."""


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
LATENCY: Final = 9


class OrdersModel(QAbstractTableModel):
    """The orders that are looked for, in the order of one column; `show` brings it up to date."""

    def __init__(self) -> None:
        super().__init__()
        self._all = Rows()
        self._rows: list[Row] = []
        self._keys: list[tuple[Any, int]] = []
        self._column, self._is_descending = 0, True
        self._text, self._outcome = "", ""
        self._wanted = ("", "")
        self._texts: dict[int, tuple[Row, str]] = {}
        self._unread: Iterator[Row] = iter(())
        self._reading = QTimer(self)
        self._reading.setSingleShot(True)
        self._reading.timeout.connect(self._read_on)
        self._colours, self._is_red_up = LIGHT, False

    @property
    def sorted_by(self) -> int:
        """The column whose order it is."""
        return self._column

    def show(self, rows: Rows) -> None:
        """Take what is new and what has changed; nothing is done where nothing has."""
        if rows is self._all:
            return None
        before, self._all = self._all, rows
        changed = rows.changed_since(before)
        if changed is None or len(changed) > AT_ONCE:
            return self._start_anew()
        for row in changed:
            self._change(before.get(row.order.id), row)
        return None

    def look_for(self, text: str, outcome: str) -> None:
        """Show only the orders that have this text anywhere, and this outcome: of many rows in a moment."""
        self._wanted = text.strip().lower(), outcome
        self._unread = iter(list(self._all.values()) if text.strip() else ())
        self._read_on()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Qt: by this column; what is selected stays so."""
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        held = [(self.row(index.row()).order.id, index.column()) for index in before]
        self._column, self._is_descending = column, order is Qt.SortOrder.DescendingOrder
        self._fill()
        places = {row.order.id: place for place, row in enumerate(self.rows())} if held else {}
        self.changePersistentIndexList(before, [self.index(places[order_id], cell) for order_id, cell in held])
        self.layoutChanged.emit()

    def dress(self, colours: Colours, is_red_up: bool) -> None:
        """Other colours."""
        self._colours, self._is_red_up = colours, is_red_up
        self._say_anew()

    def retranslate(self) -> None:
        """Say every cell anew."""
        self._texts.clear()
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(COLUMNS) - 1)
        self._say_anew()

    def row(self, place: int) -> Row:
        """The order in a row."""
        return self._rows[self._turned(place)]

    def rows(self) -> list[Row]:
        """What is shown, in its order."""
        return self._rows[::-1] if self._is_descending else list(self._rows)

    def place(self, order_id: int) -> int | None:
        """The row of an order that is shown."""
        row = self._all.get(order_id)
        at = None if row is None else self._at(row)
        return None if at is None else self._turned(at)

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
        column, row = COLUMNS[index.column()], self.row(index.row())
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return column.text(row)
            case Qt.ItemDataRole.ToolTipRole:
                return tooltip(column.text(row))
            case Qt.ItemDataRole.TextAlignmentRole if column.is_number:
                return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            case Qt.ItemDataRole.ForegroundRole:
                return self._colour(index.column(), row)
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{column.heading()}: {column.text(row)}"
        return None

    def _change(self, before: Row | None, row: Row) -> None:
        at = None if before is None else self._at(before)
        is_shown, key = self._is_looked_for(row), self._key(row)
        if at is not None and is_shown and self._keys[at] == key:
            self._rows[at] = row
            place = self._turned(at)
            self.dataChanged.emit(self.index(place, 0), self.index(place, len(COLUMNS) - 1))
        elif at is not None and is_shown:
            self._move(at, key, row)
        elif at is not None:
            self._take_out(at)
        elif is_shown:
            self._put_in(key, row)

    def _put_in(self, key: tuple[Any, int], row: Row) -> None:
        at = bisect_left(self._keys, key)
        place = len(self._rows) - at if self._is_descending else at
        self.beginInsertRows(NO_INDEX, place, place)
        self._keys.insert(at, key)
        self._rows.insert(at, row)
        self.endInsertRows()

    def _take_out(self, at: int) -> None:
        place = self._turned(at)
        self.beginRemoveRows(NO_INDEX, place, place)
        del self._keys[at], self._rows[at]
        self.endRemoveRows()

    def _move(self, at: int, key: tuple[Any, int], row: Row) -> None:
        """To where its new key has it; Qt counts the target with the row still in its old place."""
        to = bisect_left(self._keys, key)
        count = len(self._rows)
        start, end = (count - 1 - at, count - to) if self._is_descending else (at, to)
        is_moved = end not in (start, start + 1) and self.beginMoveRows(NO_INDEX, start, start, NO_INDEX, end)
        del self._keys[at], self._rows[at]
        to -= to > at
        self._keys.insert(to, key)
        self._rows.insert(to, row)
        if is_moved:
            self.endMoveRows()
        place = self._turned(to)
        self.dataChanged.emit(self.index(place, 0), self.index(place, len(COLUMNS) - 1))

    def _read_on(self) -> None:
        """Read texts for a slice of time; when all are read, show what is wanted."""
        until = time.perf_counter() + SLICE_S
        for row in self._unread:
            self._text_of(row)
            if time.perf_counter() > until:
                return self._reading.start(0)
        self._reading.stop()
        self._text, self._outcome = self._wanted
        return self._start_anew()

    def _start_anew(self) -> None:
        self.beginResetModel()
        self._fill()
        self.endResetModel()

    def _fill(self) -> None:
        rows, key = [row for row in self._all.values() if self._is_looked_for(row)], COLUMNS[self._column].key
        keys = [(key(row), row.order.id) for row in rows]
        order = sorted(range(len(rows)), key=keys.__getitem__)
        self._keys, self._rows = [keys[place] for place in order], [rows[place] for place in order]

    def _key(self, row: Row) -> tuple[Any, int]:
        return COLUMNS[self._column].key(row), row.order.id

    def _at(self, row: Row) -> int | None:
        key = self._key(row)
        at = bisect_left(self._keys, key)
        return at if at < len(self._keys) and self._keys[at] == key else None

    def _turned(self, place: int) -> int:
        return len(self._rows) - 1 - place if self._is_descending else place

    def _is_looked_for(self, row: Row) -> bool:
        if self._outcome and row.outcome != self._outcome:
            return False
        return not self._text or self._text in self._text_of(row)

    def _text_of(self, row: Row) -> str:
        known = self._texts.get(row.order.id)
        if known is not None and known[0] is row:
            return known[1]
        text = "\n".join(column.text(row) for column in COLUMNS).lower()
        self._texts[row.order.id] = row, text
        return text

    def _say_anew(self) -> None:
        if self._rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._rows) - 1, len(COLUMNS) - 1))

    def _colour(self, column: int, row: Row) -> QColor | None:
        if column == STATE and row.outcome == "unknown":
            return QColor(self._colours.unknown)
        if column == PROFIT and row.profit:
            side = self._colours.gain if row.profit > 0 else self._colours.loss
            return QColor(side(self._is_red_up))
        return None


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
