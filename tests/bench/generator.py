"""The bench's hand on one load generator: commands out, answers in, with a time limit on each.

Used by the measurements. One generator holds all connections to one server.
"""

import json
import select
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .processes import Program, ProgramFailed, Programs

_WINDOW: Final = 256
"""Half-open connections at a time: well below every server's backlog."""


@dataclass(frozen=True)
class Target:
    """What a generator connects to."""

    dialect: str
    port: int
    path: str = "/"
    tokens: Path | None = None
    narrow: int = 0


class Generator:
    """One generator process."""

    def __init__(self, programs: Programs, name: str, target: Target) -> None:
        command = [sys.executable, "-m", "tests.bench.load", "--dialect", target.dialect, "--port", str(target.port)]
        command += ["--path", target.path, "--narrow", str(target.narrow)]
        command += ["--server-core", str(programs.cores.server)]
        if target.tokens:
            command += ["--tokens", str(target.tokens)]
        self.program: Program = programs.start(f"load-{name}", command, programs.cores.load, talks=True)
        self._lines = b""

    def ask(self, do: str, wait_s: float = 10.0, **arguments: Any) -> dict[str, Any]:
        """One command, its answer. Raises ProgramFailed after `wait_s` without one."""
        pipe = self.program.process.stdin
        assert pipe is not None
        pipe.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        pipe.flush()
        answer: dict[str, Any] = json.loads(self._line(time.monotonic() + wait_s))
        return answer

    def _line(self, until: float) -> bytes:
        pipe = self.program.process.stdout
        assert pipe is not None
        while b"\n" not in self._lines:
            ready, _, _ = select.select([pipe], [], [], max(0.0, until - time.monotonic()))
            data = pipe.read1() if ready else b""
            if not data:
                raise ProgramFailed(f"{self.program.name} gives no answer:\n{self.program.tail()}")
            self._lines += data
        line, _, self._lines = self._lines.partition(b"\n")
        return line

    def connect(self, count: int, timeout: float = 120.0) -> float:
        """Open up to `count`; the seconds that it took. Raises ProgramFailed where not all open."""
        answer = self.ask("connect", timeout + 10, count=count, window=_WINDOW, timeout=timeout)
        if not answer["done"]:
            raise ProgramFailed(f"{self.program.name}: {answer['open']} of {count} are open: {answer['seen']}")
        return float(answer["seconds"])

    def wait_open(self, count: int, timeout: float) -> bool:
        """Whether `count` are open within `timeout` seconds."""
        return bool(self.ask("await_open", timeout + 10, count=count, timeout=timeout)["done"])
