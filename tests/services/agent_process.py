"""A real agent: `python -m agent --headless` in a process of its own, on paper, with its own journal."""

import subprocess
import sys
from pathlib import Path

from .hub_process import clean_environment
from .process import Process


class AgentProcess(Process):
    """One trader's device. Its data directory survives `kill` and `start`, as a computer's would."""

    def __init__(self, directory: Path, server: str, user: str, password: str, *options: str) -> None:
        super().__init__("agent", directory)
        self.server = server
        self.user = user
        self.data_dir = directory / "data"
        self._password = password
        self._options = options

    def command(self) -> list[str]:
        return [
            *(sys.executable, "-m", "agent", "--headless"),
            *("--server", self.server),
            *("--user", self.user),
            "--password-stdin",
            *("--data-dir", str(self.data_dir)),
            *self._options,
        ]

    def environment(self) -> dict[str, str]:
        return clean_environment(self.directory)

    def typed(self) -> bytes:
        return f"{self._password}\n".encode()

    def cli(self, *arguments: str) -> str:
        """What `agent history` or `agent doctor` print. Raises subprocess.CalledProcessError."""
        return subprocess.run(
            [sys.executable, "-m", "agent", *arguments],
            capture_output=True,
            text=True,
            check=True,
            cwd=self.directory,
            env=self.environment(),
            timeout=60,
        ).stdout
