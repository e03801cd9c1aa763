"""protocol/README.md and the code say the same: examples decode, no field is left out, the tables agree."""

import json
import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

import protocol
from protocol import closes
from protocol.codec import MAX_FRAME_BYTES, decode_to_agent, decode_to_hub
from protocol.conversation import MOVES, State
from protocol.messages import DIRECTIONS, INCREMENTS, OUTCOMES, SUBPROTOCOL, Halt, Message, Order, ToAgent, ToHub

README = (Path(protocol.__file__).parent / "README.md").read_text()
MESSAGES = [*get_args(ToHub), *get_args(ToAgent)]
SECTIONS = dict(re.findall(r"^#### ([^\n]+)\n(.*?)(?=^#{2,4} |\Z)", README, re.MULTILINE | re.DOTALL))
TITLES = {"Time": "time (asking)", "TimeReply": "time (answering)"}


def section_of(message: type[msgspec.Struct]) -> str:
    return SECTIONS[TITLES.get(message.__name__, str(message.__struct_config__.tag))]


def example_of(message: type[msgspec.Struct]) -> str:
    found = re.findall(r"```json\n(.*?)\n```", section_of(message), re.DOTALL)
    assert len(found) == 1, f"one example of {message.__name__}"
    return str(found[0])


def fields_in(text: str) -> list[str]:
    """The first column of the tables of fields."""
    return re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)


def table_under(heading: str, columns: int) -> list[list[str]]:
    text = README[README.index(heading) :]
    rows = re.search(r"\n\|[ -|]+\n((?:\|[^\n]*\n)+)", text)
    assert rows is not None
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[1].splitlines()]
    return [row for row in cells if len(row) == columns and not set(row[0]) <= {"-"}]


def test_every_message_has_a_section_and_no_section_is_left_over() -> None:
    assert len(SECTIONS) == len(MESSAGES)
    for message in MESSAGES:
        assert section_of(message)


@pytest.mark.parametrize("message", MESSAGES)
def test_the_example_decodes_and_shows_every_field(message: type[Message]) -> None:
    text = example_of(message)
    decode = decode_to_hub if message in get_args(ToHub) else decode_to_agent
    assert isinstance(decode(text), message)
    shown: dict[str, Any] = json.loads(text)
    assert set(shown) == {"type", *message.__struct_fields__}
    assert msgspec.json.decode(msgspec.json.encode(decode(text))) == shown


@pytest.mark.parametrize("message", MESSAGES)
def test_every_field_stands_in_the_table_in_its_order(message: type[Message]) -> None:
    named = fields_in(section_of(message))
    required = [field.name for field in msgspec.structs.fields(message)]
    if message.__struct_config__.tag == "order":
        required += [field.name for field in msgspec.structs.fields(Order)]
    assert sorted(named) == sorted(required)


@pytest.mark.parametrize("message", MESSAGES)
def test_what_may_be_left_out_is_called_optional(message: type[Message]) -> None:
    for field in msgspec.structs.fields(message):
        row = re.search(rf"^\| `{field.name}` \|.*$", section_of(message), re.MULTILINE)
        assert row is not None
        assert ("optional" in row[0]) == (not field.required), row[0]


def test_the_halt_of_a_welcome_is_described() -> None:
    assert all(f'"{field.name}"' in SECTIONS["welcome"] for field in msgspec.structs.fields(Halt))


def test_the_table_of_close_codes_is_the_code() -> None:
    rows = table_under("## 7. Close codes", 4)
    shown = [(int(code), name, retry == "yes", meaning) for code, name, retry, meaning in rows]
    assert shown == [tuple(close) for close in closes.CLOSES.values()]


def test_every_code_without_a_reconnect_says_what_to_do() -> None:
    rows = re.findall(
        r"^\| ([\d, ]+) \| [^|]+ \|$", README[README.index("After the codes that say *no*") :], re.MULTILINE
    )
    named = {int(code) for row in rows for code in row.split(",")}
    assert named == {close.code for close in closes.CLOSES.values() if not close.retry}


def test_the_table_of_turns_is_the_code() -> None:
    rows = table_under("Who may say what, and when.", 3)
    for state, (_, agents, hubs) in zip(State, rows, strict=True):
        for cell, union in ((agents, ToHub), (hubs, ToAgent)):
            allowed = {str(m.__struct_config__.tag) for m in MOVES[state] if m in get_args(union)}
            assert set(re.findall(r"`(\w+)`", cell)) == allowed, (state, cell)


@pytest.mark.parametrize("word", [SUBPROTOCOL, f"{MAX_FRAME_BYTES:,} bytes", *INCREMENTS, *DIRECTIONS, *OUTCOMES])
def test_words_and_limits_are_named(word: str) -> None:
    assert word in README


def test_the_report_over_http_is_one_the_hub_takes() -> None:
    from hub.model.bodies import OrderResult, ResultBody

    block = re.search(r"POST /api/orders/record-result\n.*?\n\n(\{.*?)```", README, re.DOTALL)
    assert block is not None
    assert msgspec.json.decode(block[1], type=OrderResult).order_id == 42
    named = fields_in(README[README.index("| field of `result` |") :])
    assert named == [field.name for field in msgspec.structs.fields(ResultBody)]


def test_the_hint_of_a_restart_is_read_as_it_is_described() -> None:
    example = closes.with_retry_hint(closes.RESTARTING.meaning, 4_210)
    assert f"`{example}`" in README
    assert closes.retry_hint_ms(example) == 4_210
