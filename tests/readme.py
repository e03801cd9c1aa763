"""The commands of a README, typed at terminals from the first to the last: `python -m tests.readme README.md`.

A bash block is marked in an HTML comment right above it: `run`; `install`, which asks a package index; `run, stays
up: …` (its last command says … and is left running; what follows is typed at a new terminal); or `not run: why`. No
block is unmarked. Of this machine's settings nothing reaches a terminal but what pip needs; the checkout is a copy.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.kit.terminal import Terminal
from tests.services.mariadb import MariaDB, make_template
from tests.services.process import ROOT, free_port
from tests.services.redis_server import RedisServer

LANGUAGES = {"README.md": "en_US.UTF-8", "README.zh-CN.md": "zh_CN.UTF-8"}
BLOCK = re.compile(r"(?:<!-- (?P<mark>[^>]*?) -->\n)?```bash\n(?P<commands>.*?)\n```", re.DOTALL)
RUN, INSTALL, STAYS_UP, NOT_RUN = MARKS = ("run", "install", "run, stays up", "not run")
INSTALLING_S = 600
MARIADB_PORT, REDIS_PORT, HUB_PORT = 3306, 6379, 8000


@dataclass(frozen=True)
class Block:
    """Commands of a README. `mark` is one of the four, `more` what follows it."""

    mark: str
    more: str
    commands: str


def blocks(readme: str) -> Iterator[Block]:
    for match in BLOCK.finditer((ROOT / readme).read_text()):
        mark, _, more = (match["mark"] or "").partition(": ")
        yield Block(mark, more, match["commands"])


class Reader:
    """Somebody who types what a README says, in one directory. `ports` are the private servers' for the well-known."""

    def __init__(self, directory: Path, environment: dict[str, str], ports: dict[int, int]) -> None:
        self._directory = directory
        self._environment = environment
        self._ports = ports
        self._terminals: list[Terminal] = []
        self._is_taken = True

    def type(self, block: Block) -> None:
        if self._is_taken:
            self._terminals.append(Terminal(self._directory, self._environment))
        self._is_taken = block.mark == STAYS_UP
        if self._is_taken:
            self._terminals[-1].type_and_leave(self._with_ports(block.commands), block.more)
        else:
            self._terminals[-1].type(self._with_ports(block.commands), INSTALLING_S)

    def _with_ports(self, text: str) -> str:
        for known, private in self._ports.items():
            text = re.sub(rf"\b{known}\b", str(private), text)
        return text

    def leave(self) -> None:
        """Ctrl-C at what is still up, the newest first."""
        for terminal in reversed(self._terminals):
            terminal.interrupt()

    def hang_up(self) -> None:
        for terminal in self._terminals:
            terminal.close()

    def transcript(self) -> str:
        shown = (f"—— terminal {number} ——\n{one.shown}" for number, one in enumerate(self._terminals, 1))
        return "\n".join(shown)

    def codes(self) -> list[int]:
        """Of all commands that have ended."""
        return [code for terminal in self._terminals for code in terminal.codes]


def copy_checkout(target: Path) -> Path:
    """What git has of this checkout, as it is now, with a git of its own that says later what else came to be."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target / name)
    for command in (["init", "--quiet"], ["add", "--all", "--force"]):
        subprocess.run(["git", *command], cwd=target, check=True)
    return target


def offered_to_git(checkout: Path) -> list[str]:
    """What `git add` would take, and what differs from what was copied."""
    status = ["git", "status", "--porcelain", "--untracked-files=all"]
    lines = subprocess.run(status, cwd=checkout, capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in lines if not line.startswith("A  ")]


def make_home(home: Path, mariadb: MariaDB) -> Path:
    """An empty home but for where the database is, which elsewhere is where `mariadb` looks by itself."""
    home.mkdir()
    (home / ".my.cnf").write_text(mariadb.client_settings())
    return home


def bare_environment(home: Path, language: str) -> dict[str, str]:
    """A new machine's: no checkout on its path, no settings of ours; and what pip needs here to reach its index."""
    named = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name.endswith("_proxy")}
    if (own := Path.home() / ".config/pip/pip.conf").exists():
        named.setdefault("PIP_CONFIG_FILE", str(own))
    path = os.pathsep.join([f"{sys.base_prefix}/bin", os.defpath, "/usr/sbin", "/sbin"])
    return named | {"PIP_QUIET": "1", "HOME": str(home), "PATH": path, "LANG": language}


def usual_or_free(port: int) -> int:
    """The port itself if nobody has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return free_port()
    return port


@dataclass(frozen=True)
class Reading:
    """What came of a README: the transcript, the commands' exit codes, and what git was offered by them."""

    transcript: str
    codes: list[int]
    offered: list[str]


@contextmanager
def stores(directory: Path, port_for: Callable[[int], int]) -> Iterator[tuple[MariaDB, RedisServer]]:
    """Private ones, on the ports that `port_for` gives for the well-known ones."""
    with ExitStack() as stack:
        mariadb = MariaDB(directory / "mariadb", make_template(directory / "template"))
        redis = RedisServer(directory / "redis")
        for server, usual in ((mariadb, MARIADB_PORT), (redis, REDIS_PORT)):
            server.port = port_for(usual)
            stack.callback(server.kill)
            server.start()
        yield mariadb, redis


def read(readme: str, directory: Path, port_for: Callable[[int], int]) -> Reading:
    """On a bare machine: all that can be typed, installing too, in a copy of this checkout. `port_for` gives the port
    for a well-known one; others may be at work here and take those between the look and the use."""
    with stores(directory, port_for) as (mariadb, redis):
        environment = bare_environment(make_home(directory / "home", mariadb), LANGUAGES[readme])
        ports = {MARIADB_PORT: mariadb.port, REDIS_PORT: redis.port, HUB_PORT: port_for(HUB_PORT)}
        typed = [block for block in blocks(readme) if block.mark != NOT_RUN]
        return type_all(typed, copy_checkout(directory / "bn-auto"), environment, ports)


def type_all(typed: list[Block], checkout: Path, environment: dict[str, str], ports: dict[int, int]) -> Reading:
    hub_port = ports[HUB_PORT]
    if hub_port != HUB_PORT:
        environment = environment | {"HUB_PORT": str(hub_port), "HUB_URL": f"http://127.0.0.1:{hub_port}"}
    reader = Reader(checkout, environment, ports)
    try:
        for block in typed:
            reader.type(block)
        codes = reader.codes()
        reader.leave()
        return Reading(reader.transcript(), codes, offered_to_git(checkout))
    finally:
        reader.hang_up()


def main() -> int:
    readme = sys.argv[1] if sys.argv[1:] else "README.md"
    if readme not in LANGUAGES:
        print(f"usage: python -m tests.readme [{'|'.join(LANGUAGES)}]", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="bn-auto-") as directory:
        reading = read(readme, Path(directory), usual_or_free)
    print(reading.transcript)
    for line in reading.offered:
        print(f"offered to git: {line}")
    return 1 if any(reading.codes) or reading.offered else 0


if __name__ == "__main__":
    sys.exit(main())
