"""No display of the person who runs the tests, and a screen for those that show a window."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.drivers.binance.login.screen import screen


@pytest.fixture(autouse=True)
def _no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def display(_no_display: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An X server that nobody looks at."""
    with screen() as name:
        monkeypatch.setenv("DISPLAY", name)
        yield name


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    return tmp_path / "browser"
