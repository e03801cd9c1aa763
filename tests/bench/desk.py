"""The trader's window on the bench: its cost to an order, how long it blocks the loop, memory, and its start.

    python -m tests.bench.desk [--orders 1000] [--rounds 3] [--hour 3600] [--starts 5]

The agent of `submission`, without and with its window in turn: 10,000 orders in the journal, charts showing. Then an
hour of an order a second, sped up as far as the hub's stand-in goes: how late the loop was, and memory after the
first five minutes' orders and after all. Qt draws to the display there is, else into memory.
"""

import argparse
import asyncio
import json
import math
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

if "DISPLAY" not in os.environ and sys.platform.startswith("linux"):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import msgspec
from PyQt6.QtWidgets import QApplication

from agent.config import Settings
from agent.model.account import Owner
from agent.trading.accounts import Accounts
from agent.trading.journal import FILE_NAME, Journal
from agent.ui.desktop import Desk
from agent.ui.loop import BEAT_S, DeskLoop, LagMeter
from agent.vault import MemoryVault
from protocol.messages import Order
from tests.agent.consenting import accept_live
from tests.services.waiting import eventually

from .processes import Cores
from .submission import Commits, Round, Watch, p99
from .submission import _trade as trade_headless

ROWS: Final = 10_000
FIVE_MINUTES: Final = 300
BAR_RATIO: Final = 2.0
BAR_LATE_MS: Final = 50.0
BAR_GROWTH: Final = 1.1
BAR_START_S: Final = 2.0
DAY_MS: Final = 86_400_000
CHARTS: Final = 1


@dataclass(frozen=True)
class Hour:
    """Lateness of the loop in ms, resident memory in bytes."""

    orders: int
    took_s: float
    late_ms: float
    longest_ms: float
    own_ms: float
    rss_early: int
    rss_late: int

    @property
    def growth(self) -> float:
        """Late ÷ early."""
        return self.rss_late / self.rss_early


def fill(folder: Path, owner: Owner, rows: int) -> None:
    """Orders of a week ago, placed, settled and reported."""
    Journal(folder, owner).close()
    began = time.time_ns() // 1_000_000 - 8 * DAY_MS
    db = sqlite3.connect(folder / FILE_NAME)
    db.executemany(_OLD, (_old(1_000_000 + number, began + 30_000 * number) for number in range(rows)))
    db.commit()
    db.close()


_OLD: Final = """INSERT INTO entries (order_id, "order", created_ms, expires_ms, state, received_ms, uncertainty_ms,
    driver, mode, outcome, executed_ms, stake, payout_ratio, submitted_ms, submitted_wall_ms, exchange_order_id,
    settled_ms, result, source, profit)
    VALUES (?, ?, ?, ?, 'reported', ?, 4, 'paper', 'PAPER', 'success', ?, '5', '0.80', ?, ?, ?, ?, ?, 'confirmed', ?)"""


def _old(order_id: int, at_ms: int) -> tuple[Any, ...]:
    symbol, increment = ("BTCUSDT", "ETHUSDT")[order_id % 2], ("TEN_MINUTE", "ONE_HOUR")[order_id % 4 < 2]
    order = Order(order_id, increment, symbol, "LONG", 60, at_ms, at_ms + 60_000)
    result, profit = ("won", "4.00") if order_id % 5 < 3 else ("lost", "-5.00")
    times = (at_ms + 20, at_ms + 120, at_ms + 24, at_ms + 24)
    text = msgspec.json.encode(order).decode()
    head = (order_id, text, order.created_ms, order.expires_ms)
    return (*head, *times, f"P{order_id}", at_ms + 700_000, result, profit)


@contextmanager
def peer(orders: int, core: int) -> Iterator[tuple[dict[str, Any], "subprocess.Popen[str]"]]:
    """The other side of `submission`, on its own core; what it told first, and its process."""
    command = [sys.executable, "-m", "tests.bench.submission_peer", str(orders)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: os.sched_setaffinity(0, {core})
    )
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline()), process
    finally:
        process.kill()
        process.wait()


def prepared(told: dict[str, Any], folder: Path) -> MemoryVault:
    """A trader's folder with its old orders and LIVE agreed to; the session at the exchange."""
    accounts, owner, vault = Accounts(folder), Owner(told["hub"], "alice"), MemoryVault()
    fill(accounts.folder(owner), owner, ROWS)
    accept_live(folder, told["hub"], "alice", told["exchange"])
    vault.put(accounts.keys(owner)[0], "exchange_session", msgspec.json.encode(told["session"]).decode())
    (folder / "desk.json").write_text("{}")  # not the first start
    return vault


async def open_desk(desk: Desk, password: str) -> "asyncio.Task[int]":
    """Log in as a person does, and look at the charts."""
    life = asyncio.ensure_future(desk.live())
    await asyncio.sleep(0)
    desk.windows.login.username.setText("alice")
    desk.windows.login.password.setText(password)
    desk.windows.login.enter.click()
    await eventually(lambda: desk.windows.main.isVisible() or life.done(), "the window is open", 60)
    desk.windows.main.tabs.setCurrentIndex(CHARTS)
    return life


async def trade_in_window(
    app: QApplication, told: dict[str, Any], folder: Path, vault: MemoryVault, is_over: Callable[[], bool]
) -> None:
    """All orders of the peer, live, in a window."""
    config = Settings(
        server_url=told["hub"], driver="binance-web", binance_url=told["exchange"], data_dir=folder, stop_grace_s=1
    )
    desk = Desk(app, config, vault=vault)
    life = await open_desk(desk, told["password"])
    await eventually(lambda: is_over() or life.done(), "all orders are through", 600)
    desk.quit()
    await life


def one_round(app: QApplication, orders: int, core: int, *, has_window: bool) -> Round:
    """The orders' way, in ms, without or with the window."""
    with (
        tempfile.TemporaryDirectory(prefix="desk-") as name,
        peer(orders, core) as (told, process),
        Watch() as watch,
    ):
        commits = Commits(Path(name))
        watch.afterwards = commits.make
        vault = prepared(told, Path(name))
        over = lambda: process.poll() is not None  # noqa: E731
        if has_window:
            on_desk_loop(app, trade_in_window(app, told, Path(name), vault, over))
        else:
            asyncio.run(trade_headless(told, Path(name), over))
        commits.close()
        if len(watch.took_ms) != orders:
            raise RuntimeError(f"{orders} orders, {len(watch.took_ms)} measured")
        return Round(watch.took_ms, commits.took_ms)


def on_desk_loop(app: QApplication, life: Any) -> Any:
    """To its end, on the loop that the program has."""
    loop = DeskLoop(app)
    asyncio.set_event_loop(loop)
    with loop:
        return loop.run_until_complete(life)


def hour(app: QApplication, orders: int, core: int) -> Hour:
    """An order a second for an hour on paper, as fast as the other side goes."""
    with tempfile.TemporaryDirectory(prefix="desk-") as name, peer(orders, core) as (told, process):
        prepared(told, Path(name))
        config = Settings(server_url=told["hub"], data_dir=Path(name), paper_speed=60, paper_latency_s=0.005)
        one: Hour = on_desk_loop(app, _hour(app, config, told["password"], orders, lambda: process.poll() is not None))
        return one


class OwnWork(LagMeter):
    """CPU of the loop's thread from beat to beat beyond a beat: what blocked it that is not other programs' doing."""

    def _beat(self) -> None:
        now = time.thread_time()
        self.late_ms[math.ceil(max(0.0, (now - self._last - BEAT_S) * 1000))] += 1
        self._last = now


async def _hour(app: QApplication, config: Settings, password: str, orders: int, is_over: Callable[[], bool]) -> Hour:
    desk = Desk(app, config, vault=MemoryVault())
    life = await open_desk(desk, password)
    began, own = time.monotonic(), OwnWork()
    own.start()
    await eventually(lambda: is_over() or len(desk.view.rows) >= ROWS + FIVE_MINUTES, "five minutes' orders", 600)
    early = _rss()
    await eventually(lambda: is_over() or life.done(), "the hour is over", 3600)
    took_s, late = time.monotonic() - began, _rss()
    if len(desk.view.rows) != ROWS + orders:
        raise RuntimeError(f"{len(desk.view.rows)} rows instead of {ROWS + orders}")
    desk.quit()
    await life
    return Hour(orders, took_s, desk.meter.at(0.999), desk.meter.at(1), own.at(0.999), early, late)


def _rss() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def start_s() -> float:
    """From the start of the program until its window takes what is typed."""
    with tempfile.TemporaryDirectory(prefix="desk-") as name:
        began = time.perf_counter()
        command = [
            sys.executable,
            "-c",
            _STARTS,
            "--data-dir",
            name,
            "--user",
            "alice",
            "--server",
            "http://127.0.0.1:9",
        ]
        program = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert program.stdout is not None
        try:
            if program.stdout.readline().strip() != "usable":
                raise RuntimeError("the window did not open")
            return time.perf_counter() - began
        finally:
            program.terminate()
            program.wait(15)


_STARTS: Final = """
import sys
from agent.ui import login_window
shown = login_window.LoginWindow.showEvent
def tell(self, event):
    shown(self, event)
    from PyQt6.QtCore import QTimer
    QTimer.singleShot(0, lambda: print("usable" if self.password.isEnabled() else "not usable", flush=True))
login_window.LoginWindow.showEvent = tell
from agent.__main__ import main
sys.argv[0] = "agent"
main()
"""


def row(what: str, figure: str, bar: str, is_within: bool) -> str:
    """One line for people."""
    return f"{what:<46} {figure:<62} {bar:<16} {'within' if is_within else 'OVER ITS BAR'}"


def cost_rows(without: list[Round], within: list[Round]) -> list[str]:
    """What the window costs an order; the pairs were measured in turn."""
    bare, desk = (statistics.median(p99(one.orders) for one in rounds) for rounds in (without, within))
    ratio = statistics.median(p99(b.orders) / p99(a.orders) for a, b in zip(without, within, strict=True))
    usual = [statistics.median(statistics.median(one.orders) for one in rounds) for rounds in (without, within)]
    figure = f"p50 {usual[0]:.2f} → {usual[1]:.2f} ms, p99 {bare:.2f} → {desk:.2f} ms"
    bar = f"p99 ratio ≤ {BAR_RATIO:g}"
    return [row("frame → last byte, without → with the window", f"{figure}, × {ratio:.2f}", bar, ratio <= BAR_RATIO)]


def hour_rows(one: Hour) -> list[str]:
    """The hour's two lines."""
    lateness = f"p99.9 {one.late_ms:.0f} ms, longest {one.longest_ms:.0f} ms; by its own CPU p99.9 {one.own_ms:.0f} ms"
    memory = f"{one.rss_early / 2**20:.0f} → {one.rss_late / 2**20:.0f} MiB, × {one.growth:.3f}"
    said = f"loop blocked, {one.orders} orders in {one.took_s:.0f} s"
    return [
        row(said, lateness, f"p99.9 ≤ {BAR_LATE_MS:g} ms", one.late_ms <= BAR_LATE_MS),
        row("memory after the hour ÷ after five minutes", memory, f"at most {BAR_GROWTH:g}", one.growth <= BAR_GROWTH),
    ]


def start_row(starts: list[float]) -> str:
    """The start's line."""
    usual = statistics.median(starts)
    figure = f"{usual:.2f} s (of {len(starts)}: {min(starts):.2f} to {max(starts):.2f})"
    return row("window usable after the start", figure, f"within {BAR_START_S:g} s", usual <= BAR_START_S)


def main() -> int:
    """Pinned, measured, printed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.desk", description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--hour", type=int, default=3_600, help="orders of the hour; 0: leave it out")
    parser.add_argument("--starts", type=int, default=5)
    given = parser.parse_args()
    if given.starts:
        print(start_row([start_s() for _start in range(given.starts)]), flush=True)
    cores = Cores.of_this_machine()
    os.sched_setaffinity(0, {cores.server})
    app = QApplication(sys.argv[:1])
    without, within = [], []
    for _round in range(given.rounds):
        without.append(one_round(app, given.orders, cores.load, has_window=False))
        within.append(one_round(app, given.orders, cores.load, has_window=True))
    if given.rounds:
        print("\n".join(cost_rows(without, within)), flush=True)
    if given.hour:
        print("\n".join(hour_rows(hour(app, given.hour, cores.load))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
