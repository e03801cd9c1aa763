"""The desk from outside: real windows, a real hub process, the paper exchange."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication

from agent.model import events
from agent.model.engine import Mode
from agent.ui.orders_model import PROFIT, STATE
from agent.ui.rows import Stage
from agent.ui.state import Placing
from tests.services.hub_process import HubProcess

from .conftest import Run
from .desk_person import DeskPerson, add_user, press, published


@pytest.fixture
def server(hub: HubProcess) -> str:
    return hub.url


def test_log_in_get_an_order_see_it_executed_and_settled(
    run: Run, qapp: QApplication, tmp_path: Path, hub: HubProcess, name: str
) -> None:
    async def story() -> None:
        async with DeskPerson(qapp, tmp_path, hub.url) as person:
            await person.logged_in(name)
            main = person.desk.windows.main
            await person.sees(lambda: "placed on PAPER with 5 USDT" in main.sentence.text(), "the sentence")
            order_id = await published(hub, to=[name])
            await person.order_is(order_id, "success")
            await person.sees(lambda: person.row(order_id).stage is Stage.SETTLED, "the settlement")  # type: ignore[union-attr]
            await person.sees(lambda: person.row(order_id).is_reported, "the hub's receipt")  # type: ignore[union-attr]
            model = main.orders.model
            place = model.place(order_id)
            assert place is not None
            assert model.index(place, STATE).data() in ("won", "lost")
            assert model.index(place, PROFIT).data() in ("+4.00", "−5.00")
            main.orders.select(order_id)
            assert f"Order {order_id}" in main.orders.details.title.text()
            assert name in main.windowTitle()
            assert "PAPER" in main.windowTitle()

    run(story())


@pytest.mark.parametrize(
    ("username", "password", "words"),
    [("nobody", "correct horse battery", "Wrong user name or password"), ("", "x", "Type user name and password")],
)
def test_a_refused_login_says_why(
    run: Run, qapp: QApplication, tmp_path: Path, server: str, username: str, password: str, words: str
) -> None:
    async def story() -> None:
        async with DeskPerson(qapp, tmp_path, server) as person:
            person.log_in(username, password)
            await person.is_told(words)
            assert person.desk.windows.login.enter.isEnabled()
            assert not person.desk.windows.main.isVisible()

    run(story())


def test_an_expired_and_a_disabled_account_are_told_apart(
    run: Run, qapp: QApplication, tmp_path: Path, hub: HubProcess
) -> None:
    hub.cli("users", "list")
    add_user(hub, "past")
    add_user(hub, "shut")
    assert hub.cli("users", "expire", "past", "2020-01-01", "--yes").returncode == 0
    assert hub.cli("users", "disable", "shut").returncode == 0

    async def story() -> None:
        async with DeskPerson(qapp, tmp_path, hub.url) as person:
            person.log_in("past")
            await person.is_told("has expired")
            person.log_in("shut")
            await person.is_told("is disabled")

    run(story())


def test_a_hub_out_of_reach_says_what_to_do(run: Run, qapp: QApplication, tmp_path: Path) -> None:
    async def story() -> None:
        async with DeskPerson(qapp, tmp_path, "http://127.0.0.1:9") as person:
            person.log_in("alice")
            await person.is_told("Check the network")
            person.log_in("alice", server="hub")
            await person.is_told("is not one like")

    run(story())


def test_a_session_that_is_replaced_brings_the_login_window_back(
    run: Run, qapp: QApplication, tmp_path: Path, hub: HubProcess, name: str
) -> None:
    async def story() -> None:
        async with DeskPerson(qapp, tmp_path / "one", hub.url) as first:
            await first.logged_in(name)
            async with DeskPerson(qapp, tmp_path / "two", hub.url) as second:
                await second.logged_in(name)
                await first.is_told("Logged in elsewhere")
                assert first.desk.windows.login.isVisible()
                assert not first.desk.windows.main.isVisible()

    run(story())


@pytest.mark.parametrize(("key", "outcome"), [("yes", "success"), ("no", "rejected"), ("none", "expired")])
def test_confirm_asks_and_nobodys_answer_places_nothing(
    run: Run, qapp: QApplication, tmp_path: Path, hub: HubProcess, name: str, key: str, outcome: str
) -> None:
    async def story() -> None:
        async with DeskPerson(qapp, tmp_path, hub.url) as person:
            await person.logged_in(name)
            QTest.mouseClick(person.desk.windows.main.panel.placings[Placing.CONFIRM], Qt.MouseButton.LeftButton)
            assert person.desk.view.placing is Placing.CONFIRM
            order_id = await published(hub, to=[name], valid_s=2 if key == "none" else 30)
            window = await person.sees(lambda: person.desk.windows.questions.get(order_id), "the question")
            await person.sees(lambda: "s left" in window.left.text(), "the countdown")
            if key == "yes":
                press(window.yes)
            if key == "no":
                press(window.no)
            row = await person.order_is(order_id, outcome)
            assert (row.submitted_ms is not None) == (key == "yes")
            assert person.desk.windows.questions == {}

    run(story())


def test_stop_places_nothing_and_says_so(
    run: Run, qapp: QApplication, tmp_path: Path, hub: HubProcess, name: str
) -> None:
    async def story() -> None:
        async with DeskPerson(qapp, tmp_path, hub.url, paper_latency_s=1.0) as person:
            await person.logged_in(name)
            under_way = await published(hub, to=[name])
            await person.sees(lambda: person.row(under_way) and person.row(under_way).submitted_ms, "the order leaves")  # type: ignore[union-attr]
            press(person.desk.windows.main.stop)
            await person.sees(lambda: "paused by you" in person.desk.windows.main.sentence.text(), "the sentence")
            await person.order_is(under_way, "success")
            later = await published(hub, to=[name])
            row = await person.order_is(later, "rejected")
            assert row.reason is not None
            press(person.desk.windows.main.stop)
            await person.sees(lambda: "is placed on PAPER" in person.desk.windows.main.sentence.text(), "the sentence")

    run(story())


@pytest.mark.parametrize(
    ("speech", "said", "hides"),
    [("en", "This computer slept for 90 min", "Hide this notice"), ("zh_CN", "本机休眠了 90 分钟", "隐藏提示")],
)
def test_what_was_missed_asleep_stays_until_the_person_hides_it_by_a_key(
    run: Run, qapp: QApplication, tmp_path: Path, hub: HubProcess, name: str, speech: str, said: str, hides: str
) -> None:
    async def story() -> None:
        async with DeskPerson(qapp, tmp_path, hub.url) as person:
            await person.logged_in(name)
            main = person.desk.windows.main
            person.desk.change("language", speech)
            assert not main.sleep_notice.isVisible()
            person.desk.slept(5_400)
            await person.sees(lambda: said in main.slept.text() and main.slept.isVisible(), "how long it slept")
            assert main.hide_slept.text() == hides
            main.hide_slept.setFocus(Qt.FocusReason.TabFocusReason)
            QTest.keyClick(main.hide_slept, Qt.Key.Key_Space)
            main.flush()
            assert not main.sleep_notice.isVisible()
            person.desk.slept(60)
            await person.sees(main.slept.isVisible, "the next sleep")

    run(story())


def test_the_language_changes_what_is_on_the_screen(
    run: Run, qapp: QApplication, tmp_path: Path, hub: HubProcess, name: str
) -> None:
    async def story() -> None:
        async with DeskPerson(qapp, tmp_path, hub.url) as person:
            await person.logged_in(name)
            await person.order_is(await published(hub, to=[name]), "success")
            person.desk.change("language", "zh_CN")
            await person.sees(lambda: "模拟盘" in person.desk.windows.main.sentence.text(), "the sentence in Chinese")
            assert person.desk.windows.main.stop.text() != "Stop"
            assert "received" not in person.desk.windows.main.log.text.toPlainText()
            person.desk.change("language", "en")
            assert person.desk.windows.main.stop.text() == "Stop"

    run(story())


@pytest.mark.parametrize(
    ("session_s", "due_s"), [(3, 6), pytest.param(20, 40, marks=pytest.mark.faults)], ids=["3 and 6 s", "20 and 40 s"]
)
def test_a_position_settles_while_the_login_window_shows(
    run: Run, qapp: QApplication, tmp_path: Path, hub: HubProcess, name: str, session_s: int, due_s: int
) -> None:
    async def story() -> None:
        more = {"session_s": session_s, "paper_speed": 600 / due_s}
        async with DeskPerson(qapp, tmp_path, hub.url, **more) as person:
            seen = windows_at_each_event(person)
            await person.logged_in(name)
            order_id = await published(hub, to=[name])
            await person.order_is(order_id, "success")
            await person.sees(lambda: person.row(order_id).result, "the settlement", due_s + 15)  # type: ignore[union-attr]
            assert "24 hours of this login are over" in person.desk.windows.login.problem.text()
            assert person.desk.windows.login.isVisible()
            happened = [event for event, _login, _main in seen]
            assert happened.index(events.SessionEnded) < happened.index(events.Settled)
            assert seen[happened.index(events.Settled)] == (events.Settled, True, False)

    run(story())


def windows_at_each_event(person: DeskPerson) -> list[tuple[type[events.Event], bool, bool]]:
    """Each event's kind from now on, and whether the login window and the main window showed as it came."""
    seen: list[tuple[type[events.Event], bool, bool]] = []
    desk, heard = person.desk, person.desk.heard

    def hear(event: events.Event) -> None:
        seen.append((type(event), desk.windows.login.isVisible(), desk.windows.main.isVisible()))
        heard(event)

    desk.heard = hear  # type: ignore[method-assign]
    return seen


def test_two_accounts_stand_side_by_side_and_the_same_one_is_raised(
    run: Run, qapp: QApplication, tmp_path: Path, hub: HubProcess, name: str
) -> None:
    add_user(hub, "other")

    async def story() -> None:
        async with DeskPerson(qapp, tmp_path, hub.url) as first, DeskPerson(qapp, tmp_path, hub.url) as second:
            await first.logged_in(name)
            second.log_in(name)
            await second.is_told("open already")
            await second.logged_in("other")
            order_id = await published(hub, to=[name, "other"])
            await asyncio.gather(first.order_is(order_id, "success"), second.order_is(order_id, "success"))
            assert first.desk.windows.main.windowTitle() != second.desk.windows.main.windowTitle()

    run(story())


def test_closing_the_window_without_a_tray_ends_the_program(
    run: Run, qapp: QApplication, tmp_path: Path, hub: HubProcess, name: str
) -> None:
    async def story() -> None:
        async with DeskPerson(qapp, tmp_path, hub.url) as person:
            await person.logged_in(name)
            assert not person.desk.windows.tray.is_shown
            person.desk.windows.main.close()
            assert person.life is not None
            assert await asyncio.wait_for(asyncio.shield(person.life), 12) == 0

    run(story())


def test_an_order_left_in_submitting_is_unknown_and_the_person_says_what_became_of_it(
    run: Run, qapp: QApplication, tmp_path: Path, hub: HubProcess, name: str
) -> None:
    async def story() -> None:
        async with DeskPerson(qapp, tmp_path, hub.url, paper_latency_s=30.0, stop_grace_s=0) as person:
            await person.logged_in(name)
            order_id = await published(hub, to=[name])
            await person.sees(lambda: person.row(order_id) and person.row(order_id).submitted_ms, "the order leaves")  # type: ignore[union-attr]
        _left_by_a_driver_that_is_gone(tmp_path, order_id)
        async with DeskPerson(qapp, tmp_path, hub.url) as person:
            await person.logged_in(name)
            main = person.desk.windows.main
            await person.order_is(order_id, "unknown")
            await person.sees(lambda: "Outcome unknown: 1" in main.notice.text(), "the notice")
            main.orders.select(order_id)
            assert "Look at the exchange" in main.orders.details.todo.text()
            press(main.orders.details.does_not)
            row = await person.order_is(order_id, "failed")
            assert row.resolved_by == "person"
            await person.sees(lambda: not main.notice.isVisible(), "no notice any more")

    run(story())


def _left_by_a_driver_that_is_gone(data_dir: Path, order_id: int) -> None:
    """So that nobody can be asked what became of it."""
    (journal,) = data_dir.glob("accounts/*/*/journal.db")
    db = sqlite3.connect(journal)
    assert db.execute("SELECT state FROM entries WHERE order_id = ?", (order_id,)).fetchone() == ("submitting",)
    db.execute("UPDATE entries SET driver = 'gone' WHERE order_id = ?", (order_id,))
    db.commit()
    db.close()


def test_a_hub_that_is_killed_and_comes_back_is_told_and_trusted_again(
    run: Run, qapp: QApplication, tmp_path: Path
) -> None:
    hub = HubProcess(tmp_path / "hub")
    hub.start()
    add_user(hub, "carol")

    async def story() -> None:
        async with DeskPerson(qapp, tmp_path / "data", hub.url) as person:
            await person.logged_in("carol")
            await asyncio.to_thread(hub.kill)
            sentence = person.desk.windows.main.sentence
            await person.sees(lambda: "not connected to the hub" in sentence.text(), "the loss")
            assert "Next try in" in person.desk.windows.main.panel.link.text()
            await asyncio.to_thread(hub.start)
            await person.sees(lambda: "is placed on PAPER" in sentence.text(), "the connection", 40)
            await person.order_is(await published(hub, to=["carol"]), "success")

    try:
        run(story())
    finally:
        hub.kill()


def test_a_limit_that_is_reached_is_seen(
    run: Run, qapp: QApplication, tmp_path: Path, hub: HubProcess, name: str
) -> None:
    async def story() -> None:
        async with DeskPerson(qapp, tmp_path, hub.url) as person:
            await person.logged_in(name)
            main, limits = person.desk.windows.main, person.desk.windows.limits
            press(main.panel.limits)
            limits.fields["orders_per_day"].setText("one")
            limits.fields["orders_per_day"].editingFinished.emit()
            assert "whole number" in limits.problem.text()
            limits.fields["orders_per_day"].setText("1")
            limits.fields["orders_per_day"].editingFinished.emit()
            assert limits.problem.text() == ""
            await person.order_is(await published(hub, to=[name]), "success")
            await person.sees(lambda: "would be refused" in main.sentence.text(), "the sentence")
            row = await person.order_is(await published(hub, to=[name]), "rejected")
            assert row.reason is not None
            assert row.reason.code == "limit.orders_per_day"
            for key, text in (("orders_per_day", ""), ("loss_per_day", "3")):
                limits.fields[key].setText(text)
                limits.fields[key].editingFinished.emit()
            row = await person.order_is(await published(hub, to=[name]), "rejected")
            limits.fields["loss_per_day"].setText("50")
            limits.fields["loss_per_day"].editingFinished.emit()
            assert "not loosened before tomorrow" in limits.problem.text()
            assert limits.fields["loss_per_day"].text() == "3", "the field shows what holds"

    run(story())


def test_live_is_switched_on_after_its_risks_and_off_at_once(
    run: Run, qapp: QApplication, tmp_path: Path, hub: HubProcess, name: str
) -> None:
    async def story() -> None:
        exchange = {"binance_url": "http://127.0.0.1:9", "binance_accounts_url": "http://127.0.0.1:9"}
        async with DeskPerson(qapp, tmp_path, hub.url, price_url="ws://127.0.0.1:9", **exchange) as person:
            await person.logged_in(name)
            desk = person.desk
            desk.windows.main.panel.modes[Mode.LIVE].toggle()
            assert "Before LIVE, set these limits" in desk.windows.limits.problem.text()
            assert not desk.windows.live.isVisible()
            for key in ("loss_per_day", "orders_per_day"):
                desk.windows.limits.fields[key].setText("50")
                desk.windows.limits.fields[key].editingFinished.emit()
            desk.windows.main.flush()
            desk.windows.main.panel.modes[Mode.LIVE].toggle()
            assert desk.windows.live.isVisible()
            assert desk.view.mode is Mode.PAPER
            assert not desk.windows.live.go.isEnabled()
            desk.windows.live.word.setText("TRADE LIVE")
            press(desk.windows.live.go)
            assert desk.view.mode is Mode.LIVE
            await person.sees(
                lambda: "would be refused" in desk.windows.main.sentence.text(), "no session at the exchange"
            )
            assert "LIVE" in desk.windows.main.windowTitle()
            desk.windows.main.panel.modes[Mode.PAPER].toggle()
            assert desk.view.mode is Mode.PAPER

    run(story())
