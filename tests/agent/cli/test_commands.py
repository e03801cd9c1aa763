"""The command line: exit codes, texts, the history and the doctor."""

import asyncio
import io
import json
import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from babel.messages.extract import extract_from_dir, extract_from_file
from babel.messages.pofile import read_po
from typer.testing import CliRunner

from agent import language
from agent.cli.commands import app
from agent.device import installation_id
from agent.link.api import Credentials, Session
from agent.model.account import Owner
from agent.model.clock import HubTime
from agent.model.engine import Conclusion, Mode, Settlement, Submission
from agent.model.reasons import Reason
from agent.trading.accounts import Accounts
from agent.trading.journal import FILE_NAME, Journal
from protocol import manual, settings, usage
from protocol.messages import Order
from tests.agent.hub_on_loopback import HubOnLoopback
from tests.services.process import ROOT

NOWHERE = "http://127.0.0.1:9"


def run(*arguments: str, typed: str | None = None) -> Any:
    return CliRunner().invoke(app, arguments, input=typed)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--headless",), "--user NAME"),
        (("--headless", "--user", "alice", "--driver", "magic"), "AGENT_DRIVER"),
        (("--headless", "--user", "alice", "--server", "hub"), "AGENT_SERVER_URL"),
        (("--headless", "--user", "alice", "--paper-speed", "0"), "AGENT_PAPER_SPEED"),
        (("--headless", "--user", "alice"), "--password-stdin"),
        (("--headless", "--user", "alice", "--password-stdin"), "empty"),
        (("--headless", "--user", "alice", "--password-stdin", "--password-file", "x"), "not both"),
        (("--headless", "--user", "alice", "--password-file", "/nowhere"), "cannot be read from /nowhere"),
        (("--headless", "--user", "alice", "--password-file", os.devnull), "is empty"),
        (("--headless", "--user", "alice", "--password-stdin", "--log-format", "xml"), "text or json"),
        (("--no-such-option",), "No such option"),
        (("history", "--server", "hub"), "not an address"),
    ],
)
def test_wrong_usage_says_what_is_missing(arguments: tuple[str, ...], words: str) -> None:
    done = run(*arguments, typed="")
    assert done.exit_code == 2
    assert words in done.stderr


async def test_a_refused_login_exits_with_1_and_no_hub_with_3(hub: HubOnLoopback, tmp_path: Path) -> None:
    given = ("--headless", "--user", "alice", "--password-stdin", "--data-dir", str(tmp_path), "--no-wait")
    assert await asyncio.to_thread(lambda: _exit_code(*given, "--server", hub.url, typed="wrong\n")) == 1
    assert await asyncio.to_thread(lambda: _exit_code(*given, "--server", NOWHERE, typed="wrong\n")) == 3


def _exit_code(*arguments: str, typed: str) -> int:
    """In a process of its own: signals belong to the main thread."""
    done = subprocess.run(
        [sys.executable, "-m", "agent", *arguments], input=typed, text=True, check=False, cwd=ROOT, timeout=60
    )
    return done.returncode


@pytest.fixture
def with_orders(tmp_path: Path) -> Path:
    for user in ("alice", "bob"):
        owner = Owner("http://127.0.0.1:8000", user)
        journal = Journal(Accounts(tmp_path).folder(owner), owner)
        for number in (1, 2, 3):
            journal.note_received(
                Order(number, "TEN_MINUTE", "BTCUSDT", "LONG", 60, number, 60_000), HubTime(9, 1), "paper", Mode.PAPER
            )
        for number in (1, 2):
            journal.note_submitting(number, Submission("paper", Mode.PAPER, Decimal(5), Decimal("0.80"), 9, 9))
            journal.note_outcome(number, Conclusion("success", 10, exchange_order_id=f"P{number}"))
        journal.note_settled(1, Settlement(20, "won", "confirmed", Decimal("4.00")))
        journal.note_outcome(3, Conclusion("rejected", 10, Reason("cancelled", {"reason": "not today"})))
        journal.close()
    return tmp_path


def test_history_for_programs(with_orders: Path) -> None:
    done = run("history", "--json", "--user", "alice", "--data-dir", str(with_orders))
    [chapter] = json.loads(done.stdout)
    assert (chapter["user"], [order["order_id"] for order in chapter["orders"]]) == ("alice", [1, 2, 3])
    assert (chapter["orders"][0]["stake"], chapter["orders"][0]["profit"]) == ("5", "4.00")
    assert chapter["totals"] == {
        "orders": 3,
        "placed": 2,
        "won": 1,
        "lost": 0,
        "tied": 0,
        "staked": "10",
        "open_stake": "5",
        "profit": "4.00",
    }


def test_history_of_a_mistyped_user_names_those_there_are(with_orders: Path) -> None:
    done = run("history", "--json", "--user", "alcie", "--data-dir", str(with_orders))
    assert (done.exit_code, done.stdout) == (1, "")
    assert "There is no user alcie on this computer; there are: alice" in done.stderr


def test_history_for_people(with_orders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    done = run("history", "--data-dir", str(with_orders))
    for words in (
        "alice · http",
        "bob · http",
        "BTCUSDT ▲ LONG 10 minutes",
        "placed",
        "stopped by your limits",
        "PAPER",
        "admin: not today",
        "+4.00",
        "open",
    ):
        assert words in done.stdout
    assert "No orders" in run("history", "--data-dir", str(with_orders / "empty")).stdout


async def test_the_doctor_finds_all_well(hub: HubOnLoopback, with_orders: Path) -> None:
    arguments = ("doctor", "--json", "--server", hub.url, "--data-dir", str(with_orders))
    done = await asyncio.to_thread(lambda: run(*arguments))
    findings = {finding["check"]: finding for finding in json.loads(done.stdout)}
    assert done.exit_code == 0
    of_this_computer = {"way to the hub", "open files", "files"}
    assert set(findings) == {"settings", "data directory", "journal", "hub", "clock", "keyring"} | of_this_computer
    assert findings["clock"]["verdict"] == "ok"


def test_the_doctor_says_what_to_do(with_orders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_ORDER_AMOUNT", "500")
    broken = next(with_orders.glob(f"accounts/*/*/{FILE_NAME}"))
    broken.write_bytes(b"no database" * 500)
    done = run("doctor", "--server", NOWHERE, "--data-dir", str(with_orders))
    assert done.exit_code == 1
    for words in (
        "over the maximum of 200 → change AGENT_ORDER_AMOUNT",
        "→ stop the agent",
        "→ check AGENT_SERVER_URL",
    ):
        assert words in done.stdout
    monkeypatch.setenv("AGENT_DATA_DIR", str(broken / "under a file"))
    assert "→ make it writable" in run("doctor", "--server", NOWHERE).stdout


def test_the_device_is_kept_and_private(tmp_path: Path) -> None:
    first = installation_id(tmp_path)
    assert installation_id(tmp_path) == first
    assert (tmp_path / "device").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["device"]
    (tmp_path / "device").write_text("scratched")
    with pytest.raises(ValueError, match="delete it"):
        installation_id(tmp_path)


def test_secrets_do_not_show_themselves() -> None:
    assert "s3cret" not in repr(Credentials("alice", "s3cret")) + repr(Session("s3cret", 1, 2))


def test_the_language_is_the_persons() -> None:
    assert language.languages({"AGENT_LANGUAGE": "zh", "LANG": "de_DE"}) == ["zh", "zh_CN"]
    assert language.languages({"LANG": "zh_TW.UTF-8"}) == ["zh_TW.UTF-8", "zh_CN"]
    assert language.translate({"LANG": "C"})("order") == "order"


def test_every_text_has_its_chinese() -> None:
    catalogue = read_po(io.BytesIO((language.LOCALES / "zh_CN/LC_MESSAGES/agent.po").read_bytes()))
    known = {message.id for message in catalogue if message.id and message.string}
    assert _texts() <= known


def test_history_in_chinese_has_no_codes_in_it(with_orders: Path) -> None:
    environment = {**os.environ, "AGENT_LANGUAGE": "zh_CN", "COLUMNS": "200", "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-m", "agent", "history", "--user", "alice", "--data-dir", str(with_orders)]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
    words = set(re.findall(r"[A-Za-z_]{2,}", done.stdout))
    assert words <= {"alice", "http", "BTCUSDT", "PAPER", "not", "today"}, "the user, the hub, the admin's own words"
    for word in ("下单成功", "风控拦截", "看涨", "10 分钟", "模拟盘", "未结算", "管理员已撤回"):
        assert word in done.stdout


def _texts() -> set[Any]:
    package = Path(language.__file__).parent
    keywords = dict.fromkeys(("_", "N_"))
    parts = (settings, manual, usage)
    shared = [found for part in parts for found in extract_from_file("python", str(part.__file__), keywords=keywords)]
    own = extract_from_dir(package, method_map=[("**.py", "python")])
    return {found[2] for found in own} | {found[1] for found in shared}
