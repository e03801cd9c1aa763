"""Where planted secrets of a login are looked for: events, process list, environment, profile, scratch files."""

from pathlib import Path

import pytest

from agent.drivers.binance.login.client import Login, Outcome
from agent.drivers.binance.login.messages import Captured, Job, QrShown, Result
from agent.drivers.binance.network import Proxy
from tests.agent.drivers.binance.login.pages import LoginPages
from tests.agent.drivers.binance.login.proxy import PasswordProxy
from tests.agent.drivers.binance.login.watching import Watched, children

PASSWORD = "proxy-mark-51c9"


def environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def files_with(folder: Path, marks: list[bytes]) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in files if any(mark in path.read_bytes() for mark in marks)]


async def test_no_mark_is_in_an_event_the_process_list_an_environment_or_the_profile(
    profile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_PROXY", f"http://bob:{PASSWORD}@127.0.0.1:1")
    async with PasswordProxy("bob", PASSWORD) as proxy, LoginPages() as pages:
        marks = [mark.encode() for mark in (PASSWORD, pages.p20t, pages.csrftoken)]
        watched = Watched(pages, profile, proxy=Proxy(proxy.url, "bob", PASSWORD))
        await watched.drawn()
        environments = b"".join(environment(pid) for pid in children())
        pages.scan()
        outcome = await watched.outcome()
        assert outcome.captured is not None
        assert (outcome.captured.csrftoken, outcome.captured.p20t) == (pages.csrftoken, pages.p20t)
        assert len(proxy.passed) > 3
        assert any(proxy.url.removeprefix("http://") in line for line in watched.processes.values())
        assert [url for url in proxy.passed if not url.startswith("http://127.0.0.1:")] == []
    seen = [repr(watched.events), *watched.processes.values(), environments.decode(errors="replace"), repr(outcome)]
    assert not [text for text in seen if any(mark.decode() in text for mark in marks)]
    assert files_with(tmp_path, marks) == []


async def test_a_wrong_proxy_password_is_no_way_round_the_proxy(profile: Path) -> None:
    async with PasswordProxy("bob", PASSWORD) as proxy, LoginPages() as pages:
        watched = Watched(pages, profile, proxy=Proxy(proxy.url, "bob", "wrong"), timeout_s=3.0)
        outcome = await watched.outcome()
    assert (outcome.result in (Result.UNREACHABLE, Result.TIMED_OUT), pages.user_agents) == (True, set())
    assert watched.told(QrShown) == []


async def test_socks_with_a_password_is_refused_since_the_browser_cannot(profile: Path) -> None:
    async with LoginPages() as pages:
        job = Job(pages.page, str(profile), proxy=Proxy("socks5://127.0.0.1:1", "bob", PASSWORD))
        assert await Login(job, lambda _event: None).run() == Outcome(Result.PROXY_UNSUPPORTED)


def test_what_holds_a_secret_does_not_show_it() -> None:
    assert "mark" not in repr(Captured("mark", "mark")) + repr(Proxy("http://h", "mark", "mark"))
    assert "mark" not in repr(Outcome(Result.BOUND, Captured("mark", "mark")))
