"""Bad input over the WebSocket, as tables: each message malformed, oversized, out of turn, unknown, not the sender's.

Whatever one client says ends at most its own session: a bystander is connected throughout and must stay served, and the
hub's log must show no bug.
"""

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode

from protocol import closes
from protocol.codec import MAX_FRAME_BYTES
from protocol.messages import SUBPROTOCOL
from tests.hub.conftest import run_embedded_hub
from tests.kit.raw import Client, RawAgent, RunningHub, User, changed_token, checked, good_order

Connect = Callable[..., RawAgent]

HELLO = {"type": "hello", "device_id": "device-1", "version": "1", "driver": "paper", "have": [1], "halt_epoch": 0}
ACK = {"type": "ack", "order_id": 1, "received_ms": 1, "uncertainty_ms": 1}
RESULT = {"type": "result", "order_id": 1, "outcome": "success", "message": "m", "data": {}, "executed_ms": 1}
HALTED = {"type": "halted", "epoch": 1}
TIME = {"type": "time", "t0_ms": 1}
DEEP = "[" * 20_000 + "]" * 20_000

TEXT = ["5", "true", "null", "[]", "{}", '"' + "x" * 3_000 + '"', DEEP]
ID = ["0", "-1", "9223372036854775808", "1.0", '"1"', "true", "null", "[1]", "1" + "0" * 100]
MILLIS = ["-1", "9007199254740992", "1.5", '"1"', "true", "null", "{}"]

WRONG: dict[str, tuple[dict[str, Any], dict[str, list[str]]]] = {
    "hello": (
        HELLO,
        {
            "device_id": [*TEXT, '""', '"a,b"', '"a b"', '"\\u0000"', '"🚀"', '"' + "d" * 65 + '"'],
            "version": TEXT,
            "driver": TEXT,
            "have": ["null", "1", '"1"', '["1"]', "[0]", "[-1]", "[9223372036854775808]", "[[1]]", str([1] * 5_001)],
            "halt_epoch": ["-1", "null", '"0"', "1.0", "true"],
        },
    ),
    "ack": (ACK, {"order_id": ID, "received_ms": MILLIS, "uncertainty_ms": MILLIS}),
    "result": (
        RESULT,
        {
            "order_id": ID,
            "outcome": [*TEXT, '"done"', '"SUCCESS"', '""'],
            "message": TEXT,
            "data": ["5", "true", "[]", '"x"', '{"a":NaN}', '{"a":1e999}', f'{{"a":{DEEP}}}'],
            "executed_ms": MILLIS,
        },
    ),
    "halted": (HALTED, {"epoch": ["-1", "null", '"1"', "1.0", "true"]}),
    "time": (TIME, {"t0_ms": MILLIS}),
}
NEEDED = {
    "hello": ("device_id", "version", "driver"),
    "ack": ("order_id", "received_ms", "uncertainty_ms"),
    "result": ("order_id", "outcome", "executed_ms"),
    "halted": ("epoch",),
    "time": ("t0_ms",),
}
NO_MESSAGES = {
    "empty": "",
    "a space": " ",
    "no JSON": "hello",
    "half of one": '{"type":"time","t0_ms":',
    "a byte order mark": '\ufeff{"type":"time","t0_ms":1}',
    "two": '{"type":"time","t0_ms":1}{"type":"time","t0_ms":1}',
    "a list": "[]",
    "null": "null",
    "a text": '"hello"',
    "no type": '{"t0_ms":1}',
    "a number for a type": '{"type":5}',
    "null for a type": '{"type":null}',
    "a type that is not known, and no JSON after it": '{"type":"nope",,}',
    "huge nesting": DEEP,
    "huge nesting in an unknown field": f'{{"type":"time","t0_ms":1,"x":{DEEP}}}',
    "huge nesting in an unknown type": f'{{"type":"nope","x":{DEEP}}}',
}


class Scene:
    """A bystander, and traders who misbehave."""

    def __init__(self, client: Client, connect: Connect) -> None:
        self.client = client
        self._connect = connect
        self.bystander = self.new()
        self.bystander.hello()

    def new(self, user: User | None = None, **options: Any) -> RawAgent:
        """A connection that has not said hello."""
        return self._connect(self.client, self.client.token(user or self.client.user()), **options)

    def greeted(self, user: User | None = None, **fields: Any) -> RawAgent:
        token = self.client.token(user or self.client.user(), fields.get("device_id", "device-1"))
        agent = self._connect(self.client, token)
        agent.hello(**fields)
        return agent


@pytest.fixture
def scene(client: Client, agents: Connect) -> Iterator[Scene]:
    before = len(client.hub.log())
    scene = Scene(client, agents)
    yield scene
    assert scene.bystander.is_served()
    assert "Traceback" not in client.hub.log()[before:], "the hub logged a bug"


def assert_breaks(agent: RawAgent, text: str | bytes, field: str = "") -> None:
    """The protocol is broken by this: an `error` that names the field, then 4000."""
    agent.say(text)
    error = agent.hear("error")
    assert (error["code"], error["message"].startswith(field)) == ("BAD_MESSAGE", True), (text[:80], error)
    assert agent.goodbye() == closes.BAD_MESSAGE.code


@pytest.mark.parametrize("kind", WRONG)
def test_each_field_wrong_is_named_and_ends_the_session(scene: Scene, kind: str) -> None:
    good, fields = WRONG[kind]
    user = scene.client.user()
    token = scene.client.token(user)
    for field, values in fields.items():
        for value in values:
            agent = scene._connect(scene.client, token)
            if kind != "hello":
                agent.hello()
            others = {name: json.dumps(known) for name, known in good.items()} | {field: value}
            is_no_json = "NaN" in value or (value == DEEP and field == "data")
            text = "{" + ",".join(f'"{name}":{known}' for name, known in others.items()) + "}"
            assert_breaks(agent, text, "" if is_no_json or DEEP in value else field)


@pytest.mark.parametrize("kind", NEEDED)
def test_each_field_missing_is_named(scene: Scene, kind: str) -> None:
    for field in NEEDED[kind]:
        agent = scene.new() if kind == "hello" else scene.greeted()
        agent.say({name: value for name, value in WRONG[kind][0].items() if name != field})
        assert f"`{field}`" in agent.hear("error")["message"]
        assert agent.goodbye() == closes.BAD_MESSAGE.code


@pytest.mark.parametrize("is_greeted", [False, True], ids=["before hello", "after hello"])
def test_what_is_no_message(scene: Scene, is_greeted: bool) -> None:
    token = scene.client.token(scene.client.user())
    for text in NO_MESSAGES.values():
        agent = scene._connect(scene.client, token)
        if is_greeted:
            agent.hello()
        assert_breaks(agent, text)


OUT_OF_TURN = {
    "ack before hello": ([], ACK),
    "result before hello": ([], RESULT),
    "halted before hello": ([], HALTED),
    "time before hello": ([], TIME),
    "hello twice": ([HELLO], HELLO),
    "hello twice, from another device": ([HELLO], HELLO | {"device_id": "device-2"}),
}
UNKNOWN_HERE = ["welcome", "order", "recorded", "cancel", "halt", "resume", "error", "nope", "", "Time", "\u0000", "🚀"]


@pytest.mark.parametrize("case", OUT_OF_TURN)
def test_out_of_turn(scene: Scene, case: str) -> None:
    before, message = OUT_OF_TURN[case]
    agent = scene.new()
    for earlier in before:
        agent.say(earlier)
        agent.hear("welcome")
    assert_breaks(agent, json.dumps(message), str(message["type"]))


def test_the_third_unknown_type_is_one_too_many(scene: Scene) -> None:
    """The hub's own types are unknown from an agent."""
    for start in range(0, len(UNKNOWN_HERE), 3):
        agent = scene.greeted()
        for kind in UNKNOWN_HERE[start : start + 2]:
            agent.say({"type": kind})
            assert agent.hear("error")["code"] == "UNKNOWN_TYPE"
            assert agent.is_served()
        agent.say({"type": UNKNOWN_HERE[start + 2]})
        assert agent.hear("error")["code"] == "BAD_MESSAGE"
        assert agent.goodbye() == closes.BAD_MESSAGE.code


def test_unknown_types_before_hello_are_borne_as_well(scene: Scene) -> None:
    agent = scene.new()
    for _ in range(2):
        agent.say({"type": "nope"})
        assert agent.hear()["code"] == "UNKNOWN_TYPE"
    agent.hello()
    assert agent.is_served()


def test_unknown_fields_are_ignored(scene: Scene) -> None:
    agent = scene.new()
    agent.hello(colour="red", nested={"a": [1, {"b": None}]}, type2="hello")
    agent.say('{"x":1,"type":"time","y":[],"t0_ms":8,"t0_ms":9}')
    assert agent.hear("time")["t0_ms"] == 9


@pytest.mark.parametrize(
    ("size", "is_taken"),
    [(MAX_FRAME_BYTES, True), (MAX_FRAME_BYTES + 1, False), (128 * 1024, False), (255 * 1024, False)],
)
@pytest.mark.parametrize("letter", ["x", "€"], ids=["one byte a letter", "three bytes a letter"])
def test_the_size_limit_counts_bytes(scene: Scene, size: int, is_taken: bool, letter: str) -> None:
    agent = scene.greeted()
    head, tail = '{"type":"time","t0_ms":7,"x":"', '"}'
    room = size - len(head) - len(tail)
    filling = letter * (room // len(letter.encode()))
    filling += "y" * (room - len(filling.encode()))
    text = head + filling + tail
    assert len(text.encode()) == size
    if is_taken:
        agent.say(text)
        assert agent.hear("time")["t0_ms"] == 7
    else:
        assert_breaks(agent, text, f"message of {size} bytes is over the limit")


def test_a_frame_far_over_the_limit_is_not_even_read(scene: Scene) -> None:
    agent = scene.greeted()
    agent.say('{"type":"time","t0_ms":7,"x":"' + "x" * 1_000_000 + '"}')
    assert agent.goodbye() == 1009


def test_binary_frames(scene: Scene) -> None:
    for greeted in (False, True):
        agent = scene.greeted() if greeted else scene.new()
        assert_breaks(agent, json.dumps(TIME).encode(), "takes text frames")


def test_fragments_make_one_message(scene: Scene) -> None:
    agent = scene.greeted()
    agent.socket.send(iter(['{"type":', '"time",', '"t0_ms":', "77}"]))
    assert agent.hear("time")["t0_ms"] == 77


def test_a_letter_may_be_split_between_fragments(scene: Scene) -> None:
    """RFC 6455 §5.6: only the whole message has to be UTF-8."""
    agent = scene.greeted()
    text = '{"type":"time","x":"é","t0_ms":78}'.encode()
    middle = text.index(b"\xc3") + 1
    agent.socket.socket.sendall(_text(text[:middle], fin=False) + _text(text[middle:], opcode=Opcode.CONT))
    assert agent.hear("time")["t0_ms"] == 78


def _text(data: bytes, fin: bool = True, opcode: Opcode = Opcode.TEXT, first_bits: int = 0) -> bytes:
    """A masked frame, as a well-behaved library would not send it."""
    frame = Frame(opcode, data, fin=fin).serialize(mask=True, extensions=[])
    return bytes([frame[0] | first_bits]) + frame[1:]


BROKEN_FRAMES: dict[str, tuple[bytes, int]] = {
    "bad UTF-8": (_text(b'{"type":\xff\xfe}'), closes.BAD_MESSAGE.code),
    "bad UTF-8 in pieces": (
        _text(b'{"type":', fin=False) + _text(b"\xff", opcode=Opcode.CONT),
        closes.BAD_MESSAGE.code,
    ),
    "a lone surrogate's bytes": (_text(b"\xed\xa0\x80"), closes.BAD_MESSAGE.code),
    "a continuation of nothing": (_text(b"{}", opcode=Opcode.CONT), 1002),
    "a text within a text": (_text(b"{", fin=False) + _text(b"}"), 1002),
    "a reserved bit": (_text(b"{}", first_bits=0x40), 1002),
}


@pytest.mark.parametrize("case", BROKEN_FRAMES)
def test_broken_frames(scene: Scene, case: str) -> None:
    frames, code = BROKEN_FRAMES[case]
    agent = scene.greeted()
    agent.socket.socket.sendall(frames)
    assert agent.goodbye() == code


CUT_TEXTS: dict[str, bytes] = {
    "half of an emoji, as an escape": rb"taken \ud83d",
    "half of an emoji, in bytes": b"taken " + "🚀".encode()[:2],
    "half of a Chinese character": b"taken " + "单".encode()[:2],
}


@pytest.mark.parametrize("in_pieces", [False, True], ids=["whole", "in pieces"])
@pytest.mark.parametrize("case", CUT_TEXTS)
def test_a_text_cut_in_the_middle_of_a_character_is_recorded_all_the_same(
    scene: Scene, case: str, in_pieces: bool
) -> None:
    user = scene.client.user()
    agent = scene.new(user)
    hello = b'{"type":"hello","device_id":"device-1","driver":"paper","version":"' + CUT_TEXTS[case] + b'"}'
    agent.socket.socket.sendall(_text(hello))
    agent.hear("welcome")
    order_id = scene.client.publish(user)
    agent.hear("order")
    text = json.dumps(RESULT | {"order_id": order_id, "message": "HERE"}).encode().replace(b"HERE", CUT_TEXTS[case])
    pieces = _text(text[:20], fin=False) + _text(text[20:], opcode=Opcode.CONT) if in_pieces else _text(text)
    agent.socket.socket.sendall(pieces)
    assert agent.hear("recorded")["order_id"] == order_id
    assert scene.client.assignments(order_id)[0]["message"] == "taken \ufffd"
    assert agent.is_served()


def test_a_connection_that_breaks_in_the_middle_of_a_frame(scene: Scene) -> None:
    agent = scene.greeted()
    agent.socket.socket.sendall(_text(b"x" * 500)[:100])
    agent.socket.socket.shutdown(socket.SHUT_RDWR)
    assert scene.bystander.is_served()


# what is not the sender's


def test_orders_that_are_not_the_senders(scene: Scene) -> None:
    """Acks and results of unknown orders, of another user's and of another device's, with or without a false `have`."""
    owner, other = scene.client.user(), scene.client.user()
    first = scene.greeted(owner)
    order_id = scene.client.publish(owner)
    first.hear("order")
    first.say(ACK | {"order_id": order_id})
    assert first.is_served()
    for have in ([], [order_id]):
        stranger = scene.greeted(other, device_id="device-1", have=have)
        _assert_refused(stranger, order_id, "NOT_YOURS")
        _assert_refused(stranger, 2**63 - 1, "UNKNOWN_ORDER")
        assert stranger.is_served()
    second = scene.greeted(owner, device_id="device-2")
    assert first.goodbye() == closes.SESSION_REPLACED.code
    _assert_refused(second, order_id, "NOT_YOURS")
    assert [row["user_id"] for row in scene.client.assignments(order_id)] == [owner.id]
    assert scene.client.order(order_id)["funnel"]["outcomes"]["open"] == 1


def _assert_refused(agent: RawAgent, order_id: int, code: str) -> None:
    for message in (ACK, RESULT):
        agent.say(message | {"order_id": order_id})
        error = agent.hear("error")
        assert error["code"] == code, (message["type"], order_id)
        assert error["order_id"] == (order_id if message is RESULT else None)


def test_another_devices_order_cannot_be_had_by_saying_so(scene: Scene) -> None:
    owner = scene.client.user()
    first = scene.greeted(owner)
    order_id = scene.client.publish(owner)
    first.hear("order")
    second = scene.greeted(owner, device_id="device-2", have=[order_id])
    second.say(RESULT | {"order_id": order_id})
    assert second.hear("error")["code"] == "NOT_YOURS"
    assert scene.client.assignments(order_id)[0]["outcome"] is None
    back = scene.greeted(owner, have=[order_id])
    back.say(RESULT | {"order_id": order_id})
    assert back.hear("recorded")["order_id"] == order_id


@pytest.mark.parametrize("at_ms", [0, 2**53 - 1])
def test_implausible_times_do_not_reach_the_record(scene: Scene, at_ms: int) -> None:
    user = scene.client.user()
    agent = scene.greeted(user)
    order_id = scene.client.publish(user)
    sent = agent.hear("order")
    agent.say(ACK | {"order_id": order_id, "received_ms": at_ms, "uncertainty_ms": at_ms})
    agent.say(RESULT | {"order_id": order_id, "executed_ms": at_ms})
    agent.hear("recorded")
    row = scene.client.assignments(order_id)[0]
    for field in ("acked_ms", "executed_ms"):
        assert abs(row[field] - sent["sent_ms"]) < 90_000_001, field
        assert row[field] <= sent["sent_ms"] + 600_000, field


def test_facts_twice_are_one_fact_and_a_final_outcome_stands(scene: Scene) -> None:
    user = scene.client.user()
    agent = scene.greeted(user)
    order_id = scene.client.publish(user)
    agent.hear("order")
    for outcome in ("unknown", "failed", "failed", "success"):
        agent.say(ACK | {"order_id": order_id})
        agent.say(RESULT | {"order_id": order_id, "outcome": outcome})
        assert agent.hear()["type"] == "recorded"
    assert scene.client.assignments(order_id)[0]["outcome"] == "failed"


def test_odd_texts_are_kept_as_they_are(scene: Scene) -> None:
    user = scene.client.user()
    agent = scene.greeted(user)
    order_id = scene.client.publish(user)
    agent.hear("order")
    message = "下单 🚀 \u202e\u0000 é"
    agent.say(RESULT | {"order_id": order_id, "message": message, "data": {"\u0000": ["🚀", 10**40, -1.5e300, None]}})
    agent.hear("recorded")
    assert scene.client.assignments(order_id)[0]["message"] == message


# the handshake


def test_handshakes_that_are_refused(scene: Scene) -> None:
    client, user = scene.client, scene.client.user()
    replaced, token = client.token(user), client.token(user)
    disabled, expired = client.user(), client.user()
    tokens = {"of a disabled account": client.token(disabled), "of an expired account": client.token(expired)}
    client.ask("PUT", f"/api/admin/users/{disabled.id}/status", {"status": 3})
    client.ask("PUT", f"/api/admin/users/{expired.id}/expire", {"expire_at": "2020-01-01 00:00:00"})
    late = jwt.encode(changed_token(token, exp=1.0), client.hub.settings.jwt_secret)
    forged = jwt.encode(changed_token(token), "k" * 32)
    cases: dict[str, tuple[int, dict[str, Any]]] = {
        "no subprotocol": (400, {"subprotocols": None}),
        "another subprotocol": (400, {"subprotocols": ["bn-auto.v2"]}),
        "no token": (401, {"additional_headers": {}}),
        "an empty token": (401, _bearing("")),
        "a word": (401, _bearing("x")),
        "another scheme": (401, {"additional_headers": {"Authorization": f"Basic {token}"}}),
        "bytes over 127": (401, _bearing("\xe9\xff")),
        "a forged token": (401, _bearing(forged)),
        "a token that has run out": (401, _bearing(late)),
        "a replaced token": (401, _bearing(replaced)),
        "a disabled account's": (403, _bearing(tokens["of a disabled account"])),
        "an expired account's": (403, _bearing(tokens["of an expired account"])),
        "the bootstrap token": (403, _bearing(client.hub.admin_token)),
        "an admin's": (403, _bearing(client.token(client.user(role="admin")))),
    }
    for case, (status, options) in cases.items():
        with pytest.raises(InvalidStatus) as refused:
            scene._connect(client, token, **options)
        response = refused.value.response
        assert response.status_code == status, case
        assert checked(status, dict(response.headers), bytes(response.body)).message, case
    assert scene.greeted(user).is_served()


def _bearing(token: str) -> dict[str, Any]:
    return {"additional_headers": {"Authorization": f"Bearer {token}"}}


def test_our_subprotocol_among_others_is_chosen(scene: Scene) -> None:
    agent = scene.new(subprotocols=["bn-auto.v2", SUBPROTOCOL])
    assert agent.socket.subprotocol == SUBPROTOCOL
    assert agent.hello()["type"] == "welcome"


def test_a_second_connection_under_one_token_replaces_the_first(scene: Scene) -> None:
    token = scene.client.token(scene.client.user())
    first, second = (scene._connect(scene.client, token) for _ in range(2))
    first.hello()
    second.hello()
    assert first.goodbye() == closes.SESSION_REPLACED.code
    assert second.is_served()


# silence


@pytest.fixture(scope="module")
def impatient_hub(services_dir: Path) -> Iterator[RunningHub]:
    yield from run_embedded_hub(services_dir / "impatient-hub", HUB_HEARTBEAT_S="1", HUB_HELLO_TIMEOUT_S="2")


def test_silence_ends_a_session_and_only_that_one(impatient_hub: RunningHub, agents: Connect) -> None:
    """No hello: 4007. No word for two heartbeats: 4006. Who says `time` stays."""
    client = Client(impatient_hub)
    mute, babbling, silent, lively = (agents(client, client.token(client.user())) for _ in range(4))
    assert silent.hello()["heartbeat_s"] == 1
    lively.hello()
    babbling.say({"type": "nope"})
    while not (_has_gone(mute) and _has_gone(babbling) and _has_gone(silent)):
        assert lively.is_served()
    assert mute.goodbye() == babbling.goodbye() == closes.HELLO_TIMEOUT.code
    assert silent.goodbye() == closes.HEARTBEAT_LOST.code
    made = client.ask("POST", "/api/orders/create", good_order())
    assert lively.hear("order")["order"]["id"] == made.data["order_id"]
    client.close()


def _has_gone(agent: RawAgent) -> bool:
    """Looks for a moment, so that the lively one is in time with its own heartbeat."""
    try:
        agent.socket.recv(timeout=0.1)
    except TimeoutError:
        return False
    except ConnectionClosed:
        return True
    return False


AFTER_AN_OUTAGE = 1_500
"""Of the 5,000 that the budget lets an agent repeat; tests/hub/sessions/test_budget.py has the whole."""


def test_an_agent_that_repeats_much_after_an_outage_is_answered_for_all_of_it(scene: Scene) -> None:
    """Orders that are no longer live: each result is held against the database, and a few at a time are."""
    user = scene.client.user()
    agent = scene.greeted(user)
    for order_id in range(1, AFTER_AN_OUTAGE + 1):
        agent.say(ACK | {"order_id": 10**12 + order_id})
    for order_id in range(1, 101):
        agent.say(RESULT | {"order_id": 10**12 + order_id})
    answered = [agent.hear("error") for _ in range(AFTER_AN_OUTAGE + 100)]
    assert {error["code"] for error in answered} == {"UNKNOWN_ORDER"}
    about = sorted(error["order_id"] for error in answered if error.get("order_id"))
    assert about == [10**12 + order_id for order_id in range(1, 101)]
    assert agent.is_served()


def test_whoever_says_halted_again_and_again_is_logged_once_an_epoch(scene: Scene) -> None:
    agent = scene.greeted()
    before = scene.client.hub.log().count("agent halted")
    for epoch in (1, 1, 1, 2, 2):
        agent.say(HALTED | {"epoch": epoch})
    assert agent.is_served()
    assert scene.client.hub.log().count("agent halted") == before + 2
