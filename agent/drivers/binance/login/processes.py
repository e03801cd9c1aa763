"""The processes of one login, found by a mark in their environment, and ended.

A browser starts its parts in groups and sessions of their own, so a signal to one group misses some. The invariant:
`Family.end` returns when none is left, and touches no process that this login has not started.
"""

import os
import signal
import time
from pathlib import Path
from typing import Final, NamedTuple

MARK: Final = "BN_AUTO_LOGIN"
"""The environment variable by which every process of a login is known, however it was started."""

PROC: Final = Path("/proc")
END_TIMEOUT_S: Final = 5.0
POLL_S: Final = 0.02


class Process(NamedTuple):
    """One line of the process table."""

    pid: int
    parent: int
    session: int
    is_marked: bool


class Family:
    """What one login has started. It remembers the sessions it saw: parts of a dead browser show no mark."""

    def __init__(self, mark: str) -> None:
        self.mark = mark
        self._entry = f"{MARK}={mark}".encode()
        self._sessions: set[int] = set()

    def look(self, *, without: int | None = None) -> list[int]:
        """The marked processes, their descendants, and the sessions that they lead; empty without /proc."""
        table = [process for process in _table(self._entry) if process.pid != without]
        pids = {process.pid for process in table if process.is_marked}
        self._sessions |= {process.pid for process in table if process.is_marked and process.session == process.pid}
        found = -1
        while found < len(pids):
            found = len(pids)
            pids |= {process.pid for process in table if process.parent in pids or process.session in self._sessions}
        return sorted(pids)

    def end(self, *, without: int | None = None) -> bool:
        """Kill them until none is left; False if some are after END_TIMEOUT_S."""
        deadline = time.monotonic() + END_TIMEOUT_S
        while pids := self.look(without=without):
            for pid in pids:
                kill(pid)
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_S)
        return True


def kill(pid: int) -> None:
    """SIGKILL; nothing happens where it is gone already, or is a part of the sandbox that only root may end."""
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def kill_group(pid: int) -> None:
    """SIGKILL to the group that `pid` leads, if it has one."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _table(entry: bytes) -> list[Process]:
    if not PROC.is_dir():
        return []
    read = (_read(int(folder.name), entry) for folder in PROC.iterdir() if folder.name.isdecimal())
    return [process for process in read if process is not None]


def _read(pid: int, entry: bytes) -> Process | None:
    """None for a process that is gone or dead."""
    try:
        stat = (PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    state, parent, _group, session, *_rest = stat[stat.rindex(b")") + 2 :].split()
    if state in (b"Z", b"X"):
        return None
    return Process(pid, int(parent), int(session), _is_marked(pid, entry))


def _is_marked(pid: int, entry: bytes) -> bool:
    """False as well where it cannot be read: in a sandbox, or of a process that is about to end."""
    try:
        return entry in (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
