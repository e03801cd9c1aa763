"""The workshop keeps its word: what `make` offers, what it says when something is missing, what the lock holds."""

import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.services.process import ROOT

GOALS = {
    "help",
    "setup",
    "system",
    "test",
    "faults",
    "storm",
    "transcript",
    "exchange",
    "desk",
    "screenshots",
    "lint",
    "types",
    "format",
    "run",
    "agent",
    "bench",
    "demo",
    "lock",
    "clean",
}
LOCK_LINE = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>[0-9][^ ;]*)")


def make(*arguments: str, cwd: Path = ROOT, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    if path:
        environment["PATH"] = f"{path}:{environment['PATH']}"
    return subprocess.run(["make", *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The workshop's own files in a directory where nothing was installed yet."""
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A directory for programs that stand in for the system's."""
    directory = tmp_path / "programs"
    directory.mkdir()
    return directory


def write_program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)


def test_make_alone_lists_every_goal_with_a_line() -> None:
    answer = make()
    assert answer.returncode == 0
    assert answer.stdout == make("help").stdout
    described = dict(re.findall(r"^make (\w+) +(.{10,})$", answer.stdout, re.MULTILINE))
    assert set(described) == GOALS


def test_setup_without_a_python_says_what_to_do(checkout: Path) -> None:
    answer = make("setup", "PYTHON=no-such-python", cwd=checkout)
    assert answer.returncode != 0
    assert "No Python 3.11, 3.12 or 3.13 was found" in answer.stderr
    assert "make setup PYTHON=" in answer.stderr


def test_setup_passes_over_a_python_that_is_too_old(checkout: Path, programs: Path) -> None:
    write_program(programs / "old-python", "exit 1  # what it says to: is your version at least 3.11?")
    answer = make("setup", "PYTHON=old-python", cwd=checkout, path=programs)
    assert "No Python 3.11, 3.12 or 3.13 was found (old-python)" in answer.stderr


def test_setup_with_a_python_that_has_no_venv_names_the_package(checkout: Path, programs: Path) -> None:
    write_program(programs / "bare-python", '[[ "$2" != *ensurepip* ]]')
    answer = make("setup", "PYTHON=bare-python", cwd=checkout, path=programs)
    assert answer.returncode != 0
    assert "sudo apt-get install python3-venv" in answer.stderr
    assert not (checkout / ".venv").exists()


@pytest.mark.parametrize("changed", ["pyproject.toml", "requirements.lock"])
def test_setup_is_done_again_only_when_its_files_changed(checkout: Path, changed: str) -> None:
    assert make("--question", "setup", cwd=checkout).returncode == 1
    stamp = checkout / ".venv" / ".installed"
    stamp.parent.mkdir()
    stamp.touch()
    assert make("--question", "setup", cwd=checkout).returncode == 0
    later = time.time() + 1
    os.utime(checkout / changed, (later, later))
    assert make("--question", "setup", cwd=checkout).returncode == 1


def test_agent_without_a_name_says_how() -> None:
    answer = make("agent", "--assume-old=setup")
    assert answer.returncode != 0
    assert "make agent NAME=alice" in answer.stderr


@pytest.mark.parametrize("mistyped", ["--hepl", "-5", "- help"])
def test_no_picture_is_made_in_a_folder_that_looks_like_an_option(tmp_path: Path, mistyped: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "tests.screenshots", mistyped],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 2
    assert answer.stderr.startswith("usage: ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((), ""),
        (("MINUTES=2", "CLAIMS=strict", "SEED=7"), "--minutes 2 --claims strict --seed 7"),
    ],
)
def test_a_storm_is_told_what_make_was_told(given: tuple[str, ...], said: str) -> None:
    answer = make("--dry-run", "storm", "--assume-old=setup", "--assume-old=system", *given)
    words = answer.stdout.replace("\\\n", " ").partition("tests.faults.storm")[2].split()
    assert (answer.returncode, " ".join(words)) == (0, said)


def test_without_root_system_names_the_command_and_stops(programs: Path) -> None:
    """Debian's /usr/sbin may well hold mariadbd here; the clients and Redis are hidden from it."""
    write_program(programs / "id", "echo 1000")
    write_program(programs / "apt-get", "echo apt-get was called; exit 1")
    answer = subprocess.run(
        ["/bin/bash", ROOT / ".ci" / "system"],
        env={"PATH": str(programs)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 1
    assert answer.stdout == ""
    command = re.search(r"sudo apt-get update && sudo apt-get install .*", answer.stderr)
    assert command
    assert {"mariadb-client", "redis-server"} <= set(command[0].split())


def test_where_all_is_there_system_does_nothing() -> None:
    answer = make("system")
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


@pytest.mark.parametrize(("failing", "called"), [("none", ["demo", "test", "types", "faults"]), ("demo", ["demo"])])
def test_ci_runs_its_goals_and_stops_at_the_first_that_fails(
    tmp_path: Path, programs: Path, failing: str, called: list[str]
) -> None:
    write_program(programs / "make", f'echo "$1" >>"{tmp_path}/called"; [ "$1" != {failing} ]')
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    answer = subprocess.run([ROOT / ".ci" / "run"], env=environment, check=False, stdout=subprocess.DEVNULL)
    assert (tmp_path / "called").read_text().split() == called
    assert (answer.returncode == 0) == (failing == "none")


def locked() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    matches = [LOCK_LINE.match(line) for line in lines]
    assert all(matches), [line for line, match in zip(lines, matches, strict=True) if not match]
    return {match["name"]: match["version"] for match in matches if match}


def test_the_lock_holds_names_and_versions_and_nothing_else() -> None:
    text = (ROOT / "requirements.lock").read_text()
    assert len(locked()) == len(text.splitlines())
    assert not re.search(r"://|^-|/", text, re.MULTILINE)


def test_the_lock_holds_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [project["dependencies"], *project["optional-dependencies"].values()]
    versions = locked()

    def is_missing(requirement: Requirement) -> bool:
        version = versions.get(canonicalize_name(requirement.name))
        return version is None or not requirement.specifier.contains(version)

    assert [text for text in chain(*asked) if is_missing(Requirement(text))] == [], "run `make lock`"


READ_OR_SUBCLASSED = (
    "asyncmy fakeredis msgspec pydantic pydantic-settings qasync redis sqlalchemy starlette typer uvicorn websockets"
)


@pytest.mark.parametrize("name", READ_OR_SUBCLASSED.split())
def test_what_is_subclassed_or_whose_errors_are_read_has_an_upper_bound_everywhere(name: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = map(Requirement, chain(project["dependencies"], *project["optional-dependencies"].values()))
    found = [requirement.specifier for requirement in asked if canonicalize_name(requirement.name) == name]
    assert found
    assert [str(bounds) for bounds in found if not any(bound.operator == "<" for bound in bounds)] == []
