"""The command line run as a person runs it, but in this process, in a home of its own."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hub.__main__ import main

from .stand_in import StandIn

TOKEN = "t" * 40


@dataclass(frozen=True)
class Run:
    """What a command left behind."""

    code: int
    out: str
    err: str


Hub = Callable[..., Run]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No settings but the test's own, and nowhere to keep things but here."""
    for name in list(os.environ):
        if name.startswith(("HUB_", "XDG_")) or name in ("FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE"):
            monkeypatch.delenv(name)
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("HUB_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def stand_in(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A scripted hub that the commands find under HUB_URL."""
    with StandIn() as server:
        monkeypatch.setenv("HUB_URL", server.url)
        monkeypatch.setenv("HUB_ADMIN_TOKEN", TOKEN)
        yield server


@pytest.fixture
def hub(home: Path, capfd: pytest.CaptureFixture[str]) -> Hub:
    """`hub("orders", "list")`: runs the command line."""

    def run(*arguments: str) -> Run:
        code = main(list(arguments))
        out, err = capfd.readouterr()
        return Run(code, out, err)

    return run
