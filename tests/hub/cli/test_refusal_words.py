"""What the hub answers is read in the reader's language, and is known by the very words of the hub's sources."""

import re
from pathlib import Path

import pytest

import hub
from hub.cli.refusal_words import KNOWN, in_words
from hub.language import translations


@pytest.fixture(autouse=True)
def _in_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.cli.refusal_words._", translations("zh_CN").gettext)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("there is no order 99", "没有订单 99"),
        ("username: 'ann' is taken", "username：'ann' 已被使用"),
        (
            "password: takes 8 to 128 characters that are not guessed at once (it is hardly more than digits)",
            "password：应为 8 至 128 个字符，且不易猜出（几乎只有数字）",
        ),
        ("users[3].username: takes something new", "users[3].username: takes something new"),
        ("a word of a newer hub", "a word of a newer hub"),
    ],
)
def test_a_refusal_is_said_in_chinese_and_what_is_new_as_it_came(message: str, words: str) -> None:
    assert in_words(message) == words


def test_each_is_what_the_hub_or_the_protocol_says() -> None:
    root = Path(hub.__file__).parent
    files = [*root.glob("**/*.py"), *(root.parent / "protocol").glob("*.py")]
    said = "".join(path.read_text() for path in files if path.name != "refusal_words.py")
    pieces = {
        text: max(re.split(r"\{\w+\}|^it |admins |traders |8 to 128 characters", text), key=len) for text in KNOWN
    }
    assert [text for text, piece in pieces.items() if piece.strip(" ()") not in said] == []
