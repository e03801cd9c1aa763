"""The hub's refusals reach a Chinese admin in Chinese, with their facts; the table has what the hub says."""

import ast
import re
from pathlib import Path
from typing import Final

import pytest

import hub
from hub.cli import hub_words
from hub.cli.hub_words import PARTS, SENTENCES, as_sentence, translated
from hub.language import translations

from .conftest import Hub
from .stand_in import StandIn, envelope

HUB: Final = Path(hub.__file__).parent
OF_AGENTS: Final = {
    "order_id: another device of this user has the order",
    "order_id: there is no order {} for this user",
    "order_id: the order is past its window or cancelled",
    "order_id: this user was not given order {}",
    "for users only",
    "for traders only",
    "username: takes a name where no token is sent (is missing)",
    "Sec-WebSocket-Protocol: takes {}",
    "the socket is for traders' agents",
    "the body is not JSON in UTF-8: {}",
    "the body is not JSON that we take: nested too deeply",
    "the body ended early",
    "the caller has gone",
    "Not Found",
    "takes an Authorization header: Bearer and the token of HUB_METRICS_TOKEN",
    "more than {} {} a second: try again in {} s",
    "new_password: is the old one",
    "old_password: is wrong",
    "the password or the login has changed meanwhile",
}
"""What no command of `hub` can meet: said to agents, to browsers, and to programs that send no JSON."""


def bare(sentence: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", sentence)


def said_in_code() -> set[str]:
    """The sentence of each `Refusal(…)` that has one, with `{}` for each fact."""
    calls = (node for path in HUB.rglob("*.py") for node in ast.walk(ast.parse(path.read_text())))
    texts = [node.args[1] for node in calls if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Refusal"]
    return {bare(ast.unparse(text)[1 + isinstance(text, ast.JoinedStr) : -1]) for text in texts if not _is_name(text)}


def _is_name(text: ast.expr) -> bool:
    return not isinstance(text, ast.Constant | ast.JoinedStr)


def test_the_table_has_each_refusal_that_a_command_can_meet() -> None:
    missing = said_in_code() - {bare(sentence) for sentence in SENTENCES} - OF_AGENTS
    assert missing == set()


TOLD = {
    "there is no order 12": "没有订单 12",
    "username: 'ann' is taken": "username：用户名 'ann' 已被占用",
    "for admins only": "仅限管理员",
    "page: takes a whole number from 1 to 100": "page 须为 1 到 100 的整数",
    "the database is out of reach: nothing was stored, try again": "无法连接数据库：未保存任何内容，请重试",
    "password: takes 8 to 128 characters that are not guessed at once (it is hardly more than digits)": (
        "password 须为：8 到 128 个字符，且不易猜到（几乎只有数字）"
    ),
    "username: takes 3 to 50 letters, digits or . _ @ + - (Expected `str`, got `int`)": (
        "username 须为：3 到 50 个字母、数字或 . _ @ + -"
    ),
    "username: takes letters of one script ('ann' mixes Greek and Latin)": (
        "username：只能使用同一种文字的字母（'ann' 混用了 Greek and Latin）"
    ),
    "something that a newer hub says": "something that a newer hub says",
}


@pytest.fixture
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_words, "_", translations("zh_CN").gettext)


@pytest.mark.usefixtures("chinese")
@pytest.mark.parametrize("message", TOLD)
def test_a_refusal_is_told_in_chinese_with_its_facts(message: str) -> None:
    assert translated(message) == TOLD[message]


@pytest.mark.parametrize("message", TOLD)
def test_in_english_it_stays_as_the_hub_said_it(message: str) -> None:
    assert translated(message) == message.removesuffix(" (Expected `str`, got `int`)")


def test_what_names_no_field_is_a_whole_sentence() -> None:
    assert as_sentence("there is no order 12") == "There is no order 12."
    assert as_sentence("username: 'ann' is taken") == "username: 'ann' is taken"


@pytest.mark.usefixtures("chinese")
def test_a_program_still_finds_the_field(hub: Hub, stand_in: StandIn) -> None:
    stand_in.on("GET /api/orders/12", envelope(422, "order_id: takes a whole number from 1 to 9"))
    assert '"message": "order_id 须为 1 到 9 的整数", "field": "order_id"' in hub("orders", "show", "12", "--json").err


def test_each_part_of_a_sentence_is_said_somewhere() -> None:
    from hub.access.checking import TAKES
    from hub.web.times import TIME_TAKES

    sources = "".join(path.read_text() for path in HUB.rglob("*.py") if path.name != "hub_words.py")
    known = {*TAKES.values(), TIME_TAKES}
    assert [part for part in PARTS if part not in known and f'"{part}' not in sources] == []
