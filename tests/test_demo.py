"""`make demo` does what it says, with no keyboard and no screen, and leaves nothing running."""

import re
import subprocess
import sys
from pathlib import Path

from tests.services.process import ROOT


def test_the_demo_ends_with_three_results_and_says_where_the_data_is(tmp_path: Path) -> None:
    directory = tmp_path / "demo"
    answer = subprocess.run(
        [sys.executable, "-m", "tests.demo", str(directory)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert re.search(r"success 3\b", answer.stdout)
    named = [ROOT / path for path in re.findall(r"^  (\S+\.(?:db|log))\b", answer.stdout, re.MULTILINE)]
    assert [path.name for path in named] == ["hub.db", *["journal.db"] * 3, "hub.log", *["agent.log"] * 3]
    assert all(path.stat().st_size for path in named)
