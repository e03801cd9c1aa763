"""`agent doctor` on this computer: what weakens the agent is a warning with what mends it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.cli.doctor_files import files_finding
from agent.cli.doctor_machine import machine_findings
from agent.config import Settings


def settings(tmp_path: Path, **given: object) -> Settings:
    return Settings(data_dir=tmp_path, _env_file=None, **given)  # type: ignore[call-arg, arg-type]


@pytest.mark.parametrize(
    ("server", "verdict", "advice"),
    [
        ("http://127.0.0.1:8000", "ok", ""),
        ("https://hub.test:8443", "ok", ""),
        ("http://hub.test:8000", "warning", "AGENT_SERVER_URL=https://hub.test:8000"),
    ],
)
def test_plain_http_to_another_host_is_a_warning(tmp_path: Path, server: str, verdict: str, advice: str) -> None:
    [way, *_] = machine_findings(settings(tmp_path, server_url=server))
    assert (way.verdict, way.what_to_do) == (verdict, advice)


def test_settings_that_others_can_read_are_named_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("AGENT_LANGUAGE=en\n")
    (tmp_path / ".env").chmod(0o644)
    tmp_path.chmod(0o700)
    open_file = files_finding(settings(tmp_path))
    assert (open_file.verdict, open_file.found) == ("warning", "others can read .env")
    assert "chmod go=" in open_file.what_to_do
    (tmp_path / ".env").chmod(0o600)
    assert files_finding(settings(tmp_path)).verdict == "ok"


def test_few_descriptors_and_a_missing_browser_are_warnings_with_the_command(tmp_path: Path) -> None:
    command = f"ulimit -n 100; exec {sys.executable} -m agent doctor --data-dir {tmp_path} --server http://127.0.0.1:9"
    nothing = {"PATH": "/usr/bin:/bin", "AGENT_DRIVER": "binance-web", "AGENT_LANGUAGE": "en"}
    done = subprocess.run(["sh", "-c", command], env=os.environ | nothing, capture_output=True, text=True, check=False)
    assert "warning  open files: 100 → ulimit -n 1024" in done.stdout
    assert "browser: " in done.stdout
