"""The program among others: signals, a tray, errors in slots, timers that ring early, the login at the exchange."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import pytest
from PyQt6.QtWidgets import QApplication, QWidget

from agent.ui import desktop, loop
from agent.ui.notices import Notice
from agent.ui.palette import has_chinese_font
from agent.ui.state import Placing
from agent.ui.tray import Tray
from agent.vault import MemoryVault
from tests.agent.hub_on_loopback import HubOnLoopback, hub_on_loopback
from tests.exchange.server import Exchange

from .conftest import Run
from .desk_person import DeskPerson, press


@contextmanager
def program(tmp_path: Path, more: str) -> Iterator["subprocess.Popen[str]"]:
    """The program as it is started, with a word when its login window shows, and with `more` done then."""
    given = ["--data-dir", str(tmp_path), "--user", "alice", "--server", "http://127.0.0.1:9"]
    code = _STARTS.replace("MORE", more)
    started = subprocess.Popen(
        [sys.executable, "-c", code, *given],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )
    try:
        yield started
    finally:
        started.kill()
        started.wait()


_STARTS = """
import sys
from PyQt6.QtCore import QTimer
from agent.ui import desktop
on_signals = desktop.Desk._on_signals
def begin(desk):
    on_signals(desk)
    def told():
        MORE
    QTimer.singleShot(100, told)
desktop.Desk._on_signals = begin
from agent.__main__ import main
sys.argv[0] = "agent"
main()
"""


def wait_for(started: "subprocess.Popen[str]", word: str) -> None:
    assert started.stdout is not None
    lines = []
    for line in started.stdout:
        lines.append(line)
        if word in line:
            return
    raise AssertionError(f"{word!r} was not said: {lines}")


def test_sigterm_ends_the_program_though_closing_its_window_means_the_tray(tmp_path: Path) -> None:
    close_to_tray = """type(desk.windows.tray).is_shown = property(lambda _tray: True)
        desk.windows.main.show(); desk.windows.main.close()
        print("in the tray", desk.windows.main.isVisible(), desk.ended.done(), flush=True)"""
    with program(tmp_path, close_to_tray) as started:
        wait_for(started, "in the tray False False")
        began = time.monotonic()
        started.send_signal(signal.SIGTERM)
        assert started.wait(12) == 0
        assert time.monotonic() - began < 12


def test_an_error_in_a_slot_is_shown_and_the_program_goes_on(tmp_path: Path) -> None:
    wrong = """QTimer.singleShot(50, lambda: print("the window says", desk.windows.login.problem.text(), flush=True))
        raise ValueError("a slot that fails")"""
    with program(tmp_path, wrong) as started:
        wait_for(started, "the window says A part of the program failed (ValueError: a slot that fails).")
        assert started.poll() is None
        started.send_signal(signal.SIGINT)
        assert started.wait(12) == 0


def test_closing_the_last_window_does_not_end_the_loop_and_what_runs_in_it(run: Run, qapp: QApplication) -> None:
    assert run(_outlives_a_window())


async def _outlives_a_window() -> bool:
    window = QWidget()
    window.show()
    await asyncio.sleep(0.05)
    window.close()
    await asyncio.sleep(0.1)
    return True


def test_timers_that_ring_early_place_nothing_that_nobody_confirmed(
    run: Run, qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = loop._PreciseTimer._start
    is_early = [False]

    def early(timer: loop._PreciseTimer, handle: object, due: float) -> None:
        now = time.monotonic()
        exact(timer, handle, now + 0.3 * (due - now) if is_early[0] and due > now else due)  # type: ignore[arg-type]

    monkeypatch.setattr(loop._PreciseTimer, "_start", early)

    async def story() -> None:
        hub = HubOnLoopback()
        await hub.start()
        async with DeskPerson(qapp, tmp_path, hub.url) as person:
            person.log_in("alice", hub.password)
            await person.sees(lambda: person.desk.view.is_connected, "the connection")
            person.desk.wishes.place(Placing.CONFIRM)
            is_early[0] = True
            await hub.push(hub.order(7, valid_s=3))
            window = await person.sees(lambda: person.desk.windows.questions.get(7), "the question")
            assert window.yes.isEnabled()
            row = await person.order_is(7, "expired")
            is_early[0] = False
            assert row.submitted_ms is None
        await hub.stop()

    run(story())


def test_the_session_at_the_exchange_is_bound_by_its_qr_code(run: Run, qapp: QApplication, tmp_path: Path) -> None:
    async def story() -> None:
        hub, vault = HubOnLoopback(), MemoryVault()
        await hub.start()
        async with Exchange() as exchange:
            exchange_at = {"binance_url": exchange.url, "binance_accounts_url": exchange.url}
            async with DeskPerson(qapp, tmp_path, hub.url, vault=vault, **exchange_at) as person:
                person.log_in("alice", hub.password)
                await person.sees(lambda: person.desk.view.is_connected, "the connection")
                press(person.desk.windows.main.panel.bind)
                window = person.desk.binding.window
                assert window is not None
                await person.sees(lambda: not window.code.pixmap().isNull(), "the QR code", 40)
                assert "QR code 1" in window.state.text()
                exchange.login.scan()
                await person.sees(lambda: person.desk.binding.is_bound, "the session", 40)
        await hub.stop()

    run(story())


def test_a_notifier_that_fails_stops_no_order(
    run: Run, qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def fail(_tray: Tray, _title: str, said: Notice, **_more: object) -> None:
        told.append(said.kind)
        raise OSError("no notification daemon")

    monkeypatch.setattr(Tray, "tell", fail)

    async def story() -> None:
        async with hub_on_loopback() as hub, DeskPerson(qapp, tmp_path, hub.url) as person:
            person.desk.change("notices", frozenset(["success", "failure"]))
            person.log_in("alice", hub.password)
            await person.sees(lambda: person.desk.view.is_connected, "the connection")
            for number in (7, 8):
                await hub.push(hub.order(number))
                await person.order_is(number, "success")
            assert told == ["success", "success"]

    run(story())


def test_without_a_font_for_chinese_it_is_said_in_words(
    run: Run, qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not has_chinese_font(["DejaVu Sans", "Arial"])
    assert has_chinese_font(["DejaVu Sans", "Noto Sans CJK SC"])
    monkeypatch.setattr(desktop, "has_chinese_font", lambda _families: False)

    async def story() -> None:
        async with DeskPerson(qapp, tmp_path, "http://127.0.0.1:9") as person:
            await person.is_told("No Chinese font is installed")

    run(story())


def test_where_a_loop_takes_no_signals_ctrl_c_ends_the_program(
    run: Run, qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(sys, "platform", "win32")

    async def story() -> None:
        async with DeskPerson(qapp, tmp_path, "http://127.0.0.1:9") as person:
            signal.raise_signal(signal.SIGINT)
            assert person.life is not None
            assert await asyncio.wait_for(asyncio.shield(person.life), 12) == 0

    try:
        run(story())
    finally:
        signal.signal(signal.SIGINT, before)


def test_no_dialog_runs_a_loop_of_its_own() -> None:
    sources = list(Path(desktop.__file__).parent.glob("*.py"))
    assert [source.name for source in sources if re.search(r"\.exec\(|QMessageBox", source.read_text())] == []
    assert len(sources) > 20


def test_qt_and_what_binds_it_are_of_one_minor_version() -> None:
    bound, found = version("PyQt6"), version("PyQt6-Qt6")
    assert bound.split(".")[:2] == found.split(".")[:2]
