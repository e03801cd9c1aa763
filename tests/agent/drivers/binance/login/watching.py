"""Which processes a login has, as the system's process table tells it, and not as the login itself does."""

import asyncio
import os
from pathlib import Path
from typing import Any, Final

from agent.drivers.binance.login.client import Login, Outcome
from agent.drivers.binance.login.messages import Job, LoginEvent, QrShown, Started
from tests.agent.drivers.binance.login.pages import LoginPages
from tests.services.waiting import eventually


def command_line(pid: int) -> str:
    """The arguments, as anybody on this computer can read them; empty for a dead process."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def children() -> dict[int, str]:
    """Every living process that this one started, directly or not, and its command line."""
    parents = {pid: parent for pid in _pids() if (parent := _parent(pid)) is not None}
    found = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return {pid: command_line(pid) for pid in found - {os.getpid()}}


def using(folder: Path) -> dict[int, str]:
    """The living processes that name a folder on their command line."""
    lines = {pid: command_line(pid) for pid in _pids() if _parent(pid) is not None}
    return {pid: line for pid, line in lines.items() if str(folder) in line}


def is_alive(pid: int) -> bool:
    return _parent(pid) is not None


def browsers(profile: Path) -> list[int]:
    """The browser's first process: the one that others are not parts of."""
    return [pid for pid, line in using(profile).items() if "--type=" not in line and "crashpad" not in line]


OF_THE_SCREEN: Final = ("Xvfb", "xkbcomp")
"""The virtual screen, and what it runs when it begins anew: no browser's."""


class Watched:
    """A login that runs, with all that it told and all the processes that it ever had."""

    def __init__(self, pages: LoginPages, profile: Path, **job: Any) -> None:
        given = {"page": pages.page, "profile": str(profile), "timeout_s": 60.0, "patience_s": 1.0, **job}
        self.profile = profile
        self.events: list[LoginEvent] = []
        self.processes: dict[int, str] = {}
        self._before = set(children())
        """Servers that these tests share with others, and nothing of the login."""
        self.login = Login(Job(**given), self._on_event)
        self.task: asyncio.Task[Outcome] = asyncio.create_task(self.login.run())

    def _on_event(self, event: LoginEvent) -> None:
        self.events.append(event)
        self.look()

    def look(self) -> None:
        """Note the processes of this moment."""
        found = {
            pid: line
            for pid, line in children().items()
            if pid not in self._before and not any(name in line for name in OF_THE_SCREEN)
        }
        self.processes |= found

    def told(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    async def started(self, times: int = 1) -> None:
        await eventually(lambda: len(self.told(Started)) >= times or self.task.done(), "the browser runs")

    async def drawn(self) -> None:
        await eventually(lambda: self.told(QrShown) or self.task.done(), "a QR is drawn")

    async def outcome(self) -> Outcome:
        """How it ended. Raises AssertionError if any of its processes outlived it."""
        outcome = await asyncio.wait_for(self.task, 90)
        self.assert_nothing_left()
        return outcome

    def assert_nothing_left(self) -> None:
        left = {pid: line for pid, line in self.processes.items() if is_alive(pid)} | using(self.profile)
        assert left == {}, left


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]


def _parent(pid: int) -> int | None:
    """None for a process that is dead, reaped or not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    state, parent = stat[stat.rindex(b")") + 2 :].split()[:2]
    return None if state in (b"Z", b"X") else int(parent)
