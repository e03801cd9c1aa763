"""The browser that is installed: where it is, and how it is started.

The invariant: it stays an ordinary browser. What is switched off is what would speak to others by itself.
"""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from agent.drivers.binance.login.messages import Job

NAMES: Final = ("google-chrome", "google-chrome-stable", "chromium", "chromium-browser", "chrome", "msedge")

PLACES: Final = (
    "/usr/bin/chromium",
    "/snap/bin/chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "~/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)

QUIET: Final = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--gaia-url=http://127.0.0.1:9",  # the browser asks for its own account otherwise; pages go there as ever
    f"--disk-cache-dir={os.devnull}",  # pages and answers of who is logged in stay off the disk
    "--disable-crash-reporter",  # a dump of its memory would hold the session
    "--hide-crash-restore-bubble",
    "--no-default-browser-check",
    "--no-first-run",
)


def find() -> Path | None:
    """Chrome or Chromium, in the path or where systems keep it."""
    for name in NAMES:
        if found := shutil.which(name):
            return Path(found)
    return next((path for path in map(_expanded, PLACES) if path.is_file()), None)


def has_display(environment: Mapping[str, str]) -> bool:
    """Whether a window can be shown. Only X11 and Wayland tell before one is tried."""
    if sys.platform in ("win32", "darwin"):
        return True
    return any(environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def launch_options(job: Job, program: Path, *, is_headed: bool) -> dict[str, Any]:
    """Arguments of Playwright's `launch_persistent_context`: nothing of the page is emulated."""
    options: dict[str, Any] = {
        "user_data_dir": job.profile,
        "executable_path": program,
        "headless": not is_headed,
        "chromium_sandbox": not _is_root(),  # as root it refuses to start in its sandbox
        "args": [*QUIET, *([] if job.proxy else ["--no-proxy-server"])],
        "accept_downloads": False,
        "no_viewport": True,
        "color_scheme": "null",
        "contrast": "null",
        "forced_colors": "null",
        "reduced_motion": "null",
        "handle_sigint": False,
        "handle_sigterm": False,
        "handle_sighup": False,
    }
    if job.proxy:
        given = {"username": job.proxy.username, "password": job.proxy.password}
        options["proxy"] = {"server": job.proxy.url, **{name: value for name, value in given.items() if value}}
    return options


class ExitNote:
    """The browser's own note in its profile of how it ended: only one that was closed says `Normal`."""

    def __init__(self, profile: Path) -> None:
        self._file = profile / "Default" / "Preferences"
        self._before = self._stamp()

    def is_orderly(self) -> bool:
        """Whether the note was written since this object was made, and says so."""
        try:
            noted = _noted.decode(self._file.read_bytes()).profile.exit_type
        except (OSError, msgspec.MsgspecError):
            return False
        return noted == "Normal" and self._stamp() != self._before

    def _stamp(self) -> int | None:
        try:
            return self._file.stat().st_mtime_ns
        except OSError:
            return None


class _ProfileNote(msgspec.Struct):
    exit_type: str = ""


class _Note(msgspec.Struct):
    profile: _ProfileNote


_noted: Final = msgspec.json.Decoder(_Note)


def _expanded(place: str) -> Path:
    return Path(place).expanduser()


def _is_root() -> bool:
    return sys.platform != "win32" and os.geteuid() == 0
