"""`hub orders`: what is sent, what is shown, and that a publish repeated never becomes two orders."""

import json
import uuid

import pytest

from .conftest import TOKEN, Hub
from .shapes import assignment, funnel, listed, order, user
from .stand_in import StandIn, broken, data, envelope, page, silent

PUBLISH = ("orders", "publish", "btcusdt", "long", "10m", "--valid", "60")
CREATE = "POST /api/orders/create"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (("BTCUSDT", "LONG", "TEN_MINUTE"), ("BTCUSDT", "LONG", "TEN_MINUTE")),
        (("btcusdt", "long", "ten_minute"), ("BTCUSDT", "LONG", "TEN_MINUTE")),
        (("ethusdt", "s", "30m"), ("ETHUSDT", "SHORT", "THIRTY_MINUTE")),
        (("1000pepe", "Short", "One-Hour"), ("1000PEPE", "SHORT", "ONE_HOUR")),
        (("btcusdt", "L", "1D"), ("BTCUSDT", "LONG", "ONE_DAY")),
    ],
)
def test_publish_sends_what_was_meant(
    hub: Hub, stand_in: StandIn, typed: tuple[str, ...], meant: tuple[str, ...]
) -> None:
    stand_in.on(CREATE, data({"order_id": 12}))
    run = hub("orders", "publish", *typed, "--valid", "60")
    assert (run.code, run.out, run.err) == (0, f"Order 12 published: {' '.join(meant)}, valid 60 s.\n", "")
    (asked,) = stand_in.asked
    symbol, direction, increment = meant
    assert asked.body == {
        "symbol_name": symbol,
        "direction": direction,
        "time_increments": increment,
        "valid_duration": 60,
    }
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert uuid.UUID(asked.headers["idempotency-key"])


def test_each_publish_has_a_key_of_its_own_or_the_one_given(hub: Hub, stand_in: StandIn) -> None:
    stand_in.on(CREATE, data({"order_id": 12}))
    hub(*PUBLISH)
    hub(*PUBLISH)
    hub(*PUBLISH, "--idempotency-key", "mine")
    first, second, third = (asked.headers["idempotency-key"] for asked in stand_in.asked)
    assert first != second
    assert third == "mine"


@pytest.mark.parametrize("lost", [broken, silent, page(504, "")], ids=["broken", "silent", "gateway timeout"])
def test_a_lost_answer_is_asked_for_once_more_with_the_same_key(
    hub: Hub, stand_in: StandIn, lost: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_TIMEOUT", "0.5")
    stand_in.on(CREATE, lost, data({"order_id": 12}))  # type: ignore[arg-type]
    run = hub(*PUBLISH)
    assert run.code == 0
    assert "Order 12 published" in run.out
    assert "Trying once more" in run.err
    first, second = stand_in.asked
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.body == second.body


def test_lost_each_time_it_is_3_and_tells_the_key(hub: Hub, stand_in: StandIn) -> None:
    stand_in.on(CREATE, broken)
    run = hub(*PUBLISH)
    assert (run.code, run.out) == (3, "")
    keys = [asked.headers["idempotency-key"] for asked in stand_in.asked]
    assert (len(keys), len(set(keys))) == (3, 1)
    assert f"--idempotency-key {keys[0]}" in run.err


def test_while_the_store_is_away_it_is_asked_again_with_the_same_key(hub: Hub, stand_in: StandIn) -> None:
    stand_in.on(CREATE, envelope(503, "it is not known whether it was stored"), data({"order_id": 12}))
    assert hub(*PUBLISH).code == 0
    assert len({asked.headers["idempotency-key"] for asked in stand_in.asked}) == 1
    stand_in.on(CREATE, envelope(503, "it is not known whether it was stored"))
    run = hub(*PUBLISH)
    assert run.code == 1
    assert "--idempotency-key" in run.err


@pytest.mark.parametrize("status", [409, 422])
def test_a_refused_publish_is_not_repeated(hub: Hub, stand_in: StandIn, status: int) -> None:
    stand_in.on(CREATE, envelope(status, "no"))
    assert hub(*PUBLISH).code == 1
    assert len(stand_in.asked) == 1


def test_targets_go_by_name_and_digits_are_looked_up(hub: Hub, stand_in: StandIn) -> None:
    stand_in.on(CREATE, data({"order_id": 12}))
    stand_in.on("GET /api/admin/users", data(listed(user(id=70, username="7001"))), data(listed()))
    assert hub(*PUBLISH, "--to", "ann", "--to", "7001", "--to", "8").code == 0
    assert stand_in.asked[-1].body["targets"] == ["ann", 70, 8]


def test_publish_as_json(hub: Hub, stand_in: StandIn) -> None:
    stand_in.on(CREATE, data({"order_id": 12}))
    assert json.loads(hub(*PUBLISH, "--json").out) == {"order_id": 12}


def test_publish_and_watch_ends_when_the_order_is_settled(hub: Hub, stand_in: StandIn) -> None:
    stand_in.on(CREATE, data({"order_id": 12}))
    opened, closed = order(is_settled=False, funnel=funnel(acked=0)), order()
    stand_in.on("GET /api/orders/12", data(opened), data(opened), data(closed))
    run = hub(*PUBLISH, "--watch")
    assert run.code == 0
    published, first, last = run.out.splitlines()
    assert "published" in published
    assert "acked 0" in first
    assert "success 5" in last


def test_publish_watch_json_is_a_document_a_line(hub: Hub, stand_in: StandIn) -> None:
    stand_in.on(CREATE, data({"order_id": 12}))
    stand_in.on("GET /api/orders/12", data(order(is_settled=False)), data(order()))
    documents = [json.loads(line) for line in hub(*PUBLISH, "--watch", "--json").out.splitlines()]
    assert [document.get("is_settled") for document in documents] == [None, False, True]


def test_a_watch_waits_for_a_hub_that_restarts(hub: Hub, stand_in: StandIn) -> None:
    stand_in.on(
        "GET /api/orders/12",
        data(order(is_settled=False)),
        broken,
        page(502, ""),
        envelope(503, "the database is out of reach"),
        data(order()),
    )
    assert hub("orders", "watch", "12").code == 0


def test_a_watch_that_starts_without_a_hub_ends_at_once(hub: Hub, stand_in: StandIn) -> None:
    stand_in.on("GET /api/orders/12", page(502, ""))
    assert hub("orders", "watch", "12").code == 3
    assert len(stand_in.asked) == 1


def test_a_watch_that_is_refused_ends_at_once(hub: Hub, stand_in: StandIn) -> None:
    stand_in.on("GET /api/orders/12", data(order(is_settled=False)), envelope(404, "order: there is no order 12"))
    assert hub("orders", "watch", "12").code == 1


def test_a_watch_ends_after_its_timeout(hub: Hub, stand_in: StandIn) -> None:
    stand_in.on("GET /api/orders/12", data(order(is_settled=False)))
    run = hub("orders", "watch", "12", "--timeout", "0.3")
    assert run.code == 1
    assert "not settled after 0.3 s" in run.err
    assert "hub orders watch 12" in run.err


def test_list(hub: Hub, stand_in: StandIn) -> None:
    rows = [order(), order(id=11, status_text="cancelled", targets=[1, 2])]
    stand_in.on("GET /api/orders", data(listed(*rows, total=5)))
    run = hub("orders", "list", "--status", "cancelled", "--page", "2", "--page-size", "2")
    assert stand_in.asked[0].query == {"page": "2", "page_size": "2", "status": "4", "outcomes": "1"}
    assert [line.split()[:4] for line in run.out.splitlines()[1:]] == [
        ["12", "BTCUSDT", "LONG", "10m"],
        ["11", "BTCUSDT", "LONG", "10m"],
    ]
    assert "everybody" in run.out
    assert "2 users" in run.out
    assert "2 of 5" in run.err


def test_show(hub: Hub, stand_in: StandIn) -> None:
    stand_in.on("GET /api/orders/12", data(order()))
    run = hub("orders", "show", "12")
    assert "Order 12: BTCUSDT LONG TEN_MINUTE, valid 60 s, until 2026-01-02 03:05:05" in run.out
    assert "-2: 1 not connected, 1 account expired" in run.out
    row = run.out.splitlines()[-1].split()
    assert row == ["ann", "laptop", "20", "ms", "100", "ms", "success", "placed"]


def test_show_of_many_shows_the_first_unless_told_otherwise(hub: Hub, stand_in: StandIn) -> None:
    many = [assignment(username=f"trader{number}") for number in range(60)]
    stand_in.on("GET /api/orders/12", data(order(assignments=many)))
    run = hub("orders", "show", "12")
    assert run.out.count("trader") == 50
    assert "50 of 60" in run.err
    assert hub("orders", "show", "12", "--all").out.count("trader") == 60


def test_show_has_pages_and_takes_an_outcome_and_a_name(hub: Hub, stand_in: StandIn) -> None:
    ends = [("ann", "success"), ("bob", "unknown"), ("carol", None), ("dan", "unknown")]
    rows = [assignment(username=name, outcome=outcome) for name, outcome in ends]
    stand_in.on("GET /api/orders/12", data(order(assignments=rows)))

    def names(*options: str) -> list[str]:
        return [name for name, _outcome in ends if f"\n{name} " in "\n" + hub("orders", "show", "12", *options).out]

    assert names("--outcome", "unknown") == ["bob", "dan"]
    assert names("--outcome", "open") == ["carol"]
    assert names("--name", "ann") == ["ann"]
    assert names("--limit", "3", "--page", "2") == ["dan"]
    assert "3 of 4; see more with --page." in hub("orders", "show", "12", "--limit", "3").err
    assert "There is no page 9: there are 4 in all." in hub("orders", "show", "12", "--page", "9").err
    assert "There are none." in hub("orders", "show", "12", "--outcome", "failed").err
    found = json.loads(hub("orders", "show", "12", "--outcome", "unknown", "--json").out)
    assert [row["username"] for row in found["assignments"]] == ["bob", "dan"]


def test_what_came_from_a_trader_cannot_steer_the_terminal(hub: Hub, stand_in: StandIn) -> None:
    hostile = "\x1b]0;owned\x07\x1b[2J\r\n[red]x[/red]\x9b1m\u202e"
    stand_in.on("GET /api/orders/12", data(order(assignments=[assignment(message=hostile)])))
    for run in (hub("orders", "show", "12"), hub("orders", "show", "12", "--json")):
        assert not {"\x1b", "\x07", "\r", "\x9b", "\u202e"} & set(run.out)
        assert "[red]x[/red]" in run.out
    assert json.loads(run.out)["assignments"][0]["message"] == hostile


@pytest.mark.parametrize(
    ("command", "request_line"),
    [
        (("orders", "list"), "GET /api/orders"),
        (("orders", "show", "12"), "GET /api/orders/12"),
        (("users", "list"), "GET /api/admin/users"),
        (("agents", "list"), "GET /api/admin/agents"),
    ],
)
def test_json_is_the_hubs_data_and_nothing_else(
    hub: Hub, stand_in: StandIn, command: tuple[str, ...], request_line: str
) -> None:
    value = {"anything": ["the hub", "says", 1.5, None, "中文"]}
    stand_in.on(request_line, data(value))
    run = hub(*command, "--json")
    assert (run.code, run.err) == (0, "")
    assert json.loads(run.out) == value
    assert "中文" in run.out


@pytest.mark.parametrize(("options", "body"), [((), {}), (("--reason", "wrong way"), {"reason": "wrong way"})])
def test_cancel(hub: Hub, stand_in: StandIn, options: tuple[str, ...], body: dict[str, str]) -> None:
    stand_in.on("POST /api/orders/12/cancel", data(None))
    run = hub("orders", "cancel", "12", *options)
    assert (run.code, run.out) == (0, "Order 12 is cancelled.\n")
    assert stand_in.asked[0].body == body
