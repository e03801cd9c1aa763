"""The commands of both READMEs are the same ones, and they work: on a real MariaDB, Redis, hub and agent.

A bash block is marked in an HTML comment right above it: `run`, `run, stays up` (its last command is left running),
or `not run: why`. No block is unmarked.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.services.hub_process import clean_environment
from tests.services.mariadb import MariaDB
from tests.services.process import ROOT, Process, free_port
from tests.services.redis_server import RedisServer

READMES = ("README.md", "README.zh-CN.md")
BLOCK = re.compile(r"(?:<!-- (?P<mark>[^>]*?) -->\n)?```bash\n(?P<commands>.*?)\n```", re.DOTALL)
HOMES = {".local", ".config", ".cache"}
"""What a home has, which is the same directory here."""
RUN, STAYS_UP, NOT_RUN = "run", "run, stays up", "not run"


@dataclass(frozen=True)
class Block:
    """Commands of a README. `mark` is one of the three words, `why` what follows it."""

    mark: str
    why: str
    commands: str


def blocks(readme: str) -> Iterator[Block]:
    for match in BLOCK.finditer((ROOT / readme).read_text()):
        mark, _, why = (match["mark"] or "").partition(": ")
        yield Block(mark, why, match["commands"])


def script(commands: list[Block], ports: dict[str, int]) -> str:
    """All blocks as one script, with the private servers' ports for the well-known ones."""
    lines = ["set -euo pipefail", "trap 'kill $(jobs -p) || true; wait' EXIT"]
    for block in commands:
        lines.append(block.commands + (" &" if block.mark == STAYS_UP else ""))
        if block.commands.endswith("hub serve"):
            lines.append("until hub orders list >/dev/null 2>&1; do kill -0 $! && sleep 0.1; done")
    text = "\n".join(lines)
    for known, private in ports.items():
        text = re.sub(rf"\b{known}\b", str(private), text)
    return text


@pytest.mark.parametrize("readme", READMES)
def test_each_block_is_run_or_says_why_not(readme: str) -> None:
    found = list(blocks(readme))
    assert found
    assert [b.commands for b in found if b.mark not in (RUN, STAYS_UP, NOT_RUN)] == []
    assert [b.commands for b in found if b.mark == NOT_RUN and len(b.why) < 5] == []


def test_both_languages_hold_the_same_commands() -> None:
    english, chinese = ([(b.mark, b.commands) for b in blocks(readme)] for readme in READMES)
    assert english == chinese


@pytest.mark.parametrize("readme", READMES)
def test_every_link_into_the_project_leads_somewhere(readme: str) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", (ROOT / readme).read_text())
    assert [link for link in links if not (ROOT / link).exists()] == []


class Shell(Process):
    """bash, running a script in its directory with the environment's `hub` and `agent`."""

    def __init__(self, directory: Path, text: str, hub_port: int) -> None:
        super().__init__("readme", directory)
        self._text = text
        self._hub_port = hub_port

    def command(self) -> list[str]:
        return ["bash", "-c", self._text]

    def environment(self) -> dict[str, str]:
        return clean_environment(self.directory) | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HUB_PORT": str(self._hub_port),
            "HUB_URL": f"http://127.0.0.1:{self._hub_port}",
        }


def test_the_commands_work_from_the_first_to_the_last(
    running: Callable[..., Shell], own_mariadb: Callable[[], MariaDB], own_redis: Callable[[], RedisServer]
) -> None:
    hub_port = free_port()
    ports = {"3306": own_mariadb().port, "6379": own_redis().port, "8000": hub_port}
    text = script([block for block in blocks("README.md") if block.mark != NOT_RUN], ports)
    shell = running(lambda directory: Shell(directory, text, hub_port))
    assert shell.wait(100) == 0, shell.log()
    assert re.search(r"success\D+1\b", shell.log()), "the trader's order of the README was taken"
    made = {path.name for path in shell.directory.iterdir()} - HOMES - {shell.log_file.name}
    assert offered_to_git({*made, "venv/"}) == set()


def offered_to_git(names: set[str]) -> set[str]:
    """Those that a checkout's `git add` would take."""
    asked = ["git", "check-ignore", "--no-index", *sorted(names)]
    ignored = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    return names - set(ignored.stdout.splitlines())
