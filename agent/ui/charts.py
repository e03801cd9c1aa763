"""Profit and loss, win rates beside the rate that breaks even, and the latency of each hop.

The invariants: a chart is of one mode; each has a sentence that says the same, for those who cannot see it. pyqtgraph
is loaded when the charts are first looked at.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from PyQt6.QtWidgets import QVBoxLayout, QWidget

from agent.language import _
from agent.model.engine import Mode
from agent.ui import words
from agent.ui.palette import LIGHT, Colours
from agent.ui.sentences import WinRate, hops, profit_curve, win_rates
from agent.ui.state import Row
from agent.ui.widgets import Retold, label

HOPS_SHOWN: Final = 200


class Charts(QWidget):
    """Three charts under each other; `show_rows` draws only while they can be seen."""

    def __init__(self) -> None:
        super().__init__()
        self._retold = Retold()
        self._colours: Colours = LIGHT
        self._rows: tuple[Row, ...] = ()
        self._mode = Mode.PAPER
        self._plots: list[Any] = []
        self.said = [label() for _chart in range(3)]
        self._column = QVBoxLayout(self)

    def dress(self, colours: Colours) -> None:
        """Other colours."""
        self._colours = colours
        for plot in self._plots:
            plot.setBackground(colours.surface)
            for side in ("left", "bottom"):
                plot.getAxis(side).setPen(colours.line)
                plot.getAxis(side).setTextPen(colours.text)
        self._draw()

    def show_rows(self, rows: Iterable[Row], mode: Mode) -> None:
        """Draw these, once somebody looks."""
        self._rows, self._mode = tuple(rows), mode
        if self.isVisible():
            self._draw()

    def retranslate(self) -> None:
        """After a change of the language."""
        self._retold.retranslate()
        self._draw()

    def showEvent(self, _event: object) -> None:  # noqa: N802 Qt's name
        """Somebody looks."""
        if not self._plots:
            self._make()
            self.dress(self._colours)
        self._draw()

    def resizeEvent(self, _event: object) -> None:  # noqa: N802 Qt's name
        """A narrow window breaks the sentences into more lines."""
        for said in self.said:
            said.setMinimumHeight(said.heightForWidth(max(1, said.width())) if said.text() else 0)

    def _make(self) -> None:
        import pyqtgraph

        pyqtgraph.setConfigOptions(antialias=True)
        titles: tuple[Callable[[], str], ...] = (
            lambda: _("Profit and loss, USDT"),
            lambda: _("Win rate in per cent (line: 95 in 100 lie in it; diamond: break-even rate)"),
            lambda: _("Latency of the last orders, ms"),
        )
        for said, title in zip(self.said, titles, strict=True):
            axes = {"bottom": pyqtgraph.DateAxisItem()} if not self._plots else {}
            plot = pyqtgraph.PlotWidget(axisItems=axes)
            plot.setMouseEnabled(x=False, y=False)
            plot.setMenuEnabled(False)
            plot.hideButtons()
            plot.showGrid(y=True, alpha=0.2)
            plot.setMinimumHeight(110)
            self._plots.append(plot)
            self._column.addWidget(self._retold.label(title, "heading"))
            self._column.addWidget(said)
            self._column.addWidget(plot, 1)

    def _draw(self) -> None:
        if not self._plots:
            return
        for plot in self._plots:
            plot.clear()
        self._draw_profit()
        self._draw_rates(win_rates(self._rows, self._mode))
        self._draw_hops()
        for plot, said in zip(self._plots, self.said, strict=True):
            plot.setAccessibleName(said.text())
            said.setMinimumHeight(said.heightForWidth(said.width()))

    def _draw_profit(self) -> None:
        points = profit_curve(self._rows, self._mode)
        mode = words.mode(self._mode)
        if not points:
            return self.said[0].setText(_("{mode}: no position is settled yet.").format(mode=mode))
        times, totals = [ms / 1000 for ms, _total in points], [float(total) for _ms, total in points]
        self._plots[0].plot(times, totals, pen=_pen(self._colours.accent), stepMode="right")
        self._plots[0].addLine(y=0, pen=_pen(self._colours.line, 1))
        said = _("{mode}: {profit} USDT in {count} settled positions.")
        return self.said[0].setText(said.format(mode=mode, profit=words.profit(points[-1][1]), count=len(points)))

    def _draw_rates(self, rates: list[WinRate]) -> None:
        import pyqtgraph

        names = [f"{rate.symbol} {words.increment(rate.increment)}" for rate in rates]
        self.said[1].setText("\n".join(map(_rate_words, names, rates)) or _("Needs positions that were won or lost."))
        plot, places = self._plots[1], list(range(len(rates)))
        plot.getAxis("bottom").setTicks([list(enumerate(names))])
        plot.setXRange(-0.5, max(1, len(rates)) - 0.5)
        plot.setYRange(0, 100)
        if not rates:
            return
        values = [100 * rate.rate for rate in rates]
        below = [100 * (rate.rate - rate.low) for rate in rates]
        above = [100 * (rate.high - rate.rate) for rate in rates]
        pen = _pen(self._colours.accent)
        bars = {"x": _array(places), "y": _array(values), "bottom": _array(below), "top": _array(above)}
        plot.addItem(pyqtgraph.ErrorBarItem(**bars, beam=0.1, pen=pen))
        plot.plot(places, values, pen=None, symbol="o", symbolBrush=self._colours.accent)
        even = [100 * rate.break_even for rate in rates]
        plot.plot(places, even, pen=None, symbol="d", symbolSize=13, symbolBrush=self._colours.needs_you)

    def _draw_hops(self) -> None:
        ways = [hops(row) for row in self._rows[-HOPS_SHOWN:]]
        if not ways:
            return self.said[2].setText(_("No order has come yet."))
        parts = (
            ([way.to_here for way in ways], self._colours.accent, _("hub to here")),
            ([way.here or 0 for way in ways], self._colours.asks, _("here")),
            ([way.at_exchange or 0 for way in ways], self._colours.needs_you, _("at the exchange")),
        )
        said = []
        for number, (values, colour, name) in enumerate(parts):
            symbol = ("o", "t", "s")[number]
            self._plots[2].plot(values, pen=_pen(colour, 1), symbol=symbol, symbolSize=5, symbolBrush=colour)
            middle = sorted(values)[len(values) // 2]
            said.append(_("{hop} {sign} {ms} ms").format(hop=name, sign="●▼■"[number], ms=middle))
        return self.said[2].setText(_("Median: {hops}").format(hops=" · ".join(said)))


def _rate_words(name: str, rate: WinRate) -> str:
    said = _("{name}: {rate}% ({low}% to {high}%), break-even {even}%, won {won}, lost {lost}")
    shares = {"rate": rate.rate, "low": rate.low, "high": rate.high, "even": rate.break_even}
    shown = {key: f"{100 * share:.1f}" for key, share in shares.items()}
    return said.format(name=name, won=rate.won, lost=rate.lost, **shown)


def _pen(colour: str, width: int = 2) -> Any:
    import pyqtgraph

    return pyqtgraph.mkPen(colour, width=width)


def _array(values: list[Any]) -> Any:
    import numpy

    return numpy.array(values, dtype=float)
