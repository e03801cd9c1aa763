"""Sleep: the computer kept awake while money is at stake, and how long it slept all the same.

The invariant: what cannot be had (no such service, no such system) is told by False and stops nothing.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, Final

from PyQt6.QtCore import QObject, QTimer

LOOK_S: Final = 2.0
ASLEEP_S: Final = 15.0
"""A gap longer than this is no busy computer."""

_CONTINUOUS, _SYSTEM_REQUIRED = 0x80000000, 0x00000001


class Awake:
    """Holds the system's own inhibitor; its end is the end of this process at the latest."""

    def __init__(self) -> None:
        self._held: Any = None

    def hold(self, why: str) -> bool:
        """Keep the computer awake from now on; False where this system cannot be asked."""
        if self._held is None:
            self._held = _inhibit(why)
        return self._held is not None

    def release(self) -> None:
        """It may sleep again."""
        held, self._held = self._held, None
        if isinstance(held, subprocess.Popen):
            held.terminate()
        elif isinstance(held, int):
            os.close(held)
        elif held == "windows":
            _windows(_CONTINUOUS)


class SleepWatch(QObject):
    """Tells how many seconds the computer, or this program, stood still."""

    def __init__(self, tell: Callable[[float], None], now: Callable[[], float] | None = None) -> None:
        super().__init__()
        self._tell, self._now = tell, now or _since_boot
        self._last = self._now()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.look)
        self._timer.start(round(LOOK_S * 1000))

    def look(self) -> None:
        """Compare the clock with when it was last looked at."""
        now = self._now()
        gone, self._last = now - self._last, now
        if gone > ASLEEP_S:
            self._tell(gone - LOOK_S)


def _since_boot() -> float:
    """Seconds by a clock that goes on in sleep and that nobody can set."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.clock_gettime(time.CLOCK_MONOTONIC) if sys.platform == "darwin" else time.monotonic()


def _inhibit(why: str) -> Any:
    if sys.platform == "darwin":
        return subprocess.Popen(["/usr/bin/caffeinate", "-i", "-w", str(os.getpid())])  # noqa: S603 our own words
    if sys.platform == "win32":
        return "windows" if _windows(_CONTINUOUS | _SYSTEM_REQUIRED) else None
    return _logind(why)


def _logind(why: str) -> int | None:
    """The file descriptor that holds the lock, from systemd-logind."""
    from PyQt6.QtDBus import QDBusConnection, QDBusInterface, QDBusMessage, QDBusUnixFileDescriptor

    place = ("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager")
    bus = QDBusConnection.systemBus()
    if not bus.isConnected():
        return None
    answer = QDBusInterface(*place, bus).call("Inhibit", "sleep:idle", "bn-auto", why, "block")
    if answer.type() != QDBusMessage.MessageType.ReplyMessage or not answer.arguments():
        return None
    held = answer.arguments()[0]
    return os.dup(held.fileDescriptor()) if isinstance(held, QDBusUnixFileDescriptor) and held.isValid() else None


def _windows(flags: int) -> bool:
    import ctypes

    kernel = getattr(ctypes, "windll", None)
    return kernel is not None and bool(kernel.kernel32.SetThreadExecutionState(flags))
