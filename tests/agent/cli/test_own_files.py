"""What the agent keeps on its computer is the trader's alone: made so, mended where it was not, and looked at."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli.commands import app
from tests.kit.modes import mode
from tests.services.process import ROOT

NOWHERE = ("--server", "http://127.0.0.1:9")


pytestmark = pytest.mark.usefixtures("careless_umask")


def agent(*arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """The program itself, as a person starts it."""
    command = [sys.executable, "-m", "agent", *arguments]
    return subprocess.run(command, input=typed, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)


def test_what_a_start_makes_is_its_owners_alone_whatever_the_shell_allows(tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    done = agent("--headless", "--user", "alice", "--password-stdin", "--no-wait", *NOWHERE, "--data-dir", str(data),
                 typed="a-long-password\n")  # fmt: skip
    assert done.returncode == 3, done.stderr
    made = [data, *data.rglob("*")]
    assert {str(path): oct(mode(path)) for path in made if mode(path) & 0o077} == {}
    assert [path.name for path in made if path.name == "journal.db"] == ["journal.db"]
    for path in made:
        path.chmod(0o755 if path.is_dir() else 0o644)
    (data / "of-somebody-else").touch(0o644)
    _are_closed_and_said(data, made)


def _are_closed_and_said(data: Path, made: list[Path]) -> None:
    """The doctor names them and changes nothing; the next start closes them, and says so in one line."""
    doctor = CliRunner().invoke(app, ["doctor", *NOWHERE, "--data-dir", str(data)])
    assert f"others can read {data}," in doctor.stdout
    assert mode(data) == 0o755
    start = ["--headless", "--user", "alice", "--password-stdin", "--no-wait", *NOWHERE, "--data-dir", str(data)]
    started = CliRunner().invoke(app, start, input="a-long-password\n")
    said = [line for line in started.stderr.splitlines() if "only their owner can" in line]
    assert len(said) == 1
    assert [str(path) for path in made if path.exists() and mode(path) & 0o077] == []
    assert mode(data / "of-somebody-else") == 0o644
    assert (
        f"{data} is its owner's alone" in CliRunner().invoke(app, ["doctor", *NOWHERE, "--data-dir", str(data)]).stdout
    )


def test_a_directory_that_everybody_shares_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o1777)
    start = ["--headless", "--user", "alice", "--password-stdin", *NOWHERE, "--data-dir", str(tmp_path / "shared")]
    refused = CliRunner().invoke(app, start, input="a-long-password\n")
    assert refused.exit_code == 1
    assert "a directory that everybody shares" in refused.stderr
    assert "--data-dir" in refused.stderr
    assert list((tmp_path / "shared").iterdir()) == []
