"""The log of who did what: each act one record, with who did it and from where, and nothing secret in it."""

import json
import re
import secrets
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, get_args

import pytest

from hub.access.audit import LOGGER, MOST_REFUSALS, PERIOD_S, Audit, Event
from hub.access.bootstrap_limit import PER_NETWORK
from tests.kit.raw import PASSWORD, Answer, Client, RunningHub, User, good_order
from tests.services.process import ROOT

PAGE = (ROOT / "hub/docs/audit.md").read_text()
EVIL = "\x1b[31m\u202ereason\nforged line\x07"
HARMLESS = "·[31m·reason·forged line·"
TYPED = "a password of nobody else"
WRONG_TOKEN = "not the token of this hub, but as long as one"
_hosts = count(1)


@pytest.fixture
def client(proxied_hub: RunningHub) -> Iterator[Client]:
    found = Client(proxied_hub)
    yield found
    found.close()


class Caller:
    """Somebody at an address that nobody else has."""

    def __init__(self, client: Client, token: str | None = "admin") -> None:
        self.client = client
        self.token = token
        self.address = f"198.51.100.{next(_hosts)}"

    def ask(self, method: str, path: str, body: object = None) -> Answer:
        return self.client.ask(method, path, body, token=self.token, headers={"X-Forwarded-For": self.address})

    def login(self, name: str, password: str) -> Answer:
        return self.ask("POST", "/api/auth/login", {"username": name, "password": password, "device_id": "device-9"})

    def records(self) -> list[dict[str, Any]]:
        """What stands in the hub's log of this address."""
        lines = (json.loads(line) for line in self.client.hub.log().splitlines() if line.startswith("{"))
        return [line for line in lines if line.get("logger") == LOGGER and line["address"] == self.address]


Act = Callable[[Caller, User, int], Answer]


def _act(method: str, path: str, body: Callable[[User], dict[str, object] | None]) -> Act:
    return lambda caller, user, order: caller.ask(
        method, path.replace("{id}", str(order if "/orders/" in path else user.id)), body(user)
    )


def _new_user() -> dict[str, object]:
    return {"username": f"u{secrets.token_hex(6)}", "password": TYPED}


ACTS: dict[tuple[str, str], tuple[Event, str, Callable[[User], dict[str, object] | None]]] = {
    ("POST", "/api/admin/users/create"): ("user.create", "new", lambda _: _new_user()),
    ("POST", "/api/admin/users/import"): ("user.create", "several", lambda _: {"users": [_new_user(), _new_user()]}),
    ("PUT", "/api/admin/users/{id}/expire"): ("user.expire", "user", lambda _: {"expire_at": "2099-01-01 00:00:00"}),
    ("PUT", "/api/admin/users/{id}/status"): ("user.status", "user", lambda _: {"status": 3}),
    ("PUT", "/api/admin/users/{id}/password"): ("user.password", "user", lambda _: {"password": TYPED}),
    ("POST", "/api/admin/users/{id}/kick"): ("user.kick", "user", lambda _: None),
    ("POST", "/api/orders/create"): ("order.publish", "new", lambda user: good_order() | {"targets": [user.id]}),
    ("POST", "/api/orders/{id}/cancel"): ("order.cancel", "order", lambda _: {"reason": EVIL}),
}
"""Method and path -> the record's event, what its subject is, and the body."""


def test_no_act_of_an_admin_is_left_out(client: Client) -> None:
    client._connection.request("GET", "/openapi.json")
    paths = json.loads(client._connection.getresponse().read())["paths"]
    acts = {(method.upper(), path) for path, methods in paths.items() for method in methods if method != "get"}
    traders = {"/api/orders/mark-assigned", "/api/orders/record-result"}
    assert {(method, path) for method, path in acts if "/auth/" not in path and path not in traders} == set(ACTS)


@pytest.mark.parametrize("kind", ["bootstrap", "admin"])
def test_each_act_of_an_admin_is_one_record_with_who_and_from_where(client: Client, kind: str) -> None:
    user, boss = client.user(), client.user("admin")
    order_id = client.publish(user)
    token = "admin" if kind == "bootstrap" else client.token(boss)
    for (method, path), (event, what, body) in ACTS.items():
        caller = Caller(client, token)
        answer = _act(method, path, body)(caller, user, order_id)
        assert answer.status == 200, (path, answer)
        [record] = caller.records()
        assert (record["event"], record["outcome"]) == (event, "done")
        assert record["actor_kind"] == kind
        if kind == "admin":
            assert (record["actor"], record["actor_id"]) == (boss.name, boss.id)
        assert record["subject"] == _subject(what, event, answer, user, order_id)
        assert record.get("reason", "") == (HARMLESS if event == "order.cancel" else "")
    _nothing_secret(client, token if kind == "admin" else TYPED)


def _subject(what: str, event: Event, answer: Answer, user: User, order_id: int) -> str:
    if what == "several":
        first, last = answer.data["user_ids"]
        return f"users {first} to {last}"
    kind = event.partition(".")[0]
    return f"{kind} {answer.data[f'{kind}_id'] if what == 'new' else user.id if what == 'user' else order_id}"


def test_what_an_admin_is_refused_is_recorded_with_the_reason(client: Client) -> None:
    caller = Caller(client)
    assert caller.ask("POST", "/api/admin/users/987654321/kick").status == 404
    assert caller.ask("POST", "/api/orders/987654321/cancel").status == 404
    kick, cancel = caller.records()
    assert (kick["event"], kick["outcome"], kick["reason"]) == ("user.kick", "refused", "there is no user 987654321")
    assert (cancel["event"], cancel["outcome"]) == ("order.cancel", "refused")


def test_a_trader_who_tries_an_admins_act_is_recorded(client: Client) -> None:
    user = client.user()
    caller = Caller(client, client.token(user))
    assert caller.ask("POST", f"/api/admin/users/{user.id}/kick").status == 403
    [record] = caller.records()
    assert (record["event"], record["actor"], record["detail"]) == ("access", user.name, "users:write")


def test_a_login_its_refusals_and_its_end_are_recorded(client: Client) -> None:
    user = client.user()
    caller = Caller(client, None)
    assert caller.login(user.name, TYPED).status == 401
    assert caller.login(TYPED, PASSWORD).status == 401
    caller.token = caller.login(user.name, PASSWORD).data["token"]
    assert caller.ask("POST", "/api/auth/logout").status == 200
    wrong, unknown, login, logout = caller.records()
    assert (wrong["event"], wrong["outcome"], wrong["subject"]) == ("login", "refused", user.name)
    assert wrong["actor_kind"] == unknown["actor_kind"] == "nobody"
    assert (login["outcome"], login["actor"], login["actor_id"], login["detail"]) == (
        "done",
        user.name,
        user.id,
        "device-9",
    )
    assert (logout["event"], logout["outcome"], logout["actor_id"]) == ("logout", "done", user.id)
    _nothing_secret(client, str(caller.token))


def test_a_limited_login_is_recorded_as_one(client: Client) -> None:
    user = client.user()
    caller = Caller(client, None)
    statuses = [caller.login(user.name, TYPED).status for _ in range(13)]
    assert statuses[-1] == 429
    assert [record["outcome"] for record in caller.records()] == [
        "limited" if status == 429 else "refused" for status in statuses
    ]


def test_wrong_bootstrap_tokens_are_recorded_and_limited_and_the_right_one_is_not_kept_out(client: Client) -> None:
    caller = Caller(client, WRONG_TOKEN)
    answers = [caller.ask("GET", "/api/admin/agents") for _ in range(PER_NETWORK.amount + 2)]
    assert [answer.status for answer in answers] == [401] * PER_NETWORK.amount + [429] * 2
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    caller.token = "admin"
    assert caller.ask("GET", "/api/admin/agents").status == 200
    records = caller.records()
    assert [record["event"] for record in records] == ["bootstrap"] * len(answers)
    assert [record["outcome"] for record in records] == ["refused"] * PER_NETWORK.amount + ["limited"] * 2
    assert Caller(client, WRONG_TOKEN).ask("GET", "/api/admin/agents").status == 401
    assert WRONG_TOKEN not in client.hub.log()


def test_what_can_be_no_bootstrap_token_is_recorded_and_not_limited(client: Client) -> None:
    caller = Caller(client, "a word")
    assert {caller.ask("GET", "/api/auth/verify").status for _ in range(PER_NETWORK.amount + 5)} == {401}
    assert len(caller.records()) == PER_NETWORK.amount + 5


def test_a_token_of_a_login_is_no_try_at_the_bootstrap_token(client: Client) -> None:
    """A morning after the signing key has changed: agents with old tokens are sent to the login, and not limited."""
    caller = Caller(client, "a.b.c")
    assert {caller.ask("GET", "/api/auth/verify").status for _ in range(PER_NETWORK.amount + 5)} == {401}
    assert caller.records() == []


def test_no_control_character_reaches_a_log_for_people(embedded_hub: RunningHub) -> None:
    client = Client(embedded_hub)
    order_id = client.publish(client.user())
    assert client.ask("POST", f"/api/orders/{order_id}/cancel", {"reason": EVIL}).status == 200
    log = client.hub.log()
    assert HARMLESS in log
    assert not {"\x1b", "\x07", "\u202e"} & set(log)
    client.close()


def _nothing_secret(client: Client, token: str) -> None:
    log = client.hub.log()
    for secret in (PASSWORD, TYPED, token, client.hub.admin_token, client.hub.settings.jwt_secret):
        assert secret not in log
    written = [text for line in log.splitlines() for text in _texts(json.loads(line) if line[:1] == "{" else line)]
    assert [text for text in written if not text.isprintable()] == []


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (text for inner in value.values() for text in _texts(inner))
    elif isinstance(value, str):
        yield value


def test_refusals_without_end_fill_no_log_and_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    audit = Audit(lambda: now[0])
    for _ in range(1_000):
        audit.note("login", "limited", None, address="192.0.2.1")
    audit.note("login", "limited", None, address="192.0.2.2")
    now[0] = PERIOD_S
    audit.note("login", "limited", None, address="192.0.2.1")
    lines = capsys.readouterr()
    written = [line for line in (lines.out + lines.err).splitlines() if "192.0.2." in line]
    assert len(written) == MOST_REFUSALS + 2
    assert re.search(rf"omitted\S*=\S*{1_000 - MOST_REFUSALS}", re.sub(r"\x1b\[[0-9;]*m", "", written[-1]))


def test_the_page_has_each_event_and_no_other() -> None:
    assert set(re.findall(r"^\| `([a-z.]+)` \|", PAGE.partition("| field |")[0], re.MULTILINE)) == set(get_args(Event))
