"""Settings: environment before `.env` before `hub.yaml`; secrets are strong or absent, made once, and never shown."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from hub.config import Settings
from tests.services.process import ROOT

GOOD = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No settings but the test's own."""
    for name in list(os.environ):
        if name.startswith("HUB_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HUB_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_laptop_needs_none(home: Path) -> None:
    settings = Settings()
    assert settings.database_url == f"sqlite+aiosqlite:///{home}/data/hub.db"
    assert settings.is_redis_embedded
    assert (settings.host, settings.port, settings.timezone, settings.claims) == ("127.0.0.1", 8000, "UTC", "fast")


def test_the_environment_goes_before_the_file_env_and_that_before_the_yaml(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "hub.yaml").write_text("port: 1111\nhost: 1.1.1.1\ntimezone: Asia/Shanghai\n")
    (home / ".env").write_text("HUB_PORT=2222\nHUB_HOST=2.2.2.2\n")
    monkeypatch.setenv("HUB_PORT", "3333")
    settings = Settings()
    assert (settings.port, settings.host, settings.timezone) == (3333, "2.2.2.2", "Asia/Shanghai")


YAML = """
database:
  mysql: {host: db.internal, port: 3307, user: hub, password: "p@ss:/wörd#1", database: orders}
  redis: {host: cache.internal, port: 6380, password: "r@:/", db: 4}
"""


def test_the_database_section_becomes_urls(home: Path) -> None:
    (home / "hub.yaml").write_text(YAML)
    settings = Settings()
    assert settings.database_url == "mysql+asyncmy://hub:p%40ss%3A%2Fw%C3%B6rd%231@db.internal:3307/orders"
    assert settings.redis_url == "redis://:r%40%3A%2F@cache.internal:6380/4"


def test_an_url_in_the_environment_goes_before_the_section(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "hub.yaml").write_text(YAML)
    monkeypatch.setenv("HUB_DATABASE_URL", "sqlite+aiosqlite:///other.db")
    assert Settings().database_url == "sqlite+aiosqlite:///other.db"
    assert Settings().redis_url.startswith("redis://:")


@pytest.mark.parametrize("part", ["mysql", "redis"])
def test_half_a_section_leaves_the_other_default(home: Path, part: str) -> None:
    (home / "hub.yaml").write_text(f"database:\n  {part}: {{host: somewhere}}\n")
    settings = Settings()
    assert settings.database_url.startswith("mysql+asyncmy://" if part == "mysql" else "sqlite+aiosqlite://")
    assert settings.is_redis_embedded == (part == "mysql")


WRONG: dict[str, tuple[str, str]] = {
    "a port over 65535": ("HUB_PORT", "65536"),
    "a port of letters": ("HUB_PORT", "http"),
    "a zone that is none": ("HUB_TIMEZONE", "Mars/Olympus"),
    "a zone that is a path": ("HUB_TIMEZONE", "../../etc/passwd"),
    "a way of claiming that is none": ("HUB_CLAIMS", "slow"),
    "no heartbeat": ("HUB_HEARTBEAT_S", "0"),
    "a hello at once": ("HUB_HELLO_TIMEOUT_S", "0"),
    "a session of no length": ("HUB_SESSION_HOURS", "0"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_setting_is_named(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, value = WRONG[case]
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as wrong:
        Settings()
    assert name.removeprefix("HUB_").lower() in str(wrong.value)


REFUSED = ["your-secret-key", "admin-secret-token", "", "short", "x" * 31, "é" * 15]


@pytest.mark.parametrize("name", ["HUB_JWT_SECRET", "HUB_ADMIN_TOKEN"])
@pytest.mark.parametrize("secret", REFUSED)
def test_a_weak_secret_is_refused_with_the_reason_and_not_shown(
    name: str, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, secret)
    with pytest.raises(ValidationError) as weak:
        Settings()
    assert "32" in str(weak.value)
    assert not secret or secret not in str(weak.value)


def test_a_strong_secret_is_taken_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_JWT_SECRET", GOOD)
    settings = Settings()
    assert settings.signing_secret() == GOOD
    assert GOOD not in repr(settings)
    assert GOOD not in settings.model_dump_json()


def test_a_weak_secret_in_the_yaml_is_refused_as_well(home: Path) -> None:
    (home / "hub.yaml").write_text("jwt_secret: your-secret-key\n")
    with pytest.raises(ValidationError):
        Settings()


def test_secrets_left_out_are_made_once_and_kept(home: Path) -> None:
    made = Settings().signing_secret(), Settings().bootstrap_token()
    assert made == (Settings().signing_secret(), Settings().bootstrap_token())
    assert made[0] != made[1]
    assert all(len(secret) >= 32 for secret in made)
    for file in ("jwt_secret", "admin_token"):
        assert stat.S_IMODE((home / "data" / file).stat().st_mode) == 0o600
    assert stat.S_IMODE((home / "data").stat().st_mode) == 0o700
    assert sorted(path.name for path in (home / "data").iterdir()) == ["admin_token", "jwt_secret"]


@pytest.mark.parametrize("left", ["", "short", "\n"])
def test_what_a_crash_left_of_a_secret_is_never_a_key(home: Path, left: str) -> None:
    (home / "data").mkdir()
    (home / "data" / "jwt_secret").write_text(left)
    with pytest.raises(ValueError, match="holds no secret"):
        Settings().signing_secret()


def test_processes_that_start_together_agree(home: Path) -> None:
    """As the workers of one `hub serve` do."""
    program = "from hub.config import Settings; print(Settings().signing_secret())"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    started = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=environment, cwd=home)
        for _ in range(4)
    ]
    secrets = {process.communicate(timeout=60)[0].strip() for process in started}
    assert len(secrets) == 1
    assert len(secrets.pop()) >= 32
