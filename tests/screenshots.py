"""`python -m tests.screenshots [folder]`: every window in its states, both languages and both themes, as PNG files.

Needs no hub: the windows render views that scripted events made. Without a display Qt draws into memory. With
`--guide` the pictures of the guides in agent/docs are made anew, in 256 colours, and nothing else.
"""

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Final

if "DISPLAY" not in os.environ and sys.platform.startswith("linux"):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import msgspec
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QImage
from PyQt6.QtWidgets import QApplication, QWidget

from agent import language
from agent.drivers.binance.login.messages import Ended, LoginEvent, PersonNeeded, QrShown, Result, Started
from agent.model import consent, events
from agent.model.engine import Mode
from agent.model.events import End
from agent.model.reasons import Reason
from agent.ui import refusals, words
from agent.ui.confirm import ConfirmWindow
from agent.ui.first_run import STEPS, FirstRun
from agent.ui.limits_window import LimitsWindow
from agent.ui.live_window import LiveWindow
from agent.ui.login_window import LoginWindow
from agent.ui.main_window import MainWindow
from agent.ui.palette import LIGHT, Theme, colours_for, dress
from agent.ui.preferences import Preferences
from agent.ui.qr_window import QrWindow
from agent.ui.rows import Rows
from agent.ui.settings_window import SettingsWindow
from agent.ui.state import Bar, Placing, View, reduce
from agent.ui.widgets import Words
from protocol.messages import Increment, Order

THEMES: Final[tuple[Theme, ...]] = ("light", "dark")
INCREMENTS: Final[tuple[Increment, ...]] = ("TEN_MINUTE", "THIRTY_MINUTE", "ONE_HOUR")
GUIDE: Final = (
    *("first-run-2", "login", "main-placing", "main-limit", "main-unknown", "main-charts"),
    *("confirm", "limits", "live", "qr"),
)
NEARLY: Final = 24
AHEAD_MS: Final = 310
FLAT: Final = Qt.ImageConversionFlag.ThresholdDither | Qt.ImageConversionFlag.AvoidDither
PICTURES: Final = Path(__file__).parents[1] / "agent" / "docs" / "pictures"
Made = Iterator[tuple[str, QWidget]]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def scripted(count: int = 24) -> View:
    """A day of a trader: placed, refused, expired, unknown, settled."""
    now = now_ms()
    bars = (
        Bar("max_stake", Decimal(5), Decimal(200)),
        Bar("loss_per_day", Decimal(35), Decimal(50)),
        Bar("orders_per_day", Decimal(18), Decimal(40)),
    )
    view = View(server="https://hub.example", stake=Decimal(5), bars=bars)
    view = reduce(view, events.LoggedIn("alice", 7, now + 20 * 3_600_000, now + 40 * 86_400_000), now)
    view = reduce(view, events.Connected("s1", "alice"), now)
    view = reduce(view, events.ClockChanged(AHEAD_MS, 9), now)
    for number in range(count):
        view = _order(view, number, now - (count - number) * 600_000)
    return view


def _order(view: View, number: int, at_ms: int) -> View:
    symbol, direction = ("BTCUSDT", "ETHUSDT")[number % 2], ("LONG", "SHORT")[number % 3 == 0]
    order = Order(
        number + 1, INCREMENTS[number % 3], symbol, direction, 60, at_ms + AHEAD_MS - 38 - number, at_ms + 60_000
    )
    view = reduce(view, events.OrderReceived(order, at_ms + AHEAD_MS, Mode.PAPER), at_ms)
    if number % 9 == 4:
        reason = Reason("limit.max_stake", {"stake": "7", "max": "5"})
        return _refused(view, events.OrderRefused(order.id, "rejected", Mode.PAPER, reason), at_ms)
    if number % 11 == 7:
        return _refused(view, events.OrderRefused(order.id, "expired", Mode.PAPER, Reason("window.over")), at_ms)
    view = reduce(view, events.Submitting(order.id, Decimal(5), Decimal("0.80"), Mode.PAPER), at_ms + 3)
    if number % 13 == 9:
        unknown = events.Executed(order.id, "unknown", Mode.PAPER, Reason("driver.interrupted"), None)
        return reduce(view, unknown, at_ms + 240)
    view = reduce(view, events.Executed(order.id, "success", Mode.PAPER, None, f"P{order.id}"), at_ms + 90 + number)
    view = reduce(view, events.Reported(order.id, "success", Mode.PAPER), at_ms + 120)
    result, profit = ("won", Decimal("4.00")) if number % 5 < 3 else ("lost", Decimal("-5.00"))
    settled = events.Settled(order.id, Mode.PAPER, result, "confirmed", profit)  # type: ignore[arg-type]
    return reduce(view, settled, at_ms + 500_000)


def _refused(view: View, event: events.OrderRefused, at_ms: int) -> View:
    told = reduce(view, event, at_ms)
    return reduce(told, events.Reported(event.order_id, event.outcome, event.mode), at_ms + 20)


def main_states() -> dict[str, tuple[View, int]]:
    """What the main window may show, and which order is selected."""
    view, change = scripted(), msgspec.structs.replace
    used_up = Reason("limit.loss_per_day", {"used": "45", "at_risk": "5", "stake": "5", "max": "50"})
    certain = change(view, rows=Rows.of(row for row in view.rows.values() if row.outcome != "unknown"))
    bound = events.ExchangeSession("bound", now_ms() + 10**8, None)
    return {
        "placing": (certain, 21),
        "unknown": (view, 10),
        "asks": (change(certain, placing=Placing.CONFIRM), 8),
        "empty": (change(view, rows=Rows()), 0),
        "paused": (change(certain, placing=Placing.PAUSED), 5),
        "halted": (change(certain, halt="maintenance at the exchange"), 0),
        "offline": (reduce(certain, events.Disconnected("connection refused", 8.0), now_ms()), 21),
        "limit": (change(certain, bars=(*view.bars[:1], Bar("loss_per_day", Decimal(45), Decimal(50), used_up))), 5),
        "slept": (reduce(view, events.Slept(5_400), now_ms()), 10),
        "clock": (change(certain, offset_ms=-95_000), 21),
        "live": (change(certain, mode=Mode.LIVE, exchange=bound), 21),
        "live-unbound": (change(certain, mode=Mode.LIVE, refuses=Reason("session.unbound")), 21),
    }


def main_windows() -> Made:
    for name, (shown, selected) in main_states().items():
        window = _main(shown)
        window.orders.select(selected)
        yield f"main-{name}", window
    view = scripted()
    for name, rows in (("charts", view.rows), ("charts-empty", Rows())):
        window = _main(msgspec.structs.replace(view, rows=rows))
        window.tabs.setCurrentIndex(1)
        window.charts.show_rows(rows, view.mode)
        yield f"main-{name}", window
    window = _main(view)
    for event in a_day(view):
        window.heard(event, now_ms())
    window.log.flush()
    window.tabs.setCurrentIndex(2)
    yield "main-log", window


def a_day(view: View) -> Iterator[events.Event]:
    """One event of each kind."""
    order, paper = view.rows[1].order, Mode.PAPER
    reached = Reason("limit.orders_per_day", {"used": "40", "max": "40"})
    yield from (events.LoggedIn("alice", 7, now_ms()), events.Connected("s1", "alice"))
    yield events.ExchangeSession("bound", now_ms() + 10**8, None)
    yield events.OrderReceived(order, now_ms(), paper)
    yield from (events.Asked(1, order, Decimal(5), Decimal("0.80"), now_ms()), events.AskedOver(1))
    yield from (
        events.Submitting(1, Decimal(5), Decimal("0.80"), paper),
        events.Executed(1, "success", paper, None, "P1"),
    )
    yield from (events.Reported(1, "success", paper), events.Settled(1, paper, "won", "estimated", Decimal(4)))
    yield events.Settled(1, paper, "lost", "confirmed", Decimal(-5))
    yield events.OrderRefused(2, "rejected", paper, reached)
    yield events.LimitReached(paper, reached)
    yield events.Executed(3, "unknown", paper, Reason("driver.interrupted"), None)
    yield events.Resolved(3, "failed", "person")
    yield events.NotReported(3, paper, Reason("hub.answered", {"status": "500"}))
    yield events.RatioRefused("TEN_MINUTE", Decimal("0.80"), Decimal("0.78"))
    yield from (events.TradingChanged(is_live=True, is_paused=False, reason=None), events.Slept(5_400))
    yield from (events.HaltChanged(2, "maintenance at the exchange"), events.HaltChanged(2, None))
    yield from (events.Disconnected("connection refused", 8.0), events.HubSaid("UNAVAILABLE", "the database is away"))
    yield events.SessionEnded(End.SESSION_OVER, "")


def _main(view: View) -> MainWindow:
    window = MainWindow()
    window.render_view(view)
    window.flush()
    return window


REFUSED: Final = (
    "wrong password",
    "too many attempts",
    "account expired",
    "account disabled",
    "role",
    "update the older one",
)
"""Words of hubs for which the login window has its own."""


def login_windows() -> Made:
    yield "login", LoginWindow("http://127.0.0.1:8000", "alice", is_remembered=True)
    yield "login-first", LoginWindow("http://127.0.0.1:8000", "", is_remembered=False)
    told: dict[str, Words] = {}
    for end in End:
        told[end.name.lower()] = partial(refusals.words, events.SessionEnded(end, "connection refused"))
    for reason in REFUSED:
        told[reason.replace(" ", "-")] = partial(refusals.words, events.SessionEnded(End.REFUSED, reason))
    told["waiting"] = partial(refusals.waiting, "connection refused", 8.0)
    for name, said in told.items():
        refused = LoginWindow("http://127.0.0.1:8000", "alice", is_remembered=False)
        refused.say(said)
        yield f"login-{name}", refused
    busy = LoginWindow("http://127.0.0.1:8000", "alice", is_remembered=True)
    busy.say(lambda: language._("Logging in…"), is_busy=True)
    yield "login-busy", busy


def qr_windows() -> Made:
    yield "qr-starting", QrWindow()
    heard: dict[str, tuple[LoginEvent, ...]] = {
        "qr": (QrShown("https://accounts.example/qr/4f1c", 1),),
        "qr-browser": (Started(is_headed=True),),
        "qr-person": (QrShown("https://accounts.example/qr/4f1c", 2), PersonNeeded()),
        **{f"qr-{result.name.lower()}": (Ended(result, "chromium"),) for result in Result},
    }
    for name, told in heard.items():
        window = QrWindow()
        for event in told:
            window.heard(event)
        yield name, window


def small_windows() -> Made:
    yield from login_windows()
    for step in range(STEPS):
        first = FirstRun("http://127.0.0.1:8000", 5, 5, 200)
        for _press in range(step):
            first.next.click()
        yield f"first-run-{step + 1}", first
    order = Order(7, "TEN_MINUTE", "BTCUSDT", "LONG", 60, now_ms(), now_ms() + 42_000)
    asked = events.Asked(7, order, Decimal(5), Decimal("0.80"), order.expires_ms)
    yield "confirm", ConfirmWindow(asked, Mode.LIVE, now_ms)
    yield "confirm-paper", ConfirmWindow(asked, Mode.PAPER, now_ms)
    yield "confirm-over", ConfirmWindow(asked, Mode.PAPER, lambda: order.expires_ms + 1)
    yield from qr_windows()
    yield "settings", SettingsWindow(Preferences(), starts_with_computer=False)
    for name, said in {"limits": "", "limits-refused": "limit.locked"}.items():
        limits = LimitsWindow()
        limits.show_rules({"loss_per_day": "50", "orders_per_day": "40", "quiet_hours": "22:00-06:00"})
        reason = Reason(said, {"key": "loss_per_day", "hit": "loss_per_day"})
        limits.say(partial(words.why, reason) if said else str)
        yield name, limits
    yield "live", LiveWindow()
    typed = LiveWindow()
    typed.word.setText(consent.WORDS)
    yield "live-typed", typed


def every_window() -> Made:
    yield from small_windows()
    yield from main_windows()


def shoot(app: QApplication, folder: Path, scale: float, say: Callable[[str], None] = print) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    font = app.font()
    font.setPointSizeF(scale * font.pointSizeF())
    for name in language.LANGUAGES:
        language.switch(name)
        for theme in THEMES:
            colours = colours_for(theme)
            app.setFont(font)
            dress(app, colours)
            for title, window in every_window():
                if isinstance(window, MainWindow):
                    window.dress(colours, is_red_up=name == "zh_CN")
                window.show()
                window.resize(window.sizeHint().expandedTo(window.size()))
                _paint(app, window)
                window.grab().save(str(folder / f"{title}-{name}-{theme}.png"))
                window.hide()
                window.deleteLater()
                count += 1
    say(f"{count} pictures in {folder}")
    return count


def shoot_guide(app: QApplication, folder: Path, say: Callable[[str], None] = print) -> int:
    """The pictures that the guides show; the light ones are enough."""
    folder.mkdir(parents=True, exist_ok=True)
    dress(app, LIGHT)
    count = 0
    for name in language.LANGUAGES:
        language.switch(name)
        for title, window in every_window():
            if title not in GUIDE:
                continue
            if isinstance(window, MainWindow):
                window.dress(LIGHT, is_red_up=name == "zh_CN")
            window.show()
            _paint(app, window)
            _small(window.grab().toImage()).save(str(folder / f"{title}-{name}.png"), quality=0)
            window.hide()
            window.deleteLater()
            count += 1
    say(f"{count} pictures in {folder}")
    return count


def _paint(app: QApplication, window: QWidget) -> None:
    """Twice: an axis makes room for its figures only once it has drawn them."""
    for _time in range(2):
        app.processEvents()
        window.grab()
    app.processEvents()


def _small(picture: QImage) -> QImage:
    """With 256 colours: those that it has most of, but none that is nearly another."""
    exact = picture.convertToFormat(QImage.Format.Format_RGB32)
    bits = exact.constBits()
    assert bits is not None
    pixels = memoryview(bits.asstring(exact.sizeInBytes())).cast("I")
    common: list[int] = []
    for colour, _count in Counter(pixels).most_common():
        if len(common) < 256 and all(_difference(colour, taken) > NEARLY for taken in common):
            common.append(colour)
    return exact.convertToFormat(QImage.Format.Format_Indexed8, common, FLAT)


def _difference(one: int, other: int) -> int:
    return sum(abs((one >> shift & 255) - (other >> shift & 255)) for shift in (0, 8, 16))


def folder(text: str) -> Path:
    if text.startswith("-"):
        raise argparse.ArgumentTypeError(f"there is no option {text}")
    return Path(text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=folder, default=Path(".screenshots"))
    parser.add_argument("--guide", action="store_true", help="the pictures in agent/docs/pictures, and nothing else")
    parser.add_argument("--scale", type=float, default=1.0, help="how large the text is, 2 for 200 %%")
    given = parser.parse_args()
    app = QApplication(sys.argv[:1])
    return 0 if (shoot_guide(app, PICTURES) if given.guide else shoot(app, given.folder, given.scale)) else 1


if __name__ == "__main__":
    sys.exit(main())
