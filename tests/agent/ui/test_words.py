"""What the windows say: reasons, log and outages in a person's words, in both languages, with no key of a program."""

import re

import pytest
from PyQt6.QtCore import QPoint, QPointF, Qt
from PyQt6.QtGui import QWheelEvent
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication, QFileDialog, QLabel, QLineEdit

from agent import language
from agent.model import events
from agent.model.engine import Mode
from agent.model.reasons import TEMPLATES, Reason
from agent.model.rules import KINDS
from agent.ui import log_words, qt_words, words
from agent.ui.notices import notice
from agent.ui.orders_view import OrdersView
from agent.ui.outages import outage
from agent.ui.state import View
from agent.ui.widgets import Amount
from tests.screenshots import a_day, scripted

KEYS = re.compile(r"\w+_\w+|=|\b(LONG|SHORT)\b(?<!▲ LONG)(?<!▼ SHORT)")
FACTS = {"key": "loss_per_day", "hit": "loss_per_day", "increment": "TEN_MINUTE", "increments": "ONE_HOUR, ONE_DAY"}
FACTS |= {"direction": "LONG", "directions": "SHORT", "day": "sun", "days": "mon-fri"}
NAMES = set(re.findall(r"\{(\w+)\}", " ".join(TEMPLATES.values()))) - FACTS.keys()


@pytest.mark.parametrize("speech", list(language.LANGUAGES))
def test_no_limit_is_called_by_its_key_nor_a_contract_by_its_code(speech: str) -> None:
    language.switch(speech)
    limits = [code for code in TEMPLATES if code.startswith("limit.")]
    said = {code: words.why(Reason(code, {**dict.fromkeys(NAMES, "7"), **FACTS})) for code in limits}
    assert {code: text for code, text in said.items() if KEYS.search(text)} == {}
    assert len(said) > 20


@pytest.mark.parametrize("speech", list(language.LANGUAGES))
def test_every_rule_of_a_trader_has_a_name(speech: str) -> None:
    language.switch(speech)
    hidden = {"symbols", "step", "timezone"}
    assert [key for key in KINDS if words.rule(key) == key and key not in hidden] == []


@pytest.mark.parametrize("code", ["session.unbound", "session.over", "session.ends_soon", "live.no_consent"])
def test_a_window_sends_nobody_to_a_command(code: str) -> None:
    assert "agent " in TEMPLATES[code]
    assert "agent " not in words.why(Reason(code, {"minutes": "5"}))


def test_a_limit_beside_its_name_does_not_say_it_again() -> None:
    reason = Reason("limit.orders_per_day", {"used": "40", "max": "40"})
    assert words.why(reason) == "Orders a day: 40 today, at most 40"
    assert words.why_beside("orders_per_day", reason) == "40 today, at most 40"
    language.switch("zh_CN")
    assert words.why(reason) == "每日订单数：今日 40 笔，上限 40 笔"
    assert words.why_beside("orders_per_day", reason) == "今日 40 笔，上限 40 笔"


def test_chinese_stands_beside_chinese_without_a_space() -> None:
    language.switch("zh_CN")
    said = words.why(Reason("limit.locked", {"key": "loss_per_day", "hit": "loss_per_day"}))
    assert said == "单日亏损上限：今日已触及单日亏损上限，明日之前不能放宽"


@pytest.mark.parametrize("speech", list(language.LANGUAGES))
def test_each_event_is_a_line_of_the_log_in_words(speech: str) -> None:
    language.switch(speech)
    told = {type(event): log_words.said(event) for event in a_day(scripted(3))}
    assert {kind: line for kind, line in told.items() if KEYS.search(line) or "None" in line} == {}
    assert len(told) == len(events.Event.__args__) - 1, "all but the clock of each heartbeat"
    orders = (events.OrderReceived, events.Submitting, events.Executed, events.OrderRefused, events.Settled)
    assert all(told[kind].startswith(words.mode(Mode.PAPER)) for kind in orders)


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("[Errno 111] Connect call failed ('127.0.0.1', 9)", "connection refused"),
        ("Cannot connect to host hub:443 ssl:default [Name or service not known]", "unknown address"),
        ("timed out during opening handshake", "no answer"),
        ("no close frame received or sent", "connection broken off"),
        ("server rejected WebSocket connection: HTTP 502", "server rejected WebSocket connection: HTTP 502"),
    ],
)
def test_what_a_system_says_of_a_lost_connection_is_said_in_words(why: str, said: str) -> None:
    assert outage(why) == said


def test_menus_of_fields_and_the_dialog_for_files_speak_the_language_of_today(qapp: QApplication) -> None:
    said = []
    for speech in ("zh_CN", "en"):
        language.switch(speech)
        qt_words.speak(qapp)
        field, view = QLineEdit(), OrdersView()
        view.export.click()
        (dialog,) = view.findChildren(QFileDialog)
        menu = field.createStandardContextMenu()
        assert menu is not None
        said.append(
            {action.text() for action in menu.actions()} | {part.text() for part in dialog.findChildren(QLabel)}
        )
        view.deleteLater()
    chinese, english = (" ".join(texts) for texts in said)
    assert all(text in english for text in ("Select All", "Folder", "Kind of file"))
    assert all(text in chinese for text in ("全选", "文件名", "文件夹", "文件类型"))
    assert not re.search("Select|Look|Files|Name", chinese)


def test_nobody_is_told_of_what_they_decided_themselves() -> None:
    refused = events.OrderRefused(7, "rejected", Mode.LIVE, Reason("person.refused"))
    assert notice(View(), refused) is None
    assert "refused by you" in log_words.said(refused)
    assert notice(View(), events.OrderRefused(7, "rejected", Mode.LIVE, Reason("limit.max_stake"))) is not None


@pytest.mark.parametrize(
    ("typed", "value"), [("7", 7), ("5.5", 5), ("1e3", 5), ("-7", 5), ("0", 5), ("99999", 5), ("seven", 5), ("", 5)]
)
def test_a_stake_is_the_whole_amount_that_was_typed_or_the_one_before(
    qapp: QApplication, typed: str, value: int
) -> None:
    stake = Amount(1, 10_000)
    stake.setValue(5)
    told: list[int] = []
    stake.valueChanged.connect(told.append)
    stake.selectAll()
    QTest.keyClicks(stake, typed or "\b")
    QTest.keyClick(stake, Qt.Key.Key_Return)
    assert (stake.value(), stake.text()) == (value, f"{value} USDT")
    assert told == [value][: value != 5]


def test_the_wheel_changes_no_stake(qapp: QApplication) -> None:
    stake = Amount(1, 10_000)
    stake.setValue(5)
    at, turn = QPointF(5, 5), QPoint(0, 120)
    none, plain, phase = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase
    wheel = QWheelEvent(at, at, turn, turn, none, plain, phase, False)
    QApplication.sendEvent(stake, wheel)
    assert (stake.value(), wheel.isAccepted()) == (5, False)
