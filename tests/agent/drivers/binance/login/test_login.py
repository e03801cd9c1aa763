"""Logins in a real Chromium: each way to end has its name, and leaves no process behind."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from agent.drivers.binance.login.client import Login, Outcome
from agent.drivers.binance.login.messages import Ended, Job, PersonNeeded, QrShown, Result, Started
from tests.agent.drivers.binance.login.pages import LoginPages
from tests.agent.drivers.binance.login.screen import close_windows
from tests.agent.drivers.binance.login.watching import Watched, browsers, children, command_line, is_alive, using
from tests.services.process import ROOT, free_port
from tests.services.waiting import eventually, wait_until


async def test_a_scanned_qr_brings_the_session_and_its_expiry(profile: Path) -> None:
    async with LoginPages() as pages:
        watched = Watched(pages, profile)
        await watched.drawn()
        pages.scan()
        outcome = await watched.outcome()
    assert outcome.result is Result.BOUND
    assert outcome.captured is not None
    assert (outcome.captured.csrftoken, outcome.captured.p20t) == (pages.csrftoken, pages.p20t)
    assert outcome.captured.expires_ms is not None
    assert watched.events == [Started(False), QrShown(pages.codes[0], 1), Ended(Result.BOUND)]
    assert len(watched.processes) > 3
    assert mode(profile) == 0o700


def mode(folder: Path) -> int:
    return folder.stat().st_mode & 0o777


async def test_a_cookie_without_expiry_has_a_name_of_its_own(profile: Path) -> None:
    async with LoginPages(no_expiry=True) as pages:
        pages.scan()
        outcome = await Watched(pages, profile).outcome()
    assert outcome.result is Result.BOUND_WITHOUT_EXPIRY
    assert outcome.captured is not None
    assert outcome.captured.expires_ms is None


@pytest.mark.parametrize("by_button", [False, True])
async def test_a_qr_that_expires_four_times_ends_the_login(profile: Path, by_button: bool) -> None:
    async with LoginPages(refresh_ms=150, refresh_by_button=by_button) as pages:
        watched = Watched(pages, profile)
        outcome = await watched.outcome()
    assert outcome == Outcome(Result.QR_EXPIRED)
    assert [(qr.text, qr.number) for qr in watched.told(QrShown)] == list(
        zip(pages.codes[:4], (1, 2, 3, 4), strict=True)
    )


@pytest.mark.parametrize("silent", [False, True])
async def test_a_login_that_nobody_finishes_times_out(profile: Path, silent: bool) -> None:
    async with LoginPages(silent=silent) as pages:
        outcome = await Watched(pages, profile, timeout_s=1.5).outcome()
    assert outcome == Outcome(Result.TIMED_OUT)


async def test_a_killed_browser_is_told_as_crashed(profile: Path) -> None:
    async with LoginPages() as pages:
        watched = Watched(pages, profile)
        await watched.drawn()
        [browser] = browsers(profile)
        os.kill(browser, signal.SIGKILL)
        outcome = await watched.outcome()
        assert outcome == Outcome(Result.BROWSER_CRASHED)
        pages.scan()
        assert (await Watched(pages, profile).outcome()).result is Result.BOUND


async def test_a_killed_helper_takes_its_browser_with_it(profile: Path) -> None:
    async with LoginPages() as pages:
        watched = Watched(pages, profile)
        await watched.drawn()
        [helper] = [pid for pid, line in children().items() if "agent.drivers.binance.login" in line]
        os.kill(helper, signal.SIGKILL)
        outcome = await watched.outcome()
    assert outcome == Outcome(Result.HELPER_DIED)
    assert watched.events[-1] == Ended(Result.HELPER_DIED)


async def test_cancelled_it_closes_the_browser(profile: Path) -> None:
    async with LoginPages() as pages:
        watched = Watched(pages, profile)
        await watched.drawn()
        watched.login.cancel()
        outcome = await watched.outcome()
    assert outcome == Outcome(Result.CANCELLED)


async def test_cancelled_before_the_browser_runs_it_starts_none(profile: Path) -> None:
    async with LoginPages() as pages:
        watched = Watched(pages, profile)
        watched.login.cancel()
        outcome = await watched.outcome()
    assert (outcome, watched.told(QrShown)) == (Outcome(Result.CANCELLED), [])


async def test_a_helper_that_hangs_is_ended_all_the_same(profile: Path) -> None:
    async with LoginPages() as pages:
        watched = Watched(pages, profile)
        await watched.drawn()
        for pid in watched.processes:
            os.kill(pid, signal.SIGSTOP)
        watched.login.cancel()
        outcome = await watched.outcome()
    assert outcome == Outcome(Result.CANCELLED)


async def test_a_task_that_is_cancelled_leaves_no_browser(profile: Path) -> None:
    async with LoginPages() as pages:
        watched = Watched(pages, profile)
        await watched.drawn()
        watched.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await watched.task
        watched.assert_nothing_left()


PARENT = """
import asyncio, sys
from agent.drivers.binance.login.client import Login
from agent.drivers.binance.login.messages import job_of
asyncio.run(Login(job_of.decode(sys.stdin.readline()), lambda event: print(event, flush=True)).run())
"""


async def test_an_agent_that_is_killed_takes_the_browser_with_it(profile: Path) -> None:
    async with LoginPages() as pages:
        job = msgspec.json.encode(Job(pages.page, str(profile)))
        others = set(children())
        parent = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PARENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
        )
        assert parent.stdin is not None
        assert parent.stdout is not None
        parent.stdin.write(job + b"\n")
        assert b"Started" in await parent.stdout.readline()
        family = [pid for pid in children() if pid != parent.pid and pid not in others]
        assert len(family) > 3
        parent.kill()
        await parent.wait()
        await eventually(lambda: not any(map(is_alive, family)) and not using(profile), "no process is left", 20)


async def test_a_captcha_without_a_display_ends_the_login(profile: Path) -> None:
    async with LoginPages(captcha=True) as pages:
        watched = Watched(pages, profile)
        outcome = await watched.outcome()
    assert (outcome, watched.told(PersonNeeded)) == (Outcome(Result.CAPTCHA), [])


async def test_a_captcha_is_handed_over_to_a_visible_window(profile: Path, display: str) -> None:
    async with LoginPages(captcha=True) as pages:
        watched = Watched(pages, profile)
        await watched.started(times=2)
        await eventually(lambda: len(watched.told(PersonNeeded)) == 2, "the window shows the captcha")
        pages.has_captcha = False
        pages.scan()
        outcome = await watched.outcome()
    assert outcome.result is Result.BOUND
    assert watched.told(Started) == [Started(False), Started(True)]


async def test_a_window_that_the_person_closes_has_its_name(profile: Path, display: str) -> None:
    async with LoginPages() as pages:
        watched = Watched(pages, profile, is_headed=True)
        await eventually(lambda: pages.codes, "the page is there")
        await eventually(lambda: close_windows(display) > 0, "a window can be closed")
        outcome = await watched.outcome()
    assert outcome == Outcome(Result.WINDOW_CLOSED)


async def test_a_killed_browser_with_a_window_is_not_a_closed_window(profile: Path, display: str) -> None:
    async with LoginPages() as pages:
        watched = Watched(pages, profile, is_headed=True)
        await eventually(lambda: pages.codes, "the page is there")
        [browser] = browsers(profile)
        os.kill(browser, signal.SIGKILL)
        outcome = await watched.outcome()
    assert outcome == Outcome(Result.BROWSER_CRASHED)


async def test_in_a_window_qr_codes_may_expire_and_nothing_is_clicked(profile: Path, display: str) -> None:
    async with LoginPages(refresh_ms=100) as pages:
        watched = Watched(pages, profile, is_headed=True)
        await eventually(lambda: len(pages.codes) > 6, "six codes have expired")
        pages.scan()
        outcome = await watched.outcome()
    assert (outcome.result, watched.told(QrShown)) == (Result.BOUND, [])


async def test_without_a_display_no_window_is_tried(profile: Path) -> None:
    async with LoginPages() as pages:
        outcome = await Watched(pages, profile, is_headed=True).outcome()
    assert outcome == Outcome(Result.NO_DISPLAY)


async def test_a_page_out_of_reach_is_said_with_the_browsers_word(profile: Path) -> None:
    async with LoginPages() as pages:
        nowhere = msgspec.structs.replace(pages.page, login_url=f"http://127.0.0.1:{free_port()}/en/login")
        outcome = await Watched(pages, profile, page=nowhere).outcome()
    assert outcome == Outcome(Result.UNREACHABLE, None, "ERR_CONNECTION_REFUSED")


async def test_a_browser_that_is_not_there_is_said_by_its_path(profile: Path) -> None:
    async with LoginPages() as pages:
        outcome = await Watched(pages, profile, browser="/nowhere/chromium").outcome()
    assert outcome == Outcome(Result.BROWSER_MISSING, None, "/nowhere/chromium")


async def test_a_browser_that_does_not_start_is_said(profile: Path) -> None:
    async with LoginPages() as pages:
        outcome = await Watched(pages, profile, browser="/bin/false").outcome()
    assert outcome.result is Result.BROWSER_FAILED


async def test_without_playwright_the_helper_says_so(
    profile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stub" / "playwright").mkdir(parents=True)
    (tmp_path / "stub/playwright/__init__.py").write_text("raise ModuleNotFoundError(name='playwright')\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'stub'}{os.pathsep}{ROOT}")
    async with LoginPages() as pages:
        outcome = await Watched(pages, profile).outcome()
    assert outcome == Outcome(Result.PLAYWRIGHT_MISSING)


async def test_a_second_login_on_one_profile_is_refused(profile: Path) -> None:
    async with LoginPages() as pages:
        first = Watched(pages, profile)
        await first.drawn()
        assert await Login(Job(pages.page, str(profile)), lambda _event: None).run() == Outcome(Result.BUSY)
        pages.scan()
        assert (await first.outcome()).result is Result.BOUND


async def test_a_qr_behind_a_button_is_opened(profile: Path) -> None:
    async with LoginPages(opened_by_button=True) as pages:
        pages.scan()
        assert (await Watched(pages, profile).outcome()).result is Result.BOUND


async def test_a_page_that_stays_after_the_login_is_led_home(profile: Path) -> None:
    async with LoginPages(stays=True) as pages:
        pages.scan()
        outcome = await Watched(pages, profile).outcome()
    assert outcome.captured is not None
    assert outcome.captured.csrftoken == pages.csrftoken


async def test_a_token_that_only_a_cookie_tells_is_taken_from_there(profile: Path) -> None:
    async with LoginPages(token_in_cookie=True, no_requests=True) as pages:
        pages.scan()
        outcome = await Watched(pages, profile).outcome()
    assert outcome.captured is not None
    assert outcome.captured.csrftoken == pages.csrftoken


async def test_the_profile_forgets_the_session_that_the_vault_keeps(profile: Path) -> None:
    async with LoginPages() as pages:
        pages.is_logged_in_kept = True
        pages.scan()
        await Watched(pages, profile).outcome()
        pages.is_scanned = False
        watched = Watched(pages, profile)
        await watched.drawn()
        watched.login.cancel()
        assert (await watched.outcome()).result is Result.CANCELLED
        assert len(pages.codes) == 2


async def test_a_profile_that_stays_signed_in_needs_no_second_qr_until_it_is_reset(profile: Path) -> None:
    async with LoginPages() as pages:
        pages.is_logged_in_kept = True
        pages.scan()
        await Watched(pages, profile, stays_signed_in=True).outcome()
        again = Watched(pages, profile, stays_signed_in=True)
        assert (await again.outcome()).result is Result.BOUND
        assert again.told(QrShown) == []
        pages.is_scanned = False
        reset = Watched(pages, profile, is_reset=True)
        await reset.drawn()
        assert len(reset.told(QrShown)) == 1
        pages.scan()
        assert (await reset.outcome()).result is Result.BOUND


async def test_a_session_that_is_over_is_not_taken_from_the_profile(profile: Path) -> None:
    async with LoginPages() as pages:
        pages.scan()
        await Watched(pages, profile, stays_signed_in=True).outcome()
        pages.is_scanned, pages.p20t, over = False, "web.4711.new", pages.p20t
        watched = Watched(pages, profile)
        await watched.drawn()
        await asyncio.to_thread(wait_until, lambda: len(pages.tokens) > 2, "the page has sent the old cookie")
        assert over in pages.tokens[-1]
        pages.scan()
        outcome = await watched.outcome()
    assert outcome.captured is not None
    assert outcome.captured.p20t == "web.4711.new"


async def test_the_browser_says_what_it_is(profile: Path) -> None:
    async with LoginPages() as pages:
        watched = Watched(pages, profile)
        await watched.drawn()
        [browser] = browsers(profile)
        line = command_line(browser)
        watched.login.cancel()
        await watched.outcome()
    assert all("HeadlessChrome/" in agent for agent in pages.user_agents)
    assert ("--no-sandbox" in line) == (os.geteuid() == 0)
    assert "--disable-sync" in line
    assert "AutomationControlled" not in line
