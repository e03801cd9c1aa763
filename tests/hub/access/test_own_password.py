"""Users change their own password; weak ones, and names that look like an admin's, are refused wherever one is set."""

import json
import secrets
from collections.abc import Callable, Iterator

import pytest

from hub.access.login_limit import FRESH, KNOWN
from protocol import closes
from tests.kit.raw import PASSWORD, Answer, Client, RawAgent, RunningHub, User

NEW = "quite another password"
Connect = Callable[..., RawAgent]


@pytest.fixture
def at(proxied_hub: RunningHub) -> Iterator[Client]:
    found = Client(proxied_hub)
    yield found
    found.close()


def change(client: Client, old: str, new: str, token: str | None = None, name: str | None = None) -> Answer:
    body = {"old_password": old, "new_password": new} | ({"username": name} if name else {})
    return client.ask("POST", "/api/auth/password", body, token=token)


def test_a_password_changed_by_token_leaves_this_login_and_no_way_back(client: Client, agents: Connect) -> None:
    user = client.user()
    older, token = client.token(user), client.token(user)
    agent = agents(client, token)
    agent.hello()
    assert change(client, PASSWORD, NEW, token).status == 200
    assert agent.is_served()
    assert client.ask("GET", "/api/auth/verify", token=token).status == 200
    assert client.ask("GET", "/api/auth/verify", token=older).status == 401
    assert client.login(user).status == 401
    assert client.login(user, password=NEW).status == 200
    assert agent.goodbye() == closes.SESSION_REPLACED.code


def test_a_password_changed_by_name_ends_the_login(client: Client, agents: Connect) -> None:
    user = client.user()
    token = client.token(user)
    agent = agents(client, token)
    agent.hello()
    assert change(client, PASSWORD, NEW, name=user.name).status == 200
    assert agent.goodbye() == closes.TOKEN_EXPIRED.code
    assert client.ask("GET", "/api/auth/verify", token=token).status == 401
    assert client.login(user, password=NEW).status == 200


def test_an_admin_changes_the_own_password_too_and_the_bootstrap_token_has_none(at: Client) -> None:
    boss = at.user("admin")
    assert change(at, PASSWORD, NEW, at.token(boss)).status == 200
    assert at.login(boss, password=NEW).status == 200
    assert change(at, PASSWORD, NEW, "admin").status == 403


def test_wrong_old_passwords_are_limited_as_wrong_logins_are(at: Client) -> None:
    user = at.user()
    token = at.token(user)
    statuses = [change(at, "a wrong old one", NEW, token).status for _ in range(KNOWN.amount + 1)]
    assert statuses == [403] * KNOWN.amount + [429]
    assert at.ask("GET", "/api/auth/verify", token=token).status == 200
    other = at.user()
    statuses = [change(at, "a wrong old one", NEW, name=other.name).status for _ in range(FRESH.amount + 8)]
    assert set(statuses) == {401, 429}
    assert at.login(other, device_id="device-7").status == 429


def test_what_is_refused_changes_nothing(at: Client) -> None:
    user, shut = at.user(), at.user()
    token = at.token(user)
    assert change(at, PASSWORD, PASSWORD, token).message == "new_password: is the old one"
    assert change(at, PASSWORD, "Password123", token).status == 422
    assert change(at, PASSWORD, f"{user.name}12", token).status == 422
    assert change(at, PASSWORD, "short", token).message.startswith("new_password: takes 8 to 128")
    assert change(at, PASSWORD, NEW).message.startswith("username: takes")
    assert change(at, PASSWORD, NEW, "a.b.c").status == 401
    at.ask("PUT", f"/api/admin/users/{shut.id}/status", {"status": 3})
    assert change(at, PASSWORD, NEW, name=shut.name).status == 403
    assert at.login(user).status == 200


def test_a_change_is_recorded_without_the_passwords(at: Client) -> None:
    user = at.user()
    change(at, "an old one that is wrong", NEW, at.token(user))
    change(at, PASSWORD, NEW, at.token(user))
    lines = [json.loads(line) for line in at.hub.log().splitlines() if line.startswith('{"outcome"')]
    refused, done = (line for line in lines if line["event"] == "password" and line.get("actor") == user.name)
    assert (refused["outcome"], refused["reason"]) == ("refused", "old_password: is wrong")
    assert (done["outcome"], done["subject"], done["detail"]) == ("done", user.name, "the login stays")
    assert NEW not in at.hub.log()


def test_weak_passwords_are_refused_wherever_one_is_set(at: Client) -> None:
    user = at.user()
    for weak in ("password1", "12345678", f"{user.name}1", "aaaaaaaaaaaa"):
        made = {"username": user.name, "password": weak}
        for answer in (
            at.ask("POST", "/api/admin/users/create", made),
            at.ask("PUT", f"/api/admin/users/{user.id}/password", {"password": weak}),
        ):
            assert answer.status == 422, weak
            assert answer.message.startswith("password: takes 8 to 128 characters")
            assert weak not in answer.message


def test_names_that_mix_scripts_or_look_like_an_admins_are_refused(at: Client) -> None:
    digits = secrets.randbelow(10**9)
    names = [f"boss.{digits}", f"b0ss.{digits}", f"bοss.{digits}", f"BOSS.{digits}", f"Босс.{digits}", f"moss.{digits}"]
    admin, zero, mixed, capitals, cyrillic, other = (
        _create(at, name, "admin" if name == names[0] else "trader") for name in names
    )
    assert admin.status == other.status == cyrillic.status == 200
    assert zero.message == f"username: {names[1]!r} looks like {names[0]!r}"
    assert mixed.message == f"username: takes letters of one script ({names[2]!r} mixes Greek and Latin)"
    assert capitals.status == 422
    assert _create(at, names[0], "trader").status == 409
    assert _create(at, f"m0ss.{digits}", "admin").message.endswith(f"looks like {names[-1]!r}")


def _create(client: Client, name: str, role: str) -> Answer:
    return client.ask("POST", "/api/admin/users/create", {"username": name, "password": NEW, "role": role})


def test_a_user_of_no_name_that_is_asked_for(at: Client) -> None:
    assert change(at, PASSWORD, NEW, name=User(0, "nobody-of-that-name").name).status == 401
