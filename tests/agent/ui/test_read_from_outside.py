"""The windows over AT-SPI, as a screen reader has them: on a real screen and a session bus of their own."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from agent import language
from tests.agent.drivers.binance.login.screen import screen

from .outside import SHOWN

Found = list[dict[str, Any]]

CONTROLS = ("push button", "check box", "radio button", "text", "spin box", "progress bar", "table", "page tab", "cell")
COUNTS = {"push button": 24, "check box": 11, "radio button": 10, "text": 19, "spin box": 2, "progress bar": 7}
"""At least so many of each role: a control that is not what it looks like is missing here."""


@pytest.fixture(scope="module", params=list(language.LANGUAGES))
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Found]:
    """The language, and everything on the accessibility bus."""
    file = tmp_path_factory.mktemp("outside") / "found.json"
    with screen() as display:
        command = ["dbus-run-session", "--", sys.executable, "-m", "tests.agent.ui.outside", request.param, str(file)]
        env = {**os.environ, "DISPLAY": display}
        subprocess.run(command, env=env, timeout=100, check=True)
    return request.param, json.loads(file.read_text())


def test_every_control_has_a_name(found: tuple[str, Found]) -> None:
    _speech, parts = found
    assert [part for part in parts if part["role"] in CONTROLS and not part["name"].strip()] == []


def test_every_control_is_what_it_looks_like(found: tuple[str, Found]) -> None:
    _speech, parts = found
    counted = {role: sum(part["role"] == role for part in parts) for role in COUNTS}
    assert all(counted[role] >= least for role, least in COUNTS.items()), counted
    assert len(SHOWN) == sum(part["in"] == "application" for part in parts)


def test_every_window_is_one_and_not_a_part_of_something(found: tuple[str, Found]) -> None:
    _speech, parts = found
    windows = [part["role"] for part in parts if part["in"] == "application"]
    assert sorted(windows) == ["dialog"] * (len(SHOWN) - 2) + ["frame"] * 2


def test_a_choice_among_entries_is_named_by_what_stands_beside_it(found: tuple[str, Found]) -> None:
    _speech, parts = found
    boxes = [part for part in parts if part["role"] == "combo box"]
    assert [box["name"] for box in boxes if not box["is_labelled"]] == []
    assert len(boxes) >= 6


def test_the_table_reads_as_headings_and_cells(found: tuple[str, Found]) -> None:
    speech, parts = found
    if speech == "en":
        heading, cells = "State", ("Order: 24", "Direction: ▲ LONG", "Stake: 5")
    else:
        heading, cells = "状态", ("订单: 24", "方向: ▲ 看涨", "下单金额: 5")
    assert heading in [part["name"] for part in parts if part["role"] == "column header"]
    assert set(cells) <= {part["name"] for part in parts if part["role"] == "cell"}


def test_what_happens_next_and_what_is_left_are_read_as_sentences(found: tuple[str, Found]) -> None:
    speech, parts = found
    said = {part["name"] for part in parts}
    if speech == "en":
        assert {
            "Connected. The next order is placed on PAPER with 5 USDT.",
            "Loss of the day: 35 of 50, 15 left",
            "Hide this notice",
        } <= said
    else:
        assert {"已连接。下一笔订单将在模拟盘 PAPER 下单 5 USDT。", "隐藏提示"} <= said
