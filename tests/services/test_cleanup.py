"""Nothing that a test run started outlives it, however the run ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .process import ROOT
from .waiting import wait_until

A_RUN = """
from pathlib import Path
import threading

def test_that_{end}(own_redis):
    server = own_redis()
    Path("pid").write_text(str(server.pid))
    Path("started").touch()
    {how}
"""


@pytest.mark.parametrize(
    ("end", "how", "is_ended_from_outside"),
    [
        ("fails", "assert False", False),
        ("leaves_it_paused", "server.pause()", False),
        ("is_terminated", "threading.Event().wait(60)", True),
    ],
)
def test_no_server_is_left_behind(tmp_path: Path, end: str, how: str, is_ended_from_outside: bool) -> None:
    (tmp_path / "test_run.py").write_text(A_RUN.format(end=end, how=how))
    run = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "-p", "tests.services.fixtures", "test_run.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_until((tmp_path / "started").exists, "the run has started its server")
        if is_ended_from_outside:
            run.send_signal(signal.SIGTERM)
        run.wait(30)
    finally:
        run.kill()
        run.wait()
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text()}").exists()
