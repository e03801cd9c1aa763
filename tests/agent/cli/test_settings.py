"""The agent's settings as a person meets them: refused in sentences, shown with their source."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli.commands import app
from agent.config import PROGRAM
from tests.services.hub_process import clean_environment
from tests.services.process import ROOT
from tests.wrong_settings import AGENT, SECRET, Wrong


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No settings but the test's own."""
    for name in list(os.environ):
        if name.startswith("AGENT_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("wrong", AGENT.values(), ids=list(AGENT))
def test_a_wrong_setting_is_one_sentence(wrong: Wrong, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong.put(home, monkeypatch.setenv)
    run = CliRunner().invoke(app, ["settings"])
    assert (run.exit_code, run.stdout) == (2, "")
    assert wrong.answer in run.stderr
    assert len(run.stderr.splitlines()) == 1
    assert SECRET not in run.stderr


def test_each_setting_is_shown_with_its_source_and_no_secret(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "agent.yaml").write_text("order_amount: 10\nmax_order_amount: 50\n")
    (home / ".env").write_text("AGENT_MAX_ORDER_AMOUNT=40\n")
    monkeypatch.setenv("AGENT_PROXY", f"socks5://u:{SECRET}@127.0.0.1:1080")
    run = CliRunner().invoke(app, ["settings", "--json", "--server", "http://hub:8000/"])
    assert SECRET not in run.stdout
    rows = {row["name"]: (row["value"], row["source"]) for row in json.loads(run.stdout)}
    assert rows["AGENT_ORDER_AMOUNT"] == ("10", "agent.yaml")
    assert rows["AGENT_MAX_ORDER_AMOUNT"] == ("40", ".env")
    assert rows["AGENT_SERVER_URL"] == ("http://hub:8000", "flag")
    assert rows["AGENT_PROXY"] == ("***", "environment")
    assert rows["AGENT_ALLOWED_SYMBOLS"] == ("BTCUSDT,ETHUSDT", "default")
    assert set(rows) == {PROGRAM.variable(name) for name in PROGRAM.fields}
    assert all(row["meaning"] and row["takes"] for row in json.loads(run.stdout))


def test_the_page_is_made_from_the_same_descriptions() -> None:
    page = (ROOT / "agent/docs/settings.md").read_text()
    run = CliRunner().invoke(app, ["settings", "--page"])
    assert run.stdout == page, "run: agent settings --page >agent/docs/settings.md"


def test_the_chinese_page_is_made_from_them_as_well(tmp_path: Path) -> None:
    environment = clean_environment(tmp_path) | {"AGENT_LANGUAGE": "zh_CN"}
    asked = [sys.executable, "-m", "agent", "settings", "--page"]
    made = subprocess.run(asked, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
    page = (ROOT / "agent/docs/settings.zh-CN.md").read_text()
    assert made.stdout == page, "run: AGENT_LANGUAGE=zh_CN agent settings --page >agent/docs/settings.zh-CN.md"
