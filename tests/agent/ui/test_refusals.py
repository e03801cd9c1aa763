"""Why there is no session, or no more: each in the login window's own words, through real windows."""

import asyncio
from pathlib import Path

import pytest
from PyQt6.QtWidgets import QApplication

from agent.model.events import End, SessionEnded
from agent.ui import refusals
from agent.vault import MemoryVault
from protocol import closes
from tests.agent.hub_on_loopback import hub_on_loopback
from tests.services.hub_process import HubProcess

from .conftest import Run
from .desk_person import PASSWORD, DeskPerson, add_user, published


def test_too_many_wrong_passwords_say_to_wait(
    run: Run, qapp: QApplication, tmp_path: Path, hub: HubProcess, name: str
) -> None:
    async def story() -> None:
        async with DeskPerson(qapp, tmp_path, hub.url) as person:
            login, told = person.desk.windows.login, [""]
            while "Too many" not in told[-1] and len(told) < 20:
                person.log_in(name, "wrong")
                assert login.password.text() == ""
                told.append(await person.sees(lambda: login.enter.isEnabled() and login.problem.text(), "an answer"))
            assert told[1] == "Wrong user name or password."
            assert told[-1].startswith("Too many wrong passwords. Wait some minutes, then try again. Next try in ")
            person.log_in("", "")
            await person.is_told("Type user name and password")
            person.log_in("nobody", server="http://127.0.0.1:9")
            await person.is_told("Check the network")

    run(story())


def test_an_admin_is_told_that_this_is_no_traders_account(
    run: Run, qapp: QApplication, tmp_path: Path, hub: HubProcess
) -> None:
    add_user(hub, "chief", role="admin")

    async def story() -> None:
        async with DeskPerson(qapp, tmp_path, hub.url) as person:
            person.log_in("chief")
            await person.is_told("not a trader's")

    run(story())


@pytest.mark.parametrize(
    ("command", "words"),
    [pytest.param("expire", "has expired", marks=pytest.mark.faults), ("disable", "is disabled")],
)
def test_an_account_that_ends_while_the_window_is_open_is_told_at_once_and_what_is_open_still_settles(
    run: Run, qapp: QApplication, tmp_path: Path, hub: HubProcess, name: str, command: str, words: str
) -> None:
    async def story() -> None:
        async with DeskPerson(qapp, tmp_path, hub.url, paper_speed=100.0) as person:
            await person.logged_in(name)
            order_id = await published(hub, to=[name])
            await person.order_is(order_id, "success")
            given = ["users", command, name, *(["2020-01-01", "--yes"] if command == "expire" else [])]
            done = await asyncio.to_thread(hub.cli, *given)
            assert done.returncode == 0
            await person.is_told(words)
            assert person.desk.windows.login.isVisible()
            assert not person.desk.windows.main.isVisible()
            await person.sees(lambda: (row := person.row(order_id)) and row.result, "the settlement")

    run(story())


def test_a_program_too_old_for_the_hub_is_told_to_be_updated(run: Run, qapp: QApplication, tmp_path: Path) -> None:
    async def story() -> None:
        async with hub_on_loopback() as hub, DeskPerson(qapp, tmp_path, hub.url) as person:
            hub.refuses_sockets = 400
            person.log_in("alice", hub.password)
            await person.is_told("update the older one")

    run(story())


def test_a_clock_far_off_is_told_beside_the_connection(run: Run, qapp: QApplication, tmp_path: Path) -> None:
    async def story() -> None:
        async with hub_on_loopback() as hub, DeskPerson(qapp, tmp_path, hub.url) as person:
            hub.clock_ahead_ms = 3_600_000
            person.log_in("alice", hub.password)
            clock = person.desk.windows.main.panel.clock
            await person.sees(lambda: clock.isVisible() and "−3600" in clock.text(), "how far the clock is off")

    run(story())


def test_a_hub_that_replaces_the_session_and_one_that_ends_it_are_told_apart(
    run: Run, qapp: QApplication, tmp_path: Path
) -> None:
    async def story() -> None:
        async with hub_on_loopback() as hub, DeskPerson(qapp, tmp_path, hub.url) as person:
            for close, words in ((closes.SESSION_REPLACED, "Logged in elsewhere"), (closes.TOKEN_EXPIRED, "24 hours")):
                person.log_in("alice", hub.password)
                await person.sees(lambda: person.desk.view.is_connected, "the connection")
                await hub.close(close)
                await person.is_told(words)

    run(story())


def test_a_remembered_password_logs_in_by_itself_and_one_that_is_not_does_not(
    run: Run, qapp: QApplication, tmp_path: Path
) -> None:
    async def story() -> None:
        vault = MemoryVault()
        async with hub_on_loopback() as hub:
            async with DeskPerson(qapp, tmp_path, hub.url, vault=vault) as person:
                person.desk.windows.login.remember.setChecked(True)
                person.log_in("alice", hub.password)
                await person.sees(lambda: person.desk.view.is_connected, "the connection")
            async with DeskPerson(qapp, tmp_path, hub.url, vault=vault) as person:
                await person.sees(lambda: person.desk.view.is_connected, "the connection, without a word typed")
            (tmp_path / "desk.json").write_text("{}")
            async with DeskPerson(qapp, tmp_path, hub.url, vault=vault) as person:
                assert person.desk.windows.login.isVisible()
                assert PASSWORD not in (tmp_path / "desk.json").read_text()
            assert len(hub.logins) == 2

    run(story())


def test_a_certificate_that_does_not_hold_points_to_the_clock() -> None:
    ended = SessionEnded(End.OUT_OF_REACH, "certificate verify failed: certificate is not yet valid")
    assert "this computer's clock" in refusals.words(ended)
