"""Settings as a person meets them: what is wrong is refused in sentences, what is right is shown with its source."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hub.cli.access import PROGRAM
from tests.services.hub_process import clean_environment
from tests.services.process import ROOT

from .conftest import Hub

SECRET = "dontshowme"
WRONG: dict[str, tuple[str, str, str]] = {
    "letters turned": ("", "HUB_REDIS_ULR=redis://127.0.0.1", "the nearest is HUB_REDIS_URL"),
    "a letter left out": ("", "HUB_DATABSE_URL=x", "the nearest is HUB_DATABASE_URL"),
    "a setting of the command line": ("", "HUB_TIMOUT=5", "the nearest is HUB_TIMEOUT"),
    "nothing like it": ("", "HUB_XYZZY=1", "`hub settings` lists them all"),
    "a wrong name in .env": (".env", "HUB_PROT=8000", "HUB_PROT (.env); the nearest is HUB_PORT"),
    "a wrong name in hub.yaml": (
        "hub.yaml",
        "port: 1\ntimezon: UTC",
        "timezon (hub.yaml, line 2); the nearest is timezone",
    ),
    "a prefix in hub.yaml": ("hub.yaml", "HUB_PORT: 8000", "There is no setting HUB_PORT (hub.yaml, line 1)"),
    "a wrong part of the section": ("hub.yaml", "database: {mysq: {}}", "the nearest is database.mysql"),
    "a wrong key in it": ("hub.yaml", "database:\n  mysql: {hots: db}", "the nearest is database.mysql.host"),
    "a section that is a word": ("hub.yaml", "database: mysql", "database (hub.yaml, line 1): takes mysql, redis"),
    "a part that is a list": (
        "hub.yaml",
        "database: {redis: [1]}",
        "database.redis (hub.yaml, line 1): takes host, port",
    ),
    "a port of letters in it": (
        "hub.yaml",
        "database: {redis: {port: six}}",
        "database.redis.port (hub.yaml, line 1): takes a whole",
    ),
    "a port of letters": (
        "",
        "HUB_PORT=http",
        "HUB_PORT (environment): takes a whole number from 0 to 65,535, not 'http'",
    ),
    "a port too high": ("", "HUB_PORT=65536", "not '65536'"),
    "a port that kubernetes sets": ("", "HUB_PORT=tcp://10.0.0.1:80", "HUB_PORT (environment): takes a whole number"),
    "a zone that is none": ("", "HUB_TIMEZONE=Mars", "'Mars' is no time zone; takes an IANA name"),
    "a way of claiming that is none": ("", "HUB_CLAIMS=slow", "takes one of fast, strict, not 'slow'"),
    "no heartbeat": ("", "HUB_HEARTBEAT_S=0", "takes a whole number from 1 to 300 (seconds)"),
    "a session of no length": ("", "HUB_SESSION_HOURS=0", "takes a number over 0 to 720 (hours)"),
    "a grace below nothing": ("", "HUB_RESULT_GRACE_S=-1", "from 0 to 3,600 (seconds)"),
    "a form of lines that is none": (
        "hub.yaml",
        "log_format: xml",
        "HUB_LOG_FORMAT (hub.yaml, line 1): takes one of console, json",
    ),
    "a short secret": ("", f"HUB_JWT_SECRET={SECRET}", "takes at least 32 bytes"),
    "a published secret": (".env", "HUB_ADMIN_TOKEN=admin-secret-token", "is a word from public examples"),
    "a database of another kind": (
        "",
        f"HUB_DATABASE_URL=postgresql://hub:{SECRET}@db/hub",
        "is no database that the hub can use",
    ),
    "a database without a driver": ("", f"HUB_DATABASE_URL=mysql://hub:{SECRET}@db/hub", "mysql+asyncmy://"),
    "a database's port of letters": ("", f"HUB_DATABASE_URL=mysql+asyncmy://hub:{SECRET}@db:x/hub", "is no database"),
    "a Redis of another kind": ("", f"HUB_REDIS_URL=memcached://:{SECRET}@cache", "is no address of a Redis"),
    "a Redis without a host": ("", "HUB_REDIS_URL=redis://", "is no address of a Redis"),
    "a yaml that is a list": ("hub.yaml", "- port", "hub.yaml: takes names and values"),
    "a yaml that is a word": ("hub.yaml", "port", "hub.yaml: takes names and values"),
    "a broken yaml": ("hub.yaml", "port: 1\nhost: a: b", "hub.yaml, line 2: is no YAML"),
    "a yaml with a tab": ("hub.yaml", "database:\n\tmysql: 1", "hub.yaml, line 2: is no YAML"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_setting_is_one_sentence(case: str, hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, text, sentence = WRONG[case]
    if file:
        (home / file).write_text(text + "\n")
    else:
        monkeypatch.setenv(*text.split("=", 1))
    run = hub("migrate")
    assert (run.code, run.out) == (2, "")
    assert sentence in run.err
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
