"""`hub users`, `agents`, `login` and `logout`: whom they mean, what they send, what they keep."""

import io
import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from .conftest import Hub
from .shapes import agent, listed, user
from .stand_in import StandIn, data, envelope, page

PASSWORD = "correct horse"
LOGIN = {"token": "l" * 40, "user_id": 3, "expire_at": None, "token_expire_at": "2026-01-03 03:04:05"}


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A password on stdin, as a pipe brings it."""
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\nanother line\n"))


@pytest.mark.usefixtures("typed")
def test_add(hub: Hub, stand_in: StandIn) -> None:
    stand_in.on("POST /api/admin/users/create", data({"user_id": 3}))
    run = hub("users", "add", "ann", "--role", "admin", "--expire", "2027-01-31", "--password-stdin")
    assert (run.code, run.out) == (0, "User 3 added: ann, admin.\n")
    assert stand_in.asked[0].body == {
        "username": "ann",
        "password": PASSWORD,
        "role": "admin",
        "expire_at": "2027-01-31 00:00:00",
    }


def test_an_expiry_that_is_past_is_asked_about(hub: Hub, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in.on("GET /api/admin/users", data(listed(user())))
    stand_in.on("PUT /api/admin/users/3/expire", data(None))
    alone = hub("users", "expire", "ann", "2020-01-01")
    assert (alone.code, alone.out) == (2, "")
    assert "2020-01-01 00:00:00 is past" in alone.err
    assert stand_in.asked == []
    assert hub("users", "expire", "ann", "2020-01-01", "--yes").code == 0
    for answer, code in (("n\n", 1), ("\n", 1), ("y\n", 0)):
        terminal = io.StringIO(answer)
        monkeypatch.setattr(terminal, "isatty", lambda: True)
        monkeypatch.setattr("sys.stdin", terminal)
        assert hub("users", "expire", "ann", "2020-01-01").code == code


@pytest.mark.parametrize(("hours", "code"), [(7, 2), (9, 0)])
def test_whether_a_time_of_today_is_past_is_decided_in_the_hubs_zone(
    hub: Hub, stand_in: StandIn, hours: int, code: int
) -> None:
    shanghai = user(created_at="2026-01-02 11:04:05")
    stand_in.on("GET /api/admin/users", data(listed(shanghai)))
    stand_in.on("PUT /api/admin/users/3/expire", data(None))
    there = (datetime.now(UTC) + timedelta(hours=hours)).strftime("%Y-%m-%d %H:%M:%S")
    assert hub("users", "expire", "ann", there).code == code


def test_an_empty_password_is_not_sent(hub: Hub, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    assert hub("users", "password", "ann", "--password-stdin").code == 2
    assert stand_in.asked == []


@pytest.mark.usefixtures("typed")
@pytest.mark.parametrize(
    ("command", "request_line", "body"),
    [
        (("expire", "ann", "never"), "PUT /api/admin/users/3/expire", {"expire_at": None}),
        (
            ("expire", "ann", "2027-01-31 18:00:00"),
            "PUT /api/admin/users/3/expire",
            {"expire_at": "2027-01-31 18:00:00"},
        ),
        (
            ("expire", "ann", "2027-01-31T18:00:00+08:00"),
            "PUT /api/admin/users/3/expire",
            {"expire_at": "2027-01-31T18:00:00+08:00"},
        ),
        (("enable", "ann"), "PUT /api/admin/users/3/status", {"status": 1}),
        (("disable", "ann"), "PUT /api/admin/users/3/status", {"status": 3}),
        (("password", "ann", "--password-stdin"), "PUT /api/admin/users/3/password", {"password": PASSWORD}),
        (("kick", "ann"), "POST /api/admin/users/3/kick", None),
    ],
)
def test_a_user_is_changed(
    hub: Hub, stand_in: StandIn, command: tuple[str, ...], request_line: str, body: object
) -> None:
    stand_in.on("GET /api/admin/users", data(listed(user(id=2, username="annabel"), user())))
    stand_in.on(request_line, data(None))
    run = hub("users", *command)
    assert (run.code, run.err) == (0, "")
    assert run.out.startswith("ann")
    assert PASSWORD not in run.out
    assert stand_in.paths() == ["GET /api/admin/users", request_line]
    assert stand_in.asked[0].query["username"] == "ann"
    assert stand_in.asked[1].body == body


def test_a_span_counts_from_now(hub: Hub, stand_in: StandIn) -> None:
    stand_in.on("GET /api/admin/users", data(listed(user())))
    stand_in.on("PUT /api/admin/users/3/expire", data(None))
    before = datetime.now(UTC).replace(microsecond=0)
    assert hub("users", "expire", "ann", "30d").code == 0
    sent = datetime.fromisoformat(stand_in.asked[1].body["expire_at"])
    assert before <= sent - timedelta(days=30) <= datetime.now(UTC)


@pytest.mark.parametrize(("found", "number"), [([], 123), ([user(id=3, username="123")], 3)])
def test_digits_are_a_name_if_somebody_has_it_and_else_a_number(
    hub: Hub, stand_in: StandIn, found: list[dict[str, object]], number: int
) -> None:
    stand_in.on("GET /api/admin/users", data(listed(*found)))
    stand_in.on(f"PUT /api/admin/users/{number}/status", data(None))
    assert hub("users", "enable", "123").code == 0


def test_list(hub: Hub, stand_in: StandIn) -> None:
    stand_in.on("GET /api/admin/users", data(listed(user(), user(id=4, username="bob", connected=False), total=9)))
    run = hub("users", "list")
    ann, bob = (line.split() for line in run.out.splitlines()[1:])
    assert ann == ["3", "ann", "trader", "active", "never", "2026-01-02", "03:04:05", "yes"]
    assert bob[-1] == "no"
    assert "2 of 9" in run.err


def test_agents(hub: Hub, stand_in: StandIn) -> None:
    stand_in.on("GET /api/admin/agents", data(listed(agent(), agent(username="bob", latency_ms=None))))
    ann, bob = (line.split() for line in hub("agents", "list").out.splitlines()[1:])
    assert ann == ["ann", "laptop", "0.1.0", "paper", "2026-01-02", "03:04:05", "12", "ms", "127.0.0.1", "hub-1"]
    assert bob[6] == "-"


def test_agents_have_pages(hub: Hub, stand_in: StandIn) -> None:
    stand_in.on("GET /api/admin/agents", data(listed(agent(), agent(username="bob"), agent(username="carol"))))
    second = hub("agents", "list", "--limit", "2", "--page", "2")
    assert [line.split()[0] for line in second.out.splitlines()[1:]] == ["carol"]
    assert "2 of 3; see more with --page." in hub("agents", "list", "--limit", "2").err
    assert "There is no page 2: there are 3 in all." in hub("agents", "list", "--page", "2").err
    assert json.loads(hub("agents", "list", "--limit", "1", "--json").out)["total"] == 3


def test_no_agents(hub: Hub, stand_in: StandIn) -> None:
    stand_in.on("GET /api/admin/agents", data(listed()))
    assert "No agent is connected." in hub("agents", "list").err


@pytest.mark.usefixtures("typed")
def test_a_login_is_kept_for_this_hub_alone(
    hub: Hub, stand_in: StandIn, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HUB_ADMIN_TOKEN")
    stand_in.on("POST /api/auth/login", data(LOGIN))
    stand_in.on("GET /api/auth/verify", data({"user_id": 3, "username": "ann", "role": "admin"}))
    stand_in.on("GET /api/admin/agents", data(listed()))
    run = hub("login", "--user", "ann", "--password-stdin")
    assert (run.code, run.err) == (0, "")
    assert "as ann until 2026-01-03 03:04:05" in run.out
    (kept,) = (home / "bn-auto").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert PASSWORD not in kept.read_text()
    assert "authorization" not in stand_in.asked[0].headers

    assert hub("agents", "list").code == 0
    assert stand_in.asked[-1].headers["authorization"] == f"Bearer {LOGIN['token']}"

    monkeypatch.setenv("HUB_URL", "http://hub.invalid")
    assert hub("agents", "list").code == 2


@pytest.mark.usefixtures("typed")
def test_a_trader_who_logs_in_is_told_that_it_will_not_help(hub: Hub, stand_in: StandIn) -> None:
    stand_in.on("POST /api/auth/login", data(LOGIN))
    stand_in.on("GET /api/auth/verify", data({"user_id": 3, "username": "ann", "role": "trader"}))
    run = hub("login", "--user", "ann", "--password-stdin")
    assert run.code == 0
    assert "no admin" in run.err


@pytest.mark.usefixtures("typed")
def test_a_refused_login_keeps_nothing(hub: Hub, stand_in: StandIn, home: Path) -> None:
    stand_in.on("POST /api/auth/login", envelope(401, "username or password is wrong"))
    run = hub("login", "--user", "ann", "--password-stdin")
    assert run.code == 1
    assert "Check the name and the password" in run.err
    assert not (home / "bn-auto").exists()


@pytest.mark.usefixtures("typed")
@pytest.mark.parametrize(
    ("answer", "code"), [(data(None), 0), (envelope(401, "token: has ended"), 0), (page(502, ""), 3)]
)
def test_logout_forgets_the_login_whatever_the_hub_says(
    hub: Hub, stand_in: StandIn, home: Path, answer: object, code: int
) -> None:
    stand_in.on("POST /api/auth/login", data(LOGIN))
    stand_in.on("GET /api/auth/verify", data({"user_id": 3, "username": "ann", "role": "admin"}))
    hub("login", "--user", "ann", "--password-stdin")
    stand_in.on("POST /api/auth/logout", answer)  # type: ignore[arg-type]
    assert hub("logout").code == code
    assert stand_in.asked[-1].headers["authorization"] == f"Bearer {LOGIN['token']}"
    (kept,) = (home / "bn-auto").iterdir()
    assert str(LOGIN["token"]) not in kept.read_text()
    assert "no saved login" in hub("logout").out


def test_a_spoilt_file_of_logins_is_named(
    hub: Hub, stand_in: StandIn, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HUB_ADMIN_TOKEN")
    (home / "bn-auto").mkdir()
    (home / "bn-auto" / "logins.json").write_text('{"http')
    run = hub("agents", "list")
    assert run.code == 2
    assert "logins.json" in run.err
