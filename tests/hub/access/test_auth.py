"""One live login a user; whatever ends it is felt at once: by a live socket, by polling, and at the next login."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest

from protocol import closes
from protocol.closes import Close
from tests.kit.raw import PASSWORD, Answer, Client, RawAgent, RunningHub, User, changed_token, good_order
from tests.services.hub_process import HubSettings
from tests.services.redis_server import RedisServer
from tests.services.waiting import wait_until

Connect = Callable[..., RawAgent]
Change = Callable[[Client, User], object]

NEW_PASSWORD = "another password"


def _disable(client: Client, user: User) -> Answer:
    return client.ask("PUT", f"/api/admin/users/{user.id}/status", {"status": 3})


def _mark_expired(client: Client, user: User) -> Answer:
    return client.ask("PUT", f"/api/admin/users/{user.id}/status", {"status": 2})


def _expire(client: Client, user: User) -> Answer:
    return client.ask("PUT", f"/api/admin/users/{user.id}/expire", {"expire_at": "2020-01-01 00:00:00"})


def _change_password(client: Client, user: User) -> Answer:
    return client.ask("PUT", f"/api/admin/users/{user.id}/password", {"password": NEW_PASSWORD})


def _kick(client: Client, user: User) -> Answer:
    return client.ask("POST", f"/api/admin/users/{user.id}/kick")


def _log_in_elsewhere(client: Client, user: User) -> Answer:
    return client.login(user, "device-2")


# what happens to the account -> the close code, the status of the old token, the status of a login after it
ENDS: dict[str, tuple[Change, Close, int, int]] = {
    "disabled": (_disable, closes.ACCOUNT_DISABLED, 403, 403),
    "expired": (_expire, closes.ACCOUNT_EXPIRED, 403, 403),
    "marked expired": (_mark_expired, closes.ACCOUNT_EXPIRED, 403, 403),
    "new password": (_change_password, closes.TOKEN_EXPIRED, 401, 401),
    "kicked": (_kick, closes.TOKEN_EXPIRED, 401, 200),
    "logged in elsewhere": (_log_in_elsewhere, closes.SESSION_REPLACED, 401, 200),
}


def _polls(client: Client, token: str) -> set[int]:
    asked = [("GET", "/api/orders/pull"), ("POST", "/api/auth/heartbeat"), ("GET", "/api/auth/verify")]
    return {client.ask(method, path, token=token).status for method, path in asked}


@pytest.mark.parametrize("what", ENDS)
def test_the_end_of_a_login_is_felt_everywhere(client: Client, agents: Connect, what: str) -> None:
    change, close, polls, login = ENDS[what]
    user = client.user()
    token = client.token(user)
    agent = agents(client, token)
    agent.hello()
    assert _polls(client, token) == {200}
    change(client, user)
    assert agent.goodbye() == close.code
    assert _polls(client, token) == {polls}
    assert client.login(user).status == login


@pytest.mark.parametrize("what", ENDS)
def test_a_login_that_ends_between_handshake_and_hello_is_not_taken_in(
    client: Client, agents: Connect, what: str
) -> None:
    change, close, _, _ = ENDS[what]
    user = client.user()
    agent = agents(client, client.token(user))
    change(client, user)
    agent.say_if_open({"type": "hello", "device_id": "device-1", "version": "1", "driver": "paper"})
    order_id = client.publish(user)
    assert agent.goodbye() == close.code
    assert client.order(order_id)["assignments"] == []


def test_a_late_hello_of_an_older_login_does_not_throw_out_the_newer_one(client: Client, agents: Connect) -> None:
    user = client.user()
    older = agents(client, client.token(user))
    newer = agents(client, client.token(user, "device-2"))
    newer.hello("device-2")
    older.say_if_open({"type": "hello", "device_id": "device-1", "version": "1", "driver": "paper"})
    assert older.goodbye() == closes.SESSION_REPLACED.code
    assert newer.is_served()
    order_id = client.publish(user)
    assert newer.hear("order")["order"]["id"] == order_id


def test_only_the_newest_token_is_good(client: Client) -> None:
    user = client.user()
    tokens = [client.token(user, f"device-{n}") for n in range(3)]
    statuses = [client.ask("GET", "/api/auth/verify", token=token).status for token in tokens]
    assert statuses == [401, 401, 200]


def test_of_many_logins_at_once_one_token_is_good(client: Client) -> None:
    user = client.user()
    clients = [Client(client.running) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        tokens = list(pool.map(lambda one: one.token(user), clients))
    statuses = [client.ask("GET", "/api/auth/verify", token=token).status for token in tokens]
    assert sorted(statuses) == [200, 401, 401, 401]
    for one in clients:
        one.close()


def test_logout_ends_the_login_and_no_newer_one(client: Client, agents: Connect) -> None:
    user = client.user()
    old = client.token(user)
    token = client.token(user)
    agent = agents(client, token)
    agent.hello()
    assert client.ask("POST", "/api/auth/logout", token=old).status == 401
    assert agent.is_served()
    assert client.ask("POST", "/api/auth/logout", token=token).status == 200
    assert agent.goodbye() == closes.TOKEN_EXPIRED.code
    assert client.ask("POST", "/api/auth/logout", token=token).status == 401


def test_a_password_is_what_was_set_last(client: Client) -> None:
    user = client.user()
    _change_password(client, user)
    assert client.login(user).status == 401
    assert client.login(user, password=NEW_PASSWORD).status == 200


def test_an_account_that_is_let_in_again(client: Client, agents: Connect) -> None:
    user = client.user()
    token = client.token(user)
    _disable(client, user)
    client.ask("PUT", f"/api/admin/users/{user.id}/status", {"status": 1})
    _expire(client, user)
    assert client.account(user.name)["status"] == 2
    client.ask("PUT", f"/api/admin/users/{user.id}/expire", {"expire_at": "2099-01-01 00:00:00"})
    assert client.account(user.name)["status"] == 1
    assert _polls(client, token) == {200}
    agent = agents(client, token)
    assert agent.hello()["account_expire_ms"] > 0


def test_a_disabled_account_stays_disabled_when_its_expiry_changes(client: Client) -> None:
    user = client.user()
    _disable(client, user)
    client.ask("PUT", f"/api/admin/users/{user.id}/expire", {"expire_at": "2099-01-01 00:00:00"})
    assert client.account(user.name)["status"] == 3
    assert client.login(user).status == 403


# expiry that comes by itself


def _expires_soon(client: Client, user: User, in_ms: int = 1_500) -> None:
    """Written behind the hub's back: it has to notice by itself."""
    at = time.gmtime((time.time_ns() // 1_000_000 + in_ms) / 1_000)
    client.sql(f"UPDATE users SET expire_at = '{time.strftime('%Y-%m-%d %H:%M:%S', at)}' WHERE id = {user.id}")


def _is_noted(client: Client, user: User) -> bool:
    return bool(client.account(user.name)["status"] == 2)


def test_an_expiry_is_noticed_by_a_live_socket_and_written(client: Client, agents: Connect) -> None:
    user = client.user()
    token = client.token(user)
    _expires_soon(client, user, 2_500)
    agent = agents(client, token)
    agent.hello()
    assert agent.goodbye() == closes.ACCOUNT_EXPIRED.code
    wait_until(lambda: _is_noted(client, user), "status 2 is written")


@pytest.mark.parametrize("how", ["poll", "login", "socket"])
def test_an_expiry_is_noticed_and_written(client: Client, agents: Connect, how: str) -> None:
    user = client.user()
    token = client.token(user)
    _expires_soon(client, user, -2_000)
    assert client.account(user.name)["status"] == 1
    if how == "poll":
        assert client.ask("GET", "/api/orders/pull", token=token).status == 403
    elif how == "login":
        assert client.login(user).status == 403
    else:
        with pytest.raises(Exception, match="403"):
            agents(client, token)
    assert _is_noted(client, user)


def test_a_token_that_runs_out_ends_the_socket(client: Client, agents: Connect) -> None:
    user = client.user()
    claims = changed_token(client.token(user), exp=time.time() + 1.5)
    short = jwt.encode(claims, client.hub.settings.jwt_secret)
    agent = agents(client, short)
    agent.hello()
    assert agent.goodbye() == closes.TOKEN_EXPIRED.code
    assert _polls(client, short) == {401}


def test_a_login_says_when_it_ends(client: Client) -> None:
    user = client.user()
    client.ask("PUT", f"/api/admin/users/{user.id}/expire", {"expire_at": "2099-05-06T07:08:09+00:00"})
    data = client.login(user).data
    assert data["expire_ms"] == 4_081_734_489_000
    assert data["user_id"] == user.id
    assert abs(data["token_expire_ms"] - time.time() * 1_000 - 24 * 3_600_000) < 600_000
    zone_h = 8 if client.hub.settings.extra else 0
    assert data["expire_at"] == f"2099-05-06 {7 + zone_h:02}:08:09"


# Redis emptied


def test_no_login_is_lost_with_redis(server_hub: RunningHub, own_redis_for_hub: RedisServer, agents: Connect) -> None:
    client = Client(server_hub)
    user = client.user()
    token = client.token(user)
    agent = agents(client, token)
    agent.hello()
    with own_redis_for_hub.client() as redis:
        assert json.loads(redis.get(f"session:{user.id}"))["device_id"] == "device-1"
    own_redis_for_hub.flush()
    assert _polls(client, token) == {200}
    order_id = client.publish(user)
    assert agent.hear("order")["order"]["id"] == order_id
    again = agents(client, token)
    again.hello(have=[order_id])
    assert agent.goodbye() == closes.SESSION_REPLACED.code
    assert again.is_served()
    client.close()


# facts are not refused for their messenger's state


def _report(client: Client, token: str, order_id: int, outcome: str = "success", **named: str) -> Answer:
    result: dict[str, Any] = {"success": outcome == "success", "message": "late", "data": None, "outcome": outcome}
    return client.ask(
        "POST", "/api/orders/record-result", {"order_id": order_id, "result": result, **named}, token=token
    )


@pytest.mark.parametrize("what", ENDS)
def test_an_ended_login_still_reports_its_own_orders(client: Client, agents: Connect, what: str) -> None:
    user, other = client.user(), client.user()
    token = client.token(user)
    agent = agents(client, token)
    agent.hello()
    order_id, others_order = client.publish(user), client.publish(other)
    agent.hear("order")
    ENDS[what][0](client, user)
    agent.goodbye()
    assert _report(client, token, order_id).status == 200
    assert client.order(order_id)["assignments"][0]["outcome"] == "success"
    for not_theirs in (others_order, 987654321):
        assert _report(client, token, not_theirs).status in (401, 403, 404)
    assert client.order(others_order)["assignments"] == []


@pytest.mark.parametrize("named", [None, "device-1"])
def test_what_was_reported_under_the_device_of_the_hello_can_be_reported_over_http(
    client: Client, agents: Connect, named: str | None
) -> None:
    user = client.user()
    token = client.token(user, named)
    agent = agents(client, token)
    agent.hello("device-1", journal="journal-1")
    order_id = client.publish(user)
    agent.hear("order")
    _kick(client, user)
    agent.goodbye()
    assert _report(client, token, order_id).status == 200
    assert client.assignments(order_id)[0]["outcome"] == "success"


def test_what_was_reported_under_another_device_than_the_logins_is_recorded_where_it_is_named(
    client: Client, agents: Connect
) -> None:
    """Without the name it may as well be a second submission, by the device that the login named."""
    user = client.user()
    token = client.token(user, "device-1")
    agent = agents(client, token)
    agent.hello("device-2", journal="journal-1")
    order_id = client.publish(user)
    agent.hear("order")
    _kick(client, user)
    agent.goodbye()
    assert _report(client, token, order_id).status == 409
    assert _report(client, token, order_id, device_id="device-3").status == 409
    assert _report(client, token, order_id, device_id="device-2").status == 200
    assert client.assignments(order_id)[0]["outcome"] == "success"


def test_an_ended_login_reports_no_other_devices_order(client: Client, agents: Connect) -> None:
    user = client.user()
    old = client.token(user, "device-1")
    agent = agents(client, client.token(user, "device-2"))
    agent.hello("device-2")
    order_id = client.publish(user)
    agent.hear("order")
    assert _report(client, old, order_id).status == 409
    assert client.assignments(order_id)[0]["outcome"] is None


@pytest.mark.parametrize(("over_for_s", "status"), [(3_500, 200), (3_700, 401)])
def test_an_hour_after_the_window_an_ended_login_comes_too_late(client: Client, over_for_s: int, status: int) -> None:
    user = client.user()
    token = client.token(user)
    order_id = client.publish(user, seconds=10)
    assert client.ask("GET", "/api/orders/pull", token=token).data["order"]["id"] == order_id
    _kick(client, user)
    created = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() - over_for_s - 10))
    client.sql(f"UPDATE orders SET created_at = '{created}' WHERE id = {order_id}")
    assert _report(client, token, order_id, "failed").status == status


def test_what_we_did_not_sign_reports_nothing(client: Client) -> None:
    user = client.user()
    order_id = client.publish(user)
    token = client.token(user)
    client.ask("GET", "/api/orders/pull", token=token)
    forged = jwt.encode(changed_token(token), "k" * 32)
    assert _report(client, forged, order_id).status == 401
    assert client.order(order_id)["assignments"][0]["outcome"] is None


# guessing


@pytest.mark.parametrize("client", ["embedded_hub"], indirect=True)
def test_guesses_made_at_once_count_like_guesses_made_in_turn(client: Client) -> None:
    user = client.user()

    def guess(number: int) -> int:
        guesser = Client(client.running)
        try:
            return guesser.login(user, password=f"a guess {number}").status
        finally:
            guesser.close()

    with ThreadPoolExecutor(30) as pool:
        statuses = list(pool.map(guess, range(30)))
    assert set(statuses) == {401, 429}
    assert statuses.count(401) <= 12


def test_the_published_words_are_no_tokens(client: Client) -> None:
    for word in ("your-secret-key", "admin-secret-token"):
        assert client.ask("GET", "/api/orders", token=word).status == 401
        made = jwt.encode({"sub": "1", "jti": "x", "exp": 9e9}, word)
        assert client.ask("GET", "/api/auth/verify", token=made).status == 401


def test_nothing_secret_reaches_the_log(client: Client) -> None:
    user = client.user()
    token = client.token(user)
    client.login(user, password="a wrong but telling password")
    client.ask("POST", "/api/orders/create", good_order(), token=token)
    log = client.hub.log()
    for secret in (
        token,
        PASSWORD,
        "a wrong but telling password",
        client.hub.admin_token,
        _secret(client.hub.settings),
    ):
        assert secret not in log


def _secret(settings: HubSettings) -> str:
    return settings.jwt_secret
