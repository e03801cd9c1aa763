"""A private MariaDB: its own data directory, durable as in production, small in memory.

The system tables are made once a test session and copied for each server, which takes a second off each start.
Invariant: data survives `stop`, `kill` and `restart`; the port stays the same.
"""

import os
import shutil
import subprocess
import uuid
from pathlib import Path

from .process import Server, program


def make_template(directory: Path) -> Path:
    """A data directory with system tables and a root user without password, for loopback only."""
    # A folder for temporary tables of its own: in the common one each server that starts removes the others'.
    temporary = directory.with_name(f"{directory.name}-tmp")
    temporary.mkdir()
    answer = subprocess.run(
        [
            program("mariadb-install-db", "mysql_install_db"),
            "--no-defaults",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--innodb-log-file-size=32M",
            f"--datadir={directory}",
            f"--tmpdir={temporary}",
            *_as_this_user(),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        raise RuntimeError(f"mariadb-install-db failed:\n{answer.stdout}\n{answer.stderr}")
    return directory


def _as_this_user() -> list[str]:
    return ["--user=root"] if os.geteuid() == 0 else []  # it refuses to run as root unless told so


class MariaDB(Server):
    """mariadbd on a free port. `url()` is for SQLAlchemy, `execute()` for a test that looks from outside."""

    def __init__(self, directory: Path, template: Path) -> None:
        super().__init__("mariadbd", directory)
        self._data = directory / "data"
        self._socket = directory / "sock"
        self._temporary = directory / "tmp"
        self._temporary.mkdir()
        shutil.copytree(template, self._data)

    def command(self) -> list[str]:
        return [
            program("mariadbd", "mysqld"),
            "--no-defaults",
            f"--datadir={self._data}",
            f"--tmpdir={self._temporary}",
            f"--socket={self._socket}",
            f"--pid-file={self.directory / 'pid'}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            "--max-connections=400",
            "--character-set-server=utf8mb4",
            "--innodb-buffer-pool-size=64M",
            "--innodb-log-file-size=32M",
            *_as_this_user(),
        ]

    def is_ready(self) -> bool:
        # The socket lies in our own directory, so who answers there is ours; the port is bound before it.
        return self._socket.exists() and self._client("SELECT 1").returncode == 0

    def execute(self, sql: str, database: str = "") -> str:
        """Runs SQL through the command-line client: tab-separated rows without a head. Raises RuntimeError."""
        answer = self._client(sql, database)
        if answer.returncode != 0:
            raise RuntimeError(f"{answer.stderr.strip()} in {sql!r}")
        return answer.stdout

    def _client(self, sql: str, database: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.client_command(), "--batch", "--skip-column-names", *([database] if database else [])],
            input=sql,
            capture_output=True,
            text=True,
            check=False,
        )

    def client_command(self) -> list[str]:
        """The `mariadb` client, on its way to this server: for piping a file into it."""
        client = program("mariadb", "mysql")
        return [
            client,
            "--no-defaults",
            f"--socket={self._socket}",
            "--user=root",
            "--default-character-set=utf8mb4",
        ]

    def client_settings(self) -> str:
        """For `.my.cnf` in a home: there `mariadb` alone reaches this server, as the system's root does its own."""
        return f"[client]\nsocket={self._socket}\nuser=root\n"

    def create_database(self) -> str:
        """Makes an empty database with a name of its own; returns the name."""
        name = f"t_{uuid.uuid4().hex[:12]}"
        self.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        return name

    def url(self, database: str) -> str:
        return f"mysql+asyncmy://root@127.0.0.1:{self.port}/{database}"
