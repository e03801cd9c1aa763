"""The left side of the window: connection, times, exchange session, mode, who decides, stake and limits.

The invariant: it renders a view and decides nothing; what the person chooses leaves as a signal, and shows only once
the view has it.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from PyQt6.QtCore import pyqtBoundSignal, pyqtSignal
from PyQt6.QtWidgets import (
    QButtonGroup,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from agent.language import _
from agent.model.engine import Mode
from agent.ui import words
from agent.ui.outages import outage
from agent.ui.refusals import clock_words
from agent.ui.sentences import missed
from agent.ui.state import DAY_MS, Bar, Placing, View
from agent.ui.widgets import Amount, Retold, label, restyle, show_only

CLOCK_FAR_OFF_MS = 2_000
HIGHEST_STAKE = 10_000
MISSED_EVERY_MS = 450


class Panel(QWidget):
    """`mode_wanted`, `placing_wanted`, `stake_wanted` (whole USDT), `bind_wanted`, `limits_wanted`."""

    mode_wanted = pyqtSignal(Mode)
    placing_wanted = pyqtSignal(Placing)
    stake_wanted = pyqtSignal(int)
    bind_wanted = pyqtSignal()
    limits_wanted = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self._retold = Retold()
        self._is_rendering = False
        self._view = View()
        self._missed_again_ms = 0
        self.link, self.clock, self.session, self.account = label(), label("problem"), label(), label()
        self.exchange, self.missed = label(), label()
        self.bind = self._retold.button(lambda: _("Log in at the exchange…"))
        self.bind.clicked.connect(self.bind_wanted)
        self.limits = self._retold.button(lambda: _("Change limits…"))
        self.limits.clicked.connect(self.limits_wanted)
        self.modes = {mode: QRadioButton() for mode in Mode}
        self.placings = {placing: QRadioButton() for placing in Placing}
        self.stake = Amount(1, HIGHEST_STAKE)
        self.bars = Bars()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 6, 0)
        self._column.setSpacing(4)
        self._arrange()
        self._connect()

    def render_view(self, view: View, now_ms: int) -> None:
        """Show it, with the countdowns as they are now."""
        self._view, self._is_rendering = view, True
        self._render_link(view, now_ms)
        self._render_trading(view)
        self.bars.show_bars(view.bars)
        if now_ms >= self._missed_again_ms:
            self._render_missed(view, now_ms)
        self._is_rendering = False

    def retranslate(self) -> None:
        """After a change of the language."""
        self._retold.retranslate()
        self._missed_again_ms = 0

    def _render_missed(self, view: View, now_ms: int) -> None:
        """Not with each batch: it looks at every order."""
        self._missed_again_ms = now_ms + MISSED_EVERY_MS
        today = missed(view.rows.values(), view.hub_ms(_midnight_ms(now_ms)))
        lines = [f"{count} × {words.why(reason)}" for reason, count in today.reasons[:4]]
        none = _("No order was missed today.")
        head = _("Missed today: {count}").format(count=today.count)
        self.missed.setText("\n".join([head, *lines]) if today.count else none)

    def _render_link(self, view: View, now_ms: int) -> None:
        self.link.setText(words.together(_link(view, now_ms)))
        offset_ms = view.offset_ms or 0
        is_off = view.is_connected and abs(offset_ms) > CLOCK_FAR_OFF_MS
        show_only(self.clock, is_off, clock_words(-offset_ms / 1000) if is_off else "")
        left = None if view.session_ends_ms is None else view.session_ends_ms - now_ms
        is_in = left is not None and view.ended is None
        in_words = _("Login ends in {left}").format(left=words.left(left or 0))
        self.session.setText(in_words if is_in else _("Not logged in"))
        ends_ms = view.account_ends_ms
        account = _("Account: no end")
        if ends_ms is not None:
            days = max(0, (ends_ms - view.hub_ms(now_ms)) // DAY_MS)
            account = _("Account ends on {date}, days left: {days}").format(date=words.date(ends_ms), days=days)
        self.account.setText(words.together(account))
        self.exchange.setText(_exchange(view))

    def _render_trading(self, view: View) -> None:
        for mode, button in self.modes.items():
            button.setChecked(mode is view.mode)
        for placing, button in self.placings.items():
            button.setChecked(placing is view.placing)
        if view.stake is not None and not self.stake.hasFocus():
            self.stake.setValue(int(view.stake))

    def _arrange(self) -> None:
        told = self._retold
        self._group(lambda: _("Connection"), self.link, self.clock, self.session, self.account)
        for mode, button in self.modes.items():
            told.tell(button.setText, partial(words.mode, mode))
        for placing, button in self.placings.items():
            told.tell(button.setText, partial(words.placing, placing))
        self._group(lambda: _("Money"), _row(*self.modes.values()))
        self._group(lambda: _("Who decides"), _row(*self.placings.values()))
        self._group(lambda: _("Exchange"), self.exchange, self.bind)
        stake = QWidget()
        line = QHBoxLayout(stake)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(told.label(lambda: _("Stake of the next order"), buddy=self.stake), 1)
        line.addWidget(self.stake)
        self._group(lambda: _("Stake and limits"), stake, self.bars, self.limits)
        self._group(lambda: _("Missed"), self.missed)
        self._column.addStretch()

    def _group(self, title: Callable[[], str], *parts: QWidget) -> None:
        box = QGroupBox()
        self._retold.tell(box.setTitle, title)
        column = QVBoxLayout(box)
        column.setContentsMargins(10, 6, 10, 8)
        column.setSpacing(5)
        for part in parts:
            column.addWidget(part)
        self._column.addWidget(box)

    def _connect(self) -> None:
        self._groups = [QButtonGroup(self), QButtonGroup(self)]
        for mode, button in self.modes.items():
            self._groups[0].addButton(button)
            button.toggled.connect(lambda is_on, mode=mode: self._want(self.mode_wanted, mode, is_on))
        for placing, button in self.placings.items():
            self._groups[1].addButton(button)
            button.toggled.connect(lambda is_on, placing=placing: self._want(self.placing_wanted, placing, is_on))
        self.stake.valueChanged.connect(lambda value: self._want(self.stake_wanted, value, True))

    def _want(self, signal: pyqtBoundSignal, value: object, is_on: bool) -> None:
        if is_on and not self._is_rendering:
            signal.emit(value)


class Bars(QWidget):
    """The limits: a bar each, and in words what is used, left and refused."""

    def __init__(self) -> None:
        super().__init__()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(4)
        self._shown: dict[str, tuple[QLabel, QProgressBar]] = {}

    def show_bars(self, bars: tuple[Bar, ...]) -> None:
        """Show these."""
        for rule in [rule for rule in self._shown if rule not in {bar.rule for bar in bars}]:
            for part in self._shown.pop(rule):
                part.deleteLater()
        for bar in bars:
            text, line = self._shown.get(bar.rule) or self._new(bar.rule)
            said = _bar_words(bar)
            text.setText(said)
            line.setAccessibleName(said)
            line.setValue(min(100, int(100 * bar.used / bar.limit)) if bar.limit else 100)
            for part in (text, line):
                restyle(part, "refuses", is_on=bar.refuses is not None)

    def _new(self, rule: str) -> tuple[QLabel, QProgressBar]:
        text, line = label(), QProgressBar()
        line.setTextVisible(False)
        self._column.addWidget(text)
        self._column.addWidget(line)
        self._shown[rule] = text, line
        return text, line


def _row(*parts: QWidget) -> QWidget:
    made = QWidget()
    line = QHBoxLayout(made)
    line.setContentsMargins(0, 0, 0, 0)
    for part in parts:
        line.addWidget(part)
    line.addStretch()
    return made


def _bar_words(bar: Bar) -> str:
    said = _("{rule}: {used} of {limit}, {left} left").format(
        rule=words.rule(bar.rule),
        used=words.amount(bar.used),
        limit=words.amount(bar.limit),
        left=words.amount(bar.left),
    )
    if bar.refuses is None:
        return said
    return f"{said}\n" + _("Refuses the next order: {why}").format(why=words.why_beside(bar.rule, bar.refuses))


def _link(view: View, now_ms: int) -> str:
    if not view.is_connected:
        if view.retry_at_ms is None:
            return _("Not connected")
        seconds = max(0, view.retry_at_ms - now_ms + 999) // 1000
        return _("Not connected: {why}. Next try in {seconds} s.").format(why=outage(view.lost), seconds=seconds)
    if view.uncertainty_ms is None:
        return _("Connected")
    trip_ms, offset = max(0, 2 * (view.uncertainty_ms - 1)), words.offset((view.offset_ms or 0) / 1000)
    clock = _("Round trip {trip} ms · hub's clock {offset} s (±{uncertainty} ms)")
    return "\n".join((_("Connected"), clock.format(trip=trip_ms, offset=offset, uncertainty=view.uncertainty_ms)))


def _exchange(view: View) -> str:
    if view.exchange is None or view.exchange.state == "unbound":
        if view.mode is Mode.LIVE:
            return _("No session at the exchange. LIVE needs one.")
        return _("No session at the exchange. Paper needs none.")
    until = words.date_time(view.exchange.until_ms) if view.exchange.until_ms else _("not known, five days at most")
    if view.exchange.state == "over":
        return _("The session at the exchange is over. Log in there again.")
    return _("Session at the exchange until: {until}").format(until=until)


def _midnight_ms(now_ms: int) -> int:
    """When this day began, by this computer's zone."""
    today = datetime.fromtimestamp(now_ms / 1000).replace(hour=0, minute=0, second=0, microsecond=0)
    return round(today.timestamp() * 1000)
