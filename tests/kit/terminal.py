"""A shell at a terminal of its own, typed into line by line as a person would, each after the last one's prompt.

The prompt says the exit code of the command before it, so that a transcript tells by itself what failed.
"""

import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from fcntl import ioctl
from pathlib import Path

from tests.services.waiting import WaitedTooLong

COLUMNS, ROWS = 80, 50
# The terminal itself shows ^C, and no new line after it.
PROMPT = re.compile(r"(?:^|\n|\^C)\[(\d+)\] \$ $")
MORE = re.compile(r"(?:^|\n)> $")
SHELL = ["bash", "--noprofile", "--norc", "--noediting", "-i"]


class Terminal:
    """`shown` is all that was typed and said. `close` ends what still runs in it."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self._descriptor, child_side = pty.openpty()
        ioctl(child_side, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self._bytes = b""
        self._shell = subprocess.Popen(
            SHELL,
            cwd=directory,
            env=environment | {"PS1": "[$?] $ ", "PS2": "> ", "TERM": "dumb", "NO_COLOR": "1"},
            stdin=child_side,
            stdout=child_side,
            stderr=child_side,
            start_new_session=True,
            preexec_fn=lambda: ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(child_side)
        self._wait(lambda shown: bool(PROMPT.search(shown)), 60)

    @property
    def shown(self) -> str:
        return self._bytes.decode(errors="replace").replace("\r", "")

    @property
    def codes(self) -> list[int]:
        """Of the commands so far, as the prompts say them."""
        return [int(code) for code in re.findall(r"^(?:\^C)?\[(\d+)\] \$ ", self.shown, re.MULTILINE)]

    def type(self, commands: str, timeout_s: float = 60) -> None:
        """Each line, and its prompt waited for. Raises WaitedTooLong with what was shown."""
        for line in commands.splitlines():
            self._type_line(line)
            self._wait(lambda shown: bool(PROMPT.search(shown) or MORE.search(shown)), timeout_s)

    def type_and_leave(self, commands: str, until: str, timeout_s: float = 60) -> None:
        """The last line's command stays up; returns once it has said `until`."""
        *first, last = commands.splitlines()
        self.type("\n".join(first), timeout_s)
        before = len(self.shown)
        self._type_line(last)
        self._wait(lambda shown: until in shown[before + len(last) :], timeout_s)

    def interrupt(self) -> None:
        """Ctrl-C, and the prompt that comes back."""
        if not PROMPT.search(self.shown):
            os.write(self._descriptor, b"\x03")
            self._wait(lambda shown: bool(PROMPT.search(shown)), 60)

    def close(self) -> None:
        """Hangs up, which ends what runs in the foreground too."""
        os.close(self._descriptor)
        self._shell.kill()
        self._shell.wait()

    def _type_line(self, line: str) -> None:
        echoed = len(self.shown) + len(line) + 1
        os.write(self._descriptor, line.encode() + b"\n")
        self._wait(lambda shown: len(shown) >= echoed, 60)

    def _wait(self, condition: Callable[[str], bool], timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition(self.shown):
            if time.monotonic() > deadline:
                raise WaitedTooLong(f"not in {timeout_s:g} s:\n{self.shown}")
            if select.select([self._descriptor], [], [], 0.2)[0]:
                self._bytes += os.read(self._descriptor, 65_536)
