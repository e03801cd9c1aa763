"""Settings as a person meets them: what is wrong is refused in sentences, what is right is shown with its source."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hub.cli.access import PROGRAM
from tests.services.hub_process import clean_environment
from tests.services.process import ROOT
from tests.wrong_settings import COMMANDS, SECRET, SERVER, Wrong

from .conftest import Hub


@pytest.mark.parametrize("wrong", [*SERVER.values(), *COMMANDS.values()], ids=[*SERVER, *COMMANDS])
def test_a_wrong_setting_is_one_sentence(wrong: Wrong, hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong.put(home, monkeypatch.setenv)
    run = hub("settings")
    assert (run.code, run.out) == (2, "")
    assert wrong.answer in run.err
    assert run.err.startswith("Error: ")
    assert len(run.err.splitlines()) == 2
    assert SECRET not in run.err


def test_bytes_that_are_no_text_are_said(hub: Hub, home: Path) -> None:
    (home / "hub.yaml").write_bytes(b"host: \xff\n")
    assert "hub.yaml: cannot be read (UnicodeDecodeError)" in hub("doctor").err


def test_all_that_is_wrong_is_said_at_once(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"HUB_PORT": "x", "HUB_ULR": "y", "HUB_CLAIMS": "z"}.items():
        monkeypatch.setenv(name, value)
    said = hub("serve").err
    assert [name in said for name in ("HUB_PORT", "HUB_ULR", "HUB_CLAIMS")] == [True] * 3


def test_a_command_on_a_laptop_refuses_a_wrong_name_as_well(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_ULR", "http://hub")
    run = hub("orders", "list")
    assert run.code == 2
    assert "the nearest is HUB_URL" in run.err


def test_each_setting_is_shown_with_its_source_and_no_secret(
    hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "hub.yaml").write_text(f"port: 1\nhost: 1.1.1.1\ndatabase: {{redis: {{host: r, password: {SECRET}}}}}\n")
    (home / ".env").write_text(f"HUB_PORT=2\nHUB_JWT_SECRET={SECRET * 4}\n")
    monkeypatch.setenv("HUB_TIMEZONE", "Asia/Shanghai")
    run = hub("settings", "--json")
    assert SECRET not in run.out + hub("settings").out
    rows = {row["name"]: (row["value"], row["source"]) for row in json.loads(run.out)}
    assert rows["HUB_TIMEZONE"] == ("Asia/Shanghai", "environment")
    assert rows["HUB_PORT"] == ("2", ".env")
    assert rows["HUB_HOST"] == ("1.1.1.1", "hub.yaml")
    assert rows["HUB_REDIS_URL"] == ("redis://:***@r:6379/0", "hub.yaml")
    assert rows["HUB_JWT_SECRET"] == ("***", ".env")
    assert rows["HUB_CLAIMS"] == ("fast", "default")
    assert set(rows) == {PROGRAM.variable(name) for name in PROGRAM.fields}
    assert all(row["meaning"] and row["takes"] for row in json.loads(run.out))


def test_the_page_is_made_from_the_same_descriptions(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HUB_DATA_DIR")
    page = (ROOT / "hub/docs/settings.md").read_text()
    assert hub("settings", "--page").out == page, "run: hub settings --page >hub/docs/settings.md"


def test_the_chinese_page_is_made_from_them_as_well(tmp_path: Path) -> None:
    environment = clean_environment(tmp_path) | {"HUB_LANGUAGE": "zh_CN"}
    asked = [sys.executable, "-m", "hub", "settings", "--page"]
    made = subprocess.run(asked, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
    page = (ROOT / "hub/docs/settings.zh-CN.md").read_text()
    assert made.stdout == page, "run: HUB_LANGUAGE=zh_CN hub settings --page >hub/docs/settings.zh-CN.md"
