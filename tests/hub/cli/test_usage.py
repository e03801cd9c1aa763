"""What is mistyped is answered in our words, for people and for programs; and a client makes nothing."""

import json
from pathlib import Path

import pytest

from hub import __version__
from hub.cli.access import SavedLogin, saved_logins

from .conftest import TOKEN, Hub
from .stand_in import StandIn, envelope

ORDER = ("orders", "publish", "BTCUSDT", "LONG", "10m", "--valid")
MISTYPED = [
    ((*ORDER, "0"), "--valid: takes 1 to 86,400 seconds", "valid"),
    ((*ORDER, "soon"), "--valid: takes 1 to 86,400 seconds", "valid"),
    (("orders", "show", "x"), "ID: takes a whole number from 1", "order_id"),
    (("orders", "list", "--status", "done"), "--status: takes one of pending, assigned, expired, cancelled", "status"),
    (("users", "add", "ann", "--role", "king"), "--role: takes one of trader, admin", "role"),
    (("orders", "list", "--stats"), "There is no option --stats; the nearest is --status.", None),
    (("ordrs",), "There is no command ordrs; the nearest is orders.", None),
    (("users", "xyz"), "There is no command xyz.", None),
    (("users", "add"), "NAME is missing.", "name"),
    (("orders", "list", "--page"), "--page takes a value.", None),
    (("users", "list", "b"), "This is one argument too many: b", None),
]
LIBRARYS_WORDS = ("Input should", "Invalid value", "validation error", "Usage:", "No such", "Got unexpected")


@pytest.mark.parametrize(("arguments", "sentence", "field"), MISTYPED, ids=lambda value: str(value)[:40])
def test_a_mistake_is_said_in_our_words_and_as_json(
    hub: Hub, home: Path, arguments: tuple[str, ...], sentence: str, field: str | None
) -> None:
    run = hub(*arguments)
    assert (run.code, run.out) == (2, "")
    assert run.err.splitlines()[0] == f"Error: {sentence}"
    assert [word for word in LIBRARYS_WORDS if word in run.err] == []
    machine = hub(*arguments, "--json")
    if "--json" not in machine.err:  # else the command has no such option, which is the mistake then
        error = json.loads(machine.err)["error"]
        assert error["code"] == "usage"
        assert [word for word in LIBRARYS_WORDS if word in error["message"]] == []


def test_what_the_hub_refuses_is_json_with_its_field(hub: Hub, stand_in: StandIn) -> None:
    stand_in.on("GET /api/orders/12", envelope(422, "order_id: takes a number"))
    run = hub("orders", "show", "12", "--json")
    assert (run.code, run.out) == (1, "")
    said = {"code": "refused", "message": "order_id: takes a number", "field": "order_id"}
    assert json.loads(run.err) == {"error": said}


def test_the_version_is_said(hub: Hub) -> None:
    run = hub("--version")
    assert (run.code, run.out) == (0, f"hub {__version__}\n")


def test_a_client_makes_no_token_and_sends_none_to_whatever_listens(
    hub: Hub, stand_in: StandIn, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HUB_ADMIN_TOKEN")
    run = hub("users", "list")
    assert run.code == 2
    assert "hub login" in run.err
    assert stand_in.asked == []
    assert list(home.iterdir()) == []


def test_an_error_says_which_of_two_tokens_was_sent(hub: Hub, stand_in: StandIn) -> None:
    saved_logins().put(stand_in.url, SavedLogin("ann", TOKEN))
    stand_in.on("GET /api/orders/12", envelope(401, "token: is not valid"))
    assert "HUB_ADMIN_TOKEN was sent, not the saved login of ann." in hub("orders", "show", "12").err
