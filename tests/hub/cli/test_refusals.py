"""What goes wrong ends with the right code, and says what happened and what to do, on stderr alone."""

from pathlib import Path

import pytest

from tests.services.process import free_port

from .conftest import TOKEN, Hub
from .shapes import listed, order, user
from .stand_in import StandIn, broken, data, envelope, page, silent

REFUSALS = [
    (401, "token: is not valid", "hub login"),
    (403, "role: takes an admin", "admin's login"),
    (404, "order: there is no order 12", ""),
    (409, "order: is over", ""),
    (422, "order_id: takes a number", ""),
    (429, "Too many tries.", "Wait a little"),
    (500, "Internal error.", "log"),
    (503, "The database is out of reach.", "Try again shortly"),
]


@pytest.mark.parametrize(("status", "message", "advice"), REFUSALS)
def test_a_refusal_is_1_with_the_hubs_own_words(
    hub: Hub, stand_in: StandIn, status: int, message: str, advice: str
) -> None:
    said = message if message.partition(":")[2] else message[0].lower() + message[1:].removesuffix(".")
    stand_in.on("GET /api/orders/12", envelope(status, said))
    run = hub("orders", "show", "12")
    assert (run.code, run.out) == (1, "")
    assert message in run.err
    assert advice in run.err
    assert "Traceback" not in run.err


OTHERS = {
    "a proxy whose hub is down": page(502, "<html>Bad Gateway</html>"),
    "another site": page(200, "<html>Welcome</html>"),
    "a redirect, which is not followed": page(302, ""),
    "an answer of another shape": data({"id": "twelve"}),
    "a connection that breaks": broken,
    "silence": silent,
}


@pytest.mark.parametrize("answer", OTHERS.values(), ids=list(OTHERS))
def test_what_is_no_hubs_answer_is_3(
    hub: Hub, stand_in: StandIn, answer: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_TIMEOUT", "0.3")
    stand_in.on("GET /api/orders/12", answer)  # type: ignore[arg-type]
    run = hub("orders", "show", "12")
    assert (run.code, run.out) == (3, "")
    assert run.err.startswith("Error: ")
    assert len(run.err.splitlines()) == 2


def test_a_hub_that_is_not_there_is_3_and_named(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("HUB_URL", url)
    monkeypatch.setenv("HUB_ADMIN_TOKEN", TOKEN)
    run = hub("agents", "list")
    assert run.code == 3
    assert f"{url} is out of reach: Connection refused." in run.err
    assert "hub serve" in run.err


USAGE = [
    (("orders", "publish", "btc!", "long", "10m", "--valid", "60"), "no symbol"),
    (("orders", "publish", "btcusdt", "up", "10m", "--valid", "60"), "LONG, SHORT"),
    (("orders", "publish", "btcusdt", "long", "5m", "--valid", "60"), "TEN_MINUTE (10m)"),
    (("orders", "publish", "btcusdt", "long", "10m"), "--valid"),
    (("orders", "publish", "btcusdt", "long", "10m", "--valid", "0"), "--valid"),
    (("orders", "publish", "btcusdt", "long", "10m", "--valid", "86401"), "--valid"),
    (("orders", "publish", "btcusdt", "long", "10m", "--valid", "60", "--idempotency-key", "a\nb"), "ASCII"),
    (("orders", "show", "twelve"), "ID"),
    (("orders", "show", "0"), "ID"),
    (("orders", "list", "--status", "done"), "pending"),
    (("users", "expire", "ann", "tomorrow"), "never"),
    (("users", "add", "ann", "--role", "king"), "admin"),
    (("users", "add", "ann"), "--password-stdin"),
    (("users", "add", "ann", "secretsecret"), "secretsecret"),
    (("login",), "--user"),
    (("no-such-command",), "no-such-command"),
    (("serve", "--port", "70000"), "--port"),
]


@pytest.mark.parametrize(("arguments", "named"), USAGE, ids=lambda value: " ".join(value)[:40])
def test_what_cannot_be_meant_is_2_and_asks_nobody(
    hub: Hub, stand_in: StandIn, arguments: tuple[str, ...], named: str
) -> None:
    run = hub(*arguments)
    assert (run.code, run.out) == (2, "")
    assert named in run.err
    assert stand_in.asked == []


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://hub", "http://", "hub"])
def test_an_address_that_is_none_is_2(hub: Hub, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("HUB_URL", url)
    run = hub("orders", "list")
    assert run.code == 2
    assert "HUB_URL" in run.err


def test_elsewhere_without_a_login_is_2_and_says_how_to_get_one(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_URL", "https://hub.invalid")
    run = hub("orders", "list")
    assert run.code == 2
    assert "hub login" in run.err
    assert "HUB_ADMIN_TOKEN" in run.err


def test_a_wrong_setting_is_named_and_its_value_is_not(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_JWT_SECRET", "too-short-a-secret")
    run = hub("doctor")
    assert run.code == 2
    assert "HUB_JWT_SECRET" in run.err
    assert "32 bytes" in run.err
    assert "too-short-a-secret" not in run.err


def test_a_token_that_no_header_can_carry_is_2_and_not_shown(
    hub: Hub, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_ADMIN_TOKEN", f"{TOKEN}\r\nX-Other: 1")
    run = hub("orders", "list")
    assert run.code == 2
    assert TOKEN not in run.err
    assert stand_in.asked == []


def test_a_user_that_is_not_there_is_1(hub: Hub, stand_in: StandIn) -> None:
    stand_in.on("GET /api/admin/users", data(listed(user(username="anna"))))
    run = hub("users", "disable", "ann")
    assert run.code == 1
    assert "'ann'" in run.err
    assert stand_in.paths() == ["GET /api/admin/users"]


def test_the_token_of_a_hub_on_this_machine_is_found_where_that_hub_keeps_it(
    hub: Hub, stand_in: StandIn, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HUB_ADMIN_TOKEN")
    kept = home / "data" / "admin_token"
    kept.parent.mkdir()
    kept.write_text("k" * 43)
    stand_in.on("GET /api/orders/12", data(order()))
    assert hub("orders", "show", "12").code == 0
    assert stand_in.asked[0].headers["authorization"] == f"Bearer {'k' * 43}"


def test_settings_are_read_from_dot_env(
    hub: Hub, stand_in: StandIn, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HUB_ADMIN_TOKEN")
    monkeypatch.delenv("HUB_URL")
    (home / ".env").write_text(f"HUB_URL={stand_in.url}/\nHUB_ADMIN_TOKEN={'e' * 40}\nOTHER=1\n")
    stand_in.on("GET /api/orders/12", data(order()))
    assert hub("orders", "show", "12").code == 0
    assert stand_in.asked[0].headers["authorization"] == f"Bearer {'e' * 40}"
