"""PURE: the figures behind the charts: profit and loss over time, and win rates with their intervals.

The invariants: what follows a change costs what changed, not what is there; the modes are never added together.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from math import ceil, floor, log2, sqrt
from typing import Final

import msgspec

from agent.model.engine import Mode
from agent.ui.rows import Row, Rows
from protocol.messages import Increment

Z_95: Final = 1.959964
Point = tuple[float, float]
"""Seconds since the epoch, and USDT."""


class WinRate(msgspec.Struct, frozen=True):
    """Settled positions of one symbol and increment; shares of one, `low` to `high` holds the true rate in 95 of 100.

    `break_even` is the rate at which gains and losses meet, after the ratios that were paid.
    """

    symbol: str
    increment: Increment
    won: int
    lost: int
    rate: float
    low: float
    high: float
    break_even: float


class _Group:
    """Positions of one mode, symbol and increment."""

    def __init__(self) -> None:
        self.won = self.lost = 0
        self.ratios, self.paid = 0.0, 0

    def count(self, row: Row, by: int) -> None:
        """One more of it, or one less."""
        self.won += by * (row.result == "won")
        self.lost += by * (row.result == "lost")
        if row.ratio is not None:
            self.ratios += by * float(row.ratio)
            self.paid += by


class _Curve:
    """The settled positions of one mode in their order, and the profit so far after each."""

    def __init__(self) -> None:
        self._settled: list[tuple[int, int, float]] = []
        self._points: list[Point] = []

    def put(self, settled_ms: int, order_id: int, profit: float) -> None:
        """One more position."""
        one = settled_ms, order_id, profit
        place = bisect_left(self._settled, one)
        self._settled.insert(place, one)
        del self._points[place:]

    def take_out(self, settled_ms: int, order_id: int, profit: float) -> None:
        """One less."""
        place = bisect_left(self._settled, (settled_ms, order_id, profit))
        del self._settled[place], self._points[place:]

    def points(self) -> Sequence[Point]:
        """All of it; what came before the last change is not summed up again."""
        total = self._points[-1][1] if self._points else 0.0
        for settled_ms, _id, profit in self._settled[len(self._points) :]:
            total = round(total + profit, 8)
            self._points.append((settled_ms / 1000, total))
        return self._points


class Figures:
    """Of the rows that it `follow`s."""

    def __init__(self) -> None:
        self._rows = Rows()
        self._groups: dict[tuple[Mode, str, Increment], _Group] = {}
        self._curves = {mode: _Curve() for mode in Mode}

    def follow(self, rows: Rows) -> None:
        """Take in what has changed."""
        before, self._rows = self._rows, rows
        changed = rows.changed_since(before)
        if changed is None:
            self._groups, self._curves = {}, {mode: _Curve() for mode in Mode}
            before, changed = Rows(), list(rows.values())
        for row in changed:
            known = before.get(row.order.id)
            if known is not None:
                self._count(known, -1)
            self._count(row, 1)

    def win_rates(self, mode: Mode) -> list[WinRate]:
        """One for each symbol and increment that has a settled position; ties are neither."""
        groups = {key[1:]: group for key, group in self._groups.items() if key[0] is mode and group.won + group.lost}
        return [_win_rate(symbol, increment, group) for (symbol, increment), group in sorted(groups.items())]

    def curve(self, mode: Mode) -> Sequence[Point]:
        """The profit so far after each settled position."""
        return self._curves[mode].points()

    def _count(self, row: Row, by: int) -> None:
        if row.result in ("won", "lost"):
            key = (row.mode, row.order.symbol_name, row.order.time_increments)
            self._groups.setdefault(key, _Group()).count(row, by)
        if row.profit is None or row.settled_ms is None:
            return
        curve, profit = self._curves[row.mode], float(row.profit)
        change = curve.put if by > 0 else curve.take_out
        change(row.settled_ms, row.order.id, profit)


def wilson(won: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share, after Wilson (1927)."""
    if count == 0:
        return 0.0, 1.0
    share, z2 = won / count, Z_95**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = Z_95 * sqrt(share * (1 - share) / count + z2 / (4 * count**2)) / (1 + z2 / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def rounded(low: float, high: float, least: float) -> tuple[float, float]:
    """A range around both with a little room, at least `least` wide. Its ends are steps of a sixteenth to a
    thirty-second of it: while a line grows, its axis mostly stays as it is."""
    step = 2.0 ** ceil(log2(max(high - low, least) / 32))
    begin, end = floor(low / step - 0.5) * step, ceil(high / step + 0.5) * step
    return begin, max(end, begin + least)


def thinned(points: Sequence[Point], parts: int) -> Sequence[Point]:
    """At most three points for each of so many parts: its lowest, its highest and its last, in their order."""
    if len(points) <= 3 * parts:
        return points
    totals, size = [total for _s, total in points], ceil(len(points) / parts)
    kept: list[Point] = []
    for first in range(0, len(points), size):
        part = totals[first : first + size]
        kept += [points[first + place] for place in sorted(_ends(part))]
    return kept


def _ends(totals: list[float]) -> Iterable[int]:
    return {totals.index(min(totals)), totals.index(max(totals)), len(totals) - 1}


def _win_rate(symbol: str, increment: Increment, group: _Group) -> WinRate:
    count = group.won + group.lost
    mean = group.ratios / group.paid if group.paid else 1.0
    low, high = wilson(group.won, count)
    return WinRate(symbol, increment, group.won, group.lost, group.won / count, low, high, 1 / (1 + mean))
