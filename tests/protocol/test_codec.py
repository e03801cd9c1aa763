"""Text and message: what goes in comes out; what is no message is `BadMessage` with its field, and nothing else."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings

from protocol.codec import MAX_FRAME_BYTES, BadMessage, UnknownType, decode_to_agent, decode_to_hub, encode
from protocol.messages import Ack, Error, Hello, Result, Time, ToAgent, ToHub

from . import strategies

RESULT: dict[str, Any] = {"type": "result", "order_id": 1, "outcome": "success", "executed_ms": 5}


@given(strategies.to_hub)
def test_what_an_agent_says_survives_the_wire(message: ToHub) -> None:
    assert decode_to_hub(encode(message)) == message
    assert decode_to_hub(encode(message).decode()) == message


@given(strategies.to_agent)
def test_what_the_hub_says_survives_the_wire(message: ToAgent) -> None:
    assert decode_to_agent(encode(message)) == message


@settings(max_examples=120)
@given(strategies.garbage)
def test_garbage_is_a_message_or_a_bad_message(text: str | bytes) -> None:
    for decode in (decode_to_hub, decode_to_agent):
        with contextlib.suppress(BadMessage):
            decode(text)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ('{"type":"time","t0_ms":1} x', "not JSON"),
        ('\ufeff{"type":"time","t0_ms":1}', "not JSON"),
        (b'{"type":"ack","order_id":"\xff"}', "order_id: expected `int`, got `str`"),
        ('{"type":"hello","device_id":"\\ud800","version":"1","driver":"p"}', "device_id: expected `str` matching"),
        (b"\xed\xa0\xbd", "not JSON"),
        ('{"type":"time","t0_ms":\ud83d}', "not JSON"),
        ('{"type":"nope",,}', "not JSON"),
        ('{"type":"nope"', "not JSON"),
        ('{"type":"time","t0_ms":1,"x":' + "[" * 30_000, "not JSON"),
        ("[]", "message: expected `object`, got `array`"),
        ("null", "message: expected `object`, got `null`"),
        ('{"t0_ms":1}', "message: object missing required field `type`"),
        ('{"type":5}', "type: expected `str`"),
        ('{"type":"time"}', "message: object missing required field `t0_ms`"),
        ('{"type":"time","t0_ms":true}', "t0_ms: expected `int`, got `bool`"),
        ('{"type":"time","t0_ms":1.0}', "t0_ms: expected `int`, got `float`"),
        ('{"type":"time","t0_ms":-1}', "t0_ms: expected `int` >= 0"),
        ('{"type":"time","t0_ms":9007199254740992}', "t0_ms: expected `int` <= 9007199254740991"),
        ('{"type":"hello","device_id":"a,b","version":"1","driver":"p"}', "device_id: expected `str` matching"),
        ('{"type":"hello","device_id":"a\\n","version":"1","driver":"p"}', "device_id: expected `str` matching"),
        ('{"type":"hello","device_id":"a","version":"1","driver":"p","have":[0]}', "have[0]: expected `int` >= 1"),
    ],
)
def test_a_bad_message_says_which_field_and_why(text: str | bytes, says: str) -> None:
    with pytest.raises(BadMessage) as bad:
        decode_to_hub(text)
    assert str(bad.value).startswith(says)
    assert not isinstance(bad.value, UnknownType)


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        (rb"\ud83d", "\ufffd"),
        (rb"\udE80 and on", "\ufffd and on"),
        (rb"\ud83d\u0041", "\ufffdA"),
        (rb"\ud83d\ud83d\ude80", "\ufffd\U0001f680"),
        (rb"\ud83d\ude80\ude80", "\U0001f680\ufffd"),
        (rb"\\ud83d \ud83d", "\\ud83d \ufffd"),
        (rb"\\\ud83d\"", '\\\ufffd"'),
        ("\U0001f680".encode()[:2], "\ufffd"),
        (b"\xed\xa0\xbd", "\ufffd\ufffd\ufffd"),
        ("下单".encode()[:4], "下\ufffd"),
        ("\ud83d", "\ufffd"),
    ],
)
def test_a_text_that_was_cut_in_the_middle_of_a_character_is_taken(written: bytes | str, taken: str) -> None:
    before, after = (
        '{"type":"result","order_id":1,"outcome":"success","executed_ms":5,"message":"',
        '","data":{"a":"é🚀"}}',
    )
    is_bytes = isinstance(written, bytes)
    text = before.encode() + written + after.encode() if is_bytes else before + written + after
    assert decode_to_hub(text) == Result(1, "success", 5, taken, {"a": "é🚀"})


def test_a_cut_character_where_nobody_reads_is_no_matter() -> None:
    assert decode_to_hub('{"type":"time","t0_ms":1,"x":"\ud800"}') == Time(1)
    assert decode_to_hub(rb'{"type":"time","t0_ms":1,"\udc00":"\ud800"}') == Time(1)


@pytest.mark.parametrize("kind", ["nope", "", "Time", "welcome", "error", "\u0000", "🚀", "x" * 1_000])
def test_an_unknown_type_is_told_apart_and_named_in_short(kind: str) -> None:
    with pytest.raises(UnknownType) as unknown:
        decode_to_hub(json.dumps({"type": kind, "x": [1]}))
    assert repr(kind[:40]) in str(unknown.value)


def test_unknown_fields_are_ignored_and_the_type_may_stand_anywhere() -> None:
    assert decode_to_hub('{"x":{"type":"ack"},"t0_ms":1,"later":null,"type":"time"}') == Time(1)


def test_fields_with_a_default_may_be_left_out() -> None:
    assert decode_to_hub('{"type":"hello","device_id":"d","version":"1","driver":"p"}') == Hello("d", "1", "p", [], 0)
    assert decode_to_hub(json.dumps(RESULT)) == Result(1, "success", 5, "", None)


@pytest.mark.parametrize("letter", ["x", "é", "€", "🚀"])
def test_the_limit_counts_bytes(letter: str) -> None:
    def text(size: int) -> str:
        head = '{"type":"time","t0_ms":1,"x":"'
        room = size - len(head) - 2
        filling = letter * (room // len(letter.encode()))
        return head + filling + "y" * (room - len(filling.encode())) + '"}'

    assert decode_to_hub(text(MAX_FRAME_BYTES)) == decode_to_hub(text(MAX_FRAME_BYTES).encode()) == Time(1)
    for over in (text(MAX_FRAME_BYTES + 1), text(MAX_FRAME_BYTES + 1).encode()):
        with pytest.raises(BadMessage, match="65537 bytes is over the limit of 65536"):
            decode_to_hub(over)


def test_a_message_of_ours_that_is_too_large_is_our_fault() -> None:
    with pytest.raises(ValueError, match="over the limit"):
        encode(Result(1, "success", 1, "", {"a": "x" * MAX_FRAME_BYTES}))
    with pytest.raises(ValueError, match="over the limit"):
        encode(Error("BAD_MESSAGE", "x" * MAX_FRAME_BYTES))


def test_messages_are_frozen() -> None:
    with pytest.raises(AttributeError):
        Ack(1, 2, 3).order_id = 4  # type: ignore[misc]
