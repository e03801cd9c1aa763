"""Programs of the bench: each pinned to a core, looked at through /proc, and ended by its own id.

Used by everything in the bench that starts a program. The invariant: whatever was started is gone when the
`Programs` context ends, also after an error or Ctrl-C.
"""

import contextlib
import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .cpu import cpu_ns

_PAGE: Final = resource.getpagesize()
_GRACE_S: Final = 15.0


class ProgramFailed(RuntimeError):
    """A program of the bench ended or did not become ready; the text ends with what it wrote."""


@dataclass(frozen=True)
class Cores:
    """Where the measured server runs, and where everything else does."""

    server: int
    load: int

    @classmethod
    def of_this_machine(cls) -> "Cores":
        """The first two cores that we may use; with one core both are it, and the figures show it."""
        allowed = sorted(os.sched_getaffinity(0))
        return cls(allowed[0], allowed[min(1, len(allowed) - 1)])


@dataclass
class Program:
    """One running program and its log."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def pids(self) -> list[int]:
        """The process and all that descend from it."""
        return _family(self.process.pid)

    def cpu_ns(self) -> int:
        """CPU time so far, with all threads and children, in ns."""
        return cpu_ns(self.pids)

    def rss(self) -> int:
        """Resident memory in bytes, with all children."""
        return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE for pid in self.pids)

    def wait_until(self, is_ready: Callable[[], bool], timeout: float = 30.0) -> None:
        """Poll until ready. Raises ProgramFailed when it ends before or takes too long."""
        until = time.monotonic() + timeout
        while not is_ready():
            if self.process.poll() is not None or time.monotonic() > until:
                raise ProgramFailed(f"{self.name} is not ready:\n{self.tail()}")
            time.sleep(0.02)

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-2000:]

    def pause(self) -> None:
        """Stop it where it stands (SIGSTOP), with all children."""
        for pid in self.pids:
            os.kill(pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        for pid in self.pids:
            os.kill(pid, signal.SIGCONT)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end, insist after the grace time, and wait. Its group is its own (a session leader)."""
        if self.process.poll() is None:
            self.process.send_signal(how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(_GRACE_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@dataclass
class Programs:
    """Starts programs; a context that ends them all, the last one first."""

    folder: Path
    cores: Cores
    running: list[Program] = field(default_factory=list)

    def __enter__(self) -> "Programs":
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        return self

    def __exit__(self, *error: object) -> None:
        self.stop_from(0)

    def start(
        self, name: str, command: list[str], core: int, env: Mapping[str, str] | None = None, *, talks: bool = False
    ) -> Program:
        """Start a program on one core. `talks`: stdin and stdout are pipes, else stdout goes to its log.

        It dies with us (setpriv --pdeathsig), in case we are killed and can't end it.
        """
        log = self.folder / f"{name}.log"
        pinned = ["setpriv", "--pdeathsig", "KILL", "taskset", "-c", str(core), *command]
        with log.open("ab") as out:
            process = subprocess.Popen(
                pinned,
                stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
                stdout=subprocess.PIPE if talks else out,
                stderr=out,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )
        program = Program(name, process, log)
        self.running.append(program)
        return program

    def stop(self, program: Program) -> None:
        """End one."""
        program.stop()
        self.running.remove(program)

    def stop_from(self, mark: int) -> None:
        """End all that were started after there were `mark` running."""
        while len(self.running) > mark:
            self.running.pop().stop()

    @contextlib.contextmanager
    def block(self) -> Iterator[None]:
        """What is started inside is ended with the block."""
        mark = len(self.running)
        try:
            yield
        finally:
            self.stop_from(mark)


def is_listening(port: int) -> bool:
    """Whether somebody accepts on this port of loopback."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _family(pid: int) -> list[int]:
    family = [pid]
    for member in family:
        for task in Path(f"/proc/{member}/task").glob("*/children"):
            family.extend(int(child) for child in task.read_text().split())
    return family
