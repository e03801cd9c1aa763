"""A private Prometheus that scrapes only what the test names, and promtool, its judge of expositions."""

import json
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from tests.services.process import Server, program

CONFIGURATION = """\
global:
  scrape_interval: 500ms
  scrape_timeout: 500ms
scrape_configs:
  - job_name: hub
    static_configs:
      - targets: [{targets}]
"""


class Prometheus(Server):
    """On a free port, with its series in its own directory."""

    def __init__(self, directory: Path, ports: list[int]) -> None:
        super().__init__("prometheus", directory)
        self._configuration = directory / "prometheus.yml"
        targets = ", ".join(f"'127.0.0.1:{port}'" for port in ports)
        self._configuration.write_text(CONFIGURATION.format(targets=targets))

    def command(self) -> list[str]:
        return [
            program("prometheus"),
            f"--config.file={self._configuration}",
            f"--storage.tsdb.path={self.directory / 'series'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--log.level=warn",
        ]

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self._url}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def ask(self, question: str) -> dict[tuple[str, ...], float]:
        """The instant vector that answers it: the labels' values, in the order of their names -> the value."""
        query = urllib.parse.urlencode({"query": question})
        with urllib.request.urlopen(f"{self._url}/api/v1/query?{query}", timeout=10) as answer:
            said = json.load(answer)
        assert said["status"] == "success", said
        return {_labels(result["metric"]): float(result["value"][1]) for result in said["data"]["result"]}

    def number(self, question: str) -> float:
        """The one value that answers it; not a number when there is none."""
        return self.ask(question).get((), float("nan"))

    @property
    def _url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def check_metrics(exposition: bytes) -> str:
    """What `promtool check metrics` has to say: nothing when all is well. Raises AssertionError for a broken one."""
    told = subprocess.run(
        [program("promtool"), "check", "metrics"], input=exposition, capture_output=True, check=False, timeout=30
    )
    words = (told.stdout + told.stderr).decode()
    assert told.returncode in (0, 3), words
    return words


def _labels(metric: dict[str, Any]) -> tuple[str, ...]:
    return tuple(metric[name] for name in sorted(metric))
