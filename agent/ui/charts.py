"""Profit and loss, win rates beside the rate that breaks even, and the latency of each hop.

The invariants: a chart is of one mode; each has a sentence that says the same, for those who cannot see it. pyqtgraph
is loaded when the charts are first looked at.
"""

import gc
import time
from collections.abc import Callable
from decimal import Decimal
from itertools import islice
from math import nan
from typing import Any, Final

from PyQt6.QtCore import QRect, Qt, QTimer
from PyQt6.QtWidgets import QGraphicsItem, QLabel, QSizePolicy, QVBoxLayout, QWidget

from agent.language import _
from agent.model.engine import Mode
from agent.ui import words
from agent.ui.figures import Figures, WinRate, rounded, thinned
from agent.ui.palette import LIGHT, Colours
from agent.ui.rows import Rows
from agent.ui.sentences import hops
from agent.ui.widgets import Retold, label

HOPS_SHOWN: Final = 200
LEAST_HEIGHT: Final = 130
LEAST_LINES: Final = 8
"""A chart is at least so high: pixels, and lines of its text where that is large."""
PER_CENT: Final = (-6, 106)
"""With room for the mark of a share of all, or of none."""
PARTS: Final = 200
"""A line of more points than a window is wide costs time and shows no more."""
SIDES: Final = ("left", "bottom")
BREATH_MS: Final = 50
"""Between two charts: an order that comes meanwhile waits for one of them at most."""
LEAST_SPAN_S: Final = 60.0
LEAST_SPAN_USDT: Final = 1.0
LEAST_SPAN_MS: Final = 10.0
"""An axis is at least so long."""


class Charts(QWidget):
    """Three charts under each other; `show_rows` draws only while they can be seen, one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self._retold = Retold()
        self._colours: Colours = LIGHT
        self._rows, self._figures = Rows(), Figures()
        self._mode = Mode.PAPER
        self._plots: list[Any] = []
        self.said = [label() for _chart in range(3)]
        self._headings: list[QLabel] = []
        self._column = QVBoxLayout(self)
        self._names: list[str] | None = None
        self._to_draw: list[int] = []
        self._breath = QTimer(self)
        self._breath.setSingleShot(True)
        self._breath.timeout.connect(self._draw_next)

    def dress(self, colours: Colours) -> None:
        """Other colours."""
        self._colours = colours
        for plot in self._plots:
            plot.setBackground(colours.surface)
            for side in SIDES:
                plot.getAxis(side).setPen(colours.line)
                plot.getAxis(side).setTextPen(colours.text)
        if self._plots:
            self._dress_lines()
        self._draw()

    def show_rows(self, rows: Rows, mode: Mode) -> None:
        """Draw these, once somebody looks; what is drawn already is not drawn again."""
        is_new = rows is not self._rows or mode is not self._mode
        self._rows, self._mode = rows, mode
        if is_new and self.isVisible() and self._plots:
            self._to_draw = [0, 1, 2]
            self._draw_next()

    def retranslate(self) -> None:
        """After a change of the language."""
        self._retold.retranslate()
        self._draw()

    def showEvent(self, _event: object) -> None:  # noqa: N802 Qt's name
        """Somebody looks."""
        if not self._plots:
            self._make()
            self.dress(self._colours)
            gc.freeze()  # what was loaded for it stays: a walk through it would block the loop
        self._draw()

    def resizeEvent(self, _event: object) -> None:  # noqa: N802 Qt's name
        """A narrow window breaks the sentences into more lines."""
        self._make_room()

    def _make_room(self) -> None:
        """By the width that the sentences get, not by the one that they had."""
        margins = self._column.contentsMargins()
        width = max(1, self.width() - margins.left() - margins.right())
        for said in (*self._headings, *self.said):
            height = _lines_height(said, width)
            if said.minimumHeight() != height:
                said.setFixedHeight(height)

    def _make(self) -> None:
        import pyqtgraph

        pyqtgraph.setConfigOptions(antialias=True)
        titles: tuple[Callable[[], str], ...] = (
            lambda: _("Profit and loss, USDT"),
            lambda: _("Win rate in per cent (line: 95 per cent interval, diamond: break-even rate)"),
            lambda: _("Latency of the last orders, ms"),
        )
        least = max(LEAST_HEIGHT, LEAST_LINES * self.fontMetrics().height())
        for said, title in zip(self.said, titles, strict=True):
            axes = {"bottom": pyqtgraph.DateAxisItem()} if not self._plots else {}
            plot = pyqtgraph.PlotWidget(axisItems=axes)
            plot.setMouseEnabled(x=False, y=False)
            plot.setMenuEnabled(False)
            plot.hideButtons()
            plot.showGrid(y=True, alpha=0.2)
            plot.disableAutoRange()
            for side in SIDES:  # an axis and its grid cost ten times what the line does: painted when they change
                plot.getAxis(side).setCacheMode(QGraphicsItem.CacheMode.DeviceCoordinateCache)
            plot.setMinimumHeight(least)
            plot.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
            self._plots.append(plot)
            self._headings.append(self._retold.label(title, "heading"))
            self._column.addWidget(self._headings[-1])
            self._column.addWidget(said)
            self._column.addWidget(plot, 1)
        self._plots[2].getAxis("bottom").setStyle(showValues=False)  # the last orders, whichever they are
        self._make_lines(*self._plots)

    def _make_lines(self, profit: Any, rates: Any, latency: Any) -> None:
        """What is drawn: made once, given other data ever after."""
        import pyqtgraph

        self._profit, self._zero = profit.plot(stepMode="right"), profit.addLine(y=0)
        self._bars = pyqtgraph.ErrorBarItem(beam=0.1)
        rates.addItem(self._bars)
        self._rates = rates.plot(pen=None, symbol="o")
        self._evens = rates.plot(pen=None, symbol="d", symbolSize=13)
        self._hops = [latency.plot(symbol=symbol, symbolSize=5, connect="finite") for symbol in "ots"]

    def _dress_lines(self) -> None:
        colours = self._colours
        self._profit.setPen(_pen(colours.accent))
        self._zero.setPen(_pen(colours.line, 1))
        self._bars.setData(pen=_pen(colours.accent))
        self._rates.setSymbolBrush(colours.accent)
        self._evens.setSymbolBrush(colours.needs_you)
        for line, colour in zip(self._hops, (colours.accent, colours.asks, colours.needs_you), strict=True):
            line.setPen(_pen(colour, 1))
            line.setSymbolBrush(colour)

    def _draw(self) -> None:
        """All, at once."""
        if not self._plots:
            return
        self._to_draw = []
        for chart in range(3):
            self._draw_one(chart)

    def _draw_next(self) -> None:
        if self._to_draw:
            self._draw_one(self._to_draw.pop(0))
        if self._to_draw:
            self._breath.start(BREATH_MS)

    def _draw_one(self, chart: int) -> None:
        self._figures.follow(self._rows)
        (self._draw_profit, self._draw_rates, self._draw_hops)[chart]()
        self._plots[chart].setAccessibleName(self.said[chart].text())
        self._make_room()

    def _draw_profit(self) -> None:
        points = self._figures.curve(self._mode)
        drawn = thinned(points, PARTS)
        seconds, totals = [s for s, _total in drawn] or [time.time()], [total for _s, total in drawn] or [0.0]
        self._profit.setData(seconds, totals)
        self._profit.setSymbol("o" if len(points) == 1 else None)
        _fit(self._plots[0], rounded(*_ends(seconds), LEAST_SPAN_S), rounded(*_ends([0.0, *totals]), LEAST_SPAN_USDT))
        mode = words.mode(self._mode)
        if not points:
            return self.said[0].setText(_("{mode}: no position is settled yet.").format(mode=mode))
        said, profit = _("{mode}: {profit} USDT, settled positions: {count}."), Decimal(str(points[-1][1]))
        return self.said[0].setText(said.format(mode=mode, profit=words.profit(profit), count=f"{len(points):,}"))

    def _draw_rates(self) -> None:
        rates = self._figures.win_rates(self._mode)
        names = [f"{rate.symbol} {words.increment(rate.increment)}" for rate in rates]
        self.said[1].setText("\n".join(map(_rate_words, names, rates)) or _("Needs positions that were won or lost."))
        plot, places = self._plots[1], list(range(len(rates)))
        if names != self._names:
            self._names = names
            plot.getAxis("bottom").setTicks([list(enumerate(names))])
        _fit(plot, (-0.5, max(1, len(rates)) - 0.5), PER_CENT)
        values = [100 * rate.rate for rate in rates]
        below = [100 * (rate.rate - rate.low) for rate in rates]
        above = [100 * (rate.high - rate.rate) for rate in rates]
        self._bars.setData(x=_array(places), y=_array(values), bottom=_array(below), top=_array(above))
        self._rates.setData(places, values)
        self._evens.setData(places, [100 * rate.break_even for rate in rates])

    def _draw_hops(self) -> None:
        ways = [hops(row) for row in islice(self._rows.values(), max(0, len(self._rows) - HOPS_SHOWN), None)]
        parts: tuple[tuple[list[int | None], str], ...] = (
            ([way.to_here for way in ways], _("hub to here")),
            ([way.here for way in ways], _("here")),
            ([way.at_exchange for way in ways], _("at the exchange")),
        )
        said = []
        for line, sign, (values, name) in zip(self._hops, "●▼■", parts, strict=True):
            line.setData([nan if value is None else value for value in values])
            known = sorted(value for value in values if value is not None)
            if known:
                said.append(_("{hop} {sign} {ms} ms").format(hop=name, sign=sign, ms=known[len(known) // 2]))
        highest = max((value for values, _name in parts for value in values if value is not None), default=0)
        _fit(self._plots[2], (-1.0, float(max(len(ways), 1))), rounded(0.0, highest, LEAST_SPAN_MS))
        none = _("No order has come yet.")
        self.said[2].setText(_("Median: {hops}").format(hops=" · ".join(said)) if said else none)


def _lines_height(said: QLabel, width: int) -> int:
    """Of its text alone: `heightForWidth` is never less than what it had before."""
    if not said.text():
        return 0
    said.ensurePolished()  # else its font is not yet the one that it is drawn in
    hole = QRect(0, 0, width, 0)
    return said.fontMetrics().boundingRect(hole, int(Qt.TextFlag.TextWordWrap), said.text()).height()


def _rate_words(name: str, rate: WinRate) -> str:
    said = _("{name}: {rate}% ({low}% to {high}%), break-even {even}%, won {won}, lost {lost}")
    shares = {"rate": rate.rate, "low": rate.low, "high": rate.high, "even": rate.break_even}
    shown = {key: f"{100 * share:.1f}" for key, share in shares.items()}
    return said.format(name=name, won=f"{rate.won:,}", lost=f"{rate.lost:,}", **shown)


def _ends(values: list[float]) -> tuple[float, float]:
    return min(values, default=0.0), max(values, default=0.0)


def _fit(plot: Any, across: tuple[float, float], up: tuple[float, float]) -> None:
    """Show this range; an axis whose range stays is not painted anew."""
    if plot.viewRange() != [list(across), list(up)]:
        plot.setRange(xRange=across, yRange=up, padding=0)


def _pen(colour: str, width: int = 2) -> Any:
    import pyqtgraph

    return pyqtgraph.mkPen(colour, width=width)


def _array(values: list[Any]) -> Any:
    import numpy

    return numpy.array(values, dtype=float)
