"""A private child process, and a server among them: what MariaDB, Redis, the hub and the agent have in common.

Each runs in its own session, so that a signal to the tests does not reach it before its fixture does, and its
output goes to a file. Invariants: a process that was started can always be stopped, paused or not; a server keeps
its port for life once it has been ready on it.
"""

import os
import random
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from .waiting import WaitedTooLong, wait_until

ROOT: Final = Path(__file__).resolve().parents[2]

TAKEN: Final = ("in use", "is taken by another program")
"""What servers, the hub among them, say of a port that somebody else has."""
_SERVER_PORTS: Final = range(15_000, 32_000)
"""Below Linux's ephemeral range: a client that reconnects to a stopped server there could be given the server's
own port as its source, connect to itself, and keep the server from coming back."""

_PORT_TRIES: Final = 5


class ProcessDied(RuntimeError):
    """The process ended by itself; the text has the end of its log."""


class MissingProgram(RuntimeError):
    """A system program is not installed; the text says how to get it."""


def program(*names: str) -> str:
    """The path of the first of these programs that is installed. Raises MissingProgram."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])
    for name in names:
        if found := shutil.which(name, path=path):
            return found
    raise MissingProgram(f"{names[0]} is not installed: run `make system`")


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on at this moment."""
    for port in random.sample(_SERVER_PORTS, 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("a hundred ports tried, all taken")


@contextmanager
def heeding_ctrl_c() -> Iterator[None]:
    """What is started inside heeds SIGINT, as on a terminal, also where this run itself was started to ignore it
    (`nohup`, a script's background job): a handler does not outlive exec, an ignored signal does. Main thread only."""
    with _on_sigint(signal.default_int_handler):
        yield


@contextmanager
def ignoring_ctrl_c() -> Iterator[None]:
    """What is started inside is a script's background job: it begins with SIGINT ignored. Main thread only."""
    with _on_sigint(signal.SIG_IGN):
        yield


@contextmanager
def _on_sigint(handler: Any) -> Iterator[None]:
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class Process:
    """A child process with a directory of its own. Subclasses say `command` and, if need be, `environment`."""

    ready_within_s: float = 30
    stopped_within_s: float = 20

    def __init__(self, name: str, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.directory = directory
        self.log_file = directory / f"{name}.log"
        self._child: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return dict(os.environ)

    def is_ready(self) -> bool:
        """Whether it does its work now. Called while the process runs."""
        return True

    def typed(self) -> bytes:
        """What it finds on its standard input."""
        return b""

    def start(self) -> None:
        """Starts it and waits until it is ready. Raises ProcessDied or WaitedTooLong; then it does not run."""
        if self.is_running():
            raise RuntimeError(f"{self.name} runs already")
        with self.log_file.open("ab") as log:
            self._child = self._launch(log)
        try:
            wait_until(self._ready_or_dead, f"{self.name} is ready\n{self.log_end()}", self.ready_within_s)
        except BaseException:
            self.kill()
            raise

    def _launch(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        child = subprocess.Popen(
            self.command(),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=self.directory,
            env=self.environment(),
            start_new_session=True,
        )
        assert child.stdin is not None
        try:
            child.stdin.write(self.typed())
            child.stdin.close()
        except BrokenPipeError:
            child.wait()  # it died before it read: _ready_or_dead says so, with its log
        return child

    def _ready_or_dead(self) -> bool:
        if not self.is_running():
            raise ProcessDied(f"{self.name} ended with {self.exit_code}\n{self.log_end()}")
        return self.is_ready()

    def stop(self) -> int | None:
        """SIGTERM, and waits for the end. Raises WaitedTooLong after killing one that does not end."""
        return self._end_with(signal.SIGTERM)

    def kill(self) -> int | None:
        """SIGKILL, for it and its children, and waits for the end."""
        return self._end_with(signal.SIGKILL)

    def _end_with(self, number: signal.Signals) -> int | None:
        if self._child is None or not self.is_running():
            return self.exit_code
        try:
            if number is signal.SIGKILL:
                self._signal_all(signal.SIGKILL)
            else:
                self._child.send_signal(number)
                self.resume()
            self._child.wait(self.stopped_within_s)
        except subprocess.TimeoutExpired:
            raise WaitedTooLong(f"{self.name} did not end on {number.name}\n{self.log_end()}") from None
        finally:
            self._signal_all(signal.SIGKILL)
            self._child.wait()
        return self.exit_code

    def wait(self, timeout_s: float) -> int:
        """Its exit code, once it has ended by itself. Raises WaitedTooLong, with what it said last."""
        assert self._child is not None, f"{self.name} was never started"
        try:
            return self._child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise WaitedTooLong(f"{self.name} runs after {timeout_s:g} s\n{self.log_end()}") from None

    def interrupt(self) -> None:
        """SIGINT to it alone, as Ctrl-C at its terminal would send it. It may or may not end: see `wait`."""
        assert self._child is not None, f"{self.name} was never started"
        self._child.send_signal(signal.SIGINT)

    def restart(self) -> None:
        self.stop()
        self.start()

    def pause(self) -> None:
        """SIGSTOP: its connections stay open and nobody answers. Returns when the last of its threads has stopped."""
        self._signal_all(signal.SIGSTOP)
        wait_until(self._is_stopped, f"{self.name} is paused")

    def _is_stopped(self) -> bool:
        states = (
            task.read_text().rpartition(")")[2].split()[0] for task in Path("/proc").glob(f"{self.pid}/task/*/stat")
        )
        return all(state in "TZ" for state in states)

    def resume(self) -> None:
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        """To the process and its children, those that outlive it included."""
        assert self._child is not None, f"{self.name} was never started"
        try:
            os.killpg(self._child.pid, number)
        except ProcessLookupError:
            return  # all gone: what the signal was to reach needs it no more

    def is_running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def exit_code(self) -> int | None:
        """None while it runs and before it was started; negative: the signal that ended it."""
        return None if self._child is None else self._child.poll()

    @property
    def pid(self) -> int:
        assert self._child is not None, f"{self.name} was never started"
        return self._child.pid

    def log(self) -> str:
        """All that it has said, over all its starts."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def log_end(self, characters: int = 2_000) -> str:
        return self.log()[-characters:]


class Server(Process):
    """A process that listens on a port of 127.0.0.1."""

    def __init__(self, name: str, directory: Path) -> None:
        super().__init__(name, directory)
        self.port = free_port()
        self._port_is_ours = False

    def start(self) -> None:
        """As Process.start. Before its first success it moves to another port when somebody took this one."""
        for tries_left in reversed(range(_PORT_TRIES)):
            try:
                super().start()
            except ProcessDied as error:
                if self._port_is_ours or tries_left == 0 or not any(words in str(error).lower() for words in TAKEN):
                    raise
                self.port = free_port()
            else:
                self._port_is_ours = True
                return
