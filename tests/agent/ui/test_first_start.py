"""The first start: four steps by the keyboard, and what was said in them holds from the first login on."""

from decimal import Decimal
from pathlib import Path

from PyQt6.QtCore import Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication

from agent import language
from agent.ui.first_run import FirstRun
from tests.agent.hub_on_loopback import hub_on_loopback

from .conftest import Run
from .desk_person import DeskPerson

NOWHERE = "http://127.0.0.1:9"


def go_on(steps: FirstRun) -> None:
    QTest.keyClick(steps.focusWidget() or steps, Qt.Key.Key_Return)


def test_a_layman_gets_through_with_the_keyboard_and_trades_on_paper_with_what_was_said(
    run: Run, qapp: QApplication, tmp_path: Path
) -> None:
    async def story() -> None:
        async with hub_on_loopback() as hub, DeskPerson(qapp, tmp_path, NOWHERE, is_first_start=True) as person:
            windows = person.desk.windows
            steps = await person.sees(lambda: windows.first_run, "the first step")
            assert not windows.login.isVisible()
            steps.language_wanted.emit("zh_CN")
            assert steps.step.text() == "第 1 步，共 4 步"
            steps.language_wanted.emit("en")
            go_on(steps)
            steps.server.setText(f"  {hub.url} ")
            steps.username.setText("alice")
            go_on(steps)
            go_on(steps)
            assert steps.step.text() == "Step 4 of 4"
            steps.stake.selectAll()
            QTest.keyClicks(steps.stake, "7")
            go_on(steps)
            assert (windows.login.isVisible(), windows.first_run) == (True, None)
            assert (windows.login.server.text(), windows.login.username.text()) == (hub.url, "alice")
            assert windows.login.focusWidget() is windows.login.password
            QTest.keyClicks(windows.login.password, hub.password)
            QTest.keyClick(windows.login.password, Qt.Key.Key_Return)
            await person.sees(lambda: person.desk.view.is_connected, "the connection")
            await person.sees(lambda: person.desk.view.stake == Decimal(7), "the stake of the first start")
            assert "placed on PAPER with 7 USDT" in windows.main.sentence.text()
            assert windows.main.panel.stake.value() == 7

    run(story())


def test_steps_can_be_gone_back_from_and_keep_what_was_said(qapp: QApplication) -> None:
    steps = FirstRun("http://127.0.0.1:8000", 5, 5, 200)
    assert not steps.back.isEnabled()
    steps.next.click()
    steps.username.setText("alice")
    steps.next.click()
    steps.back.click()
    assert (steps.step.text(), steps.username.text()) == ("Step 2 of 4", "alice")
    steps.retranslate()
    assert steps.step.text() == "Step 2 of 4"
    QTest.keyClick(steps, Qt.Key.Key_Escape)
    told: list[bool] = []
    steps.closed.connect(lambda: told.append(True))
    steps.close()
    assert told == [True]
    assert language.current() == "en"
