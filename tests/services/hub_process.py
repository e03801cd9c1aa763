"""A real hub: `python -m hub serve` in a process of its own, on a free port, with settings only from the test.

Several hubs that share stores get the same `HubSettings`, and so the same secrets.
"""

import json
import os
import secrets
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.store.migrations import migrate

from .process import ROOT, Server


def clean_environment(home: Path) -> dict[str, str]:
    """This process's environment without the developer's own settings and home directory."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HUB_", "AGENT_", "XDG_"))}
    return kept | {
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "NO_COLOR": "1",
    }


@dataclass(frozen=True)
class HubSettings:
    """Where a hub keeps its things. What is empty is left to the hub's own defaults: SQLite in its data directory,
    the embedded Redis, secrets of its own making."""

    database_url: str = ""
    redis_url: str = ""
    jwt_secret: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)
    admin_token: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)
    extra: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        named = {
            "HUB_DATABASE_URL": self.database_url,
            "HUB_REDIS_URL": self.redis_url,
            "HUB_JWT_SECRET": self.jwt_secret,
            "HUB_ADMIN_TOKEN": self.admin_token,
        }
        return {name: value for name, value in named.items() if value} | self.extra


class HubProcess(Server):
    """`hub serve`. The answers of `get` and `post` are the envelope's `data`."""

    def __init__(self, directory: Path, settings: HubSettings | None = None) -> None:
        super().__init__("hub", directory)
        self.settings = settings or HubSettings()
        self.data_dir = directory / "data"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def admin_token(self) -> str:
        return self.settings.admin_token or (self.data_dir / "admin_token").read_text().strip()

    def command(self) -> list[str]:
        return [sys.executable, "-m", "hub", "serve", "--host", "127.0.0.1", "--port", str(self.port)]

    def environment(self) -> dict[str, str]:
        own = {"HUB_DATA_DIR": str(self.data_dir), "HUB_URL": self.url}
        return clean_environment(self.directory) | own | self.settings.environment()

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def cli(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Runs the `hub` command line with this hub's settings; `typed` is its standard input."""
        return subprocess.run(
            [sys.executable, "-m", "hub", *arguments],
            input=typed,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.directory,
            env=self.environment(),
            timeout=60,
        )

    def migrate(self) -> None:
        """What `hub migrate` does, in this process: another one would take two seconds to start. SQLite needs none,
        `hub serve` does it there. In a thread of its own, since the caller may be on a loop."""
        database_url = self.environment().get("HUB_DATABASE_URL") or "sqlite"
        if not database_url.startswith("sqlite"):
            with ThreadPoolExecutor(max_workers=1) as thread:
                thread.submit(migrate, database_url).result()

    def get(self, path: str, token: str | None = None) -> Any:
        return self._ask(urllib.request.Request(self.url + path), token)

    def post(self, path: str, body: object, token: str | None = None) -> Any:
        text = json.dumps(body).encode()
        return self._ask(urllib.request.Request(self.url + path, data=text, method="POST"), token)

    def _ask(self, request: urllib.request.Request, token: str | None) -> Any:
        """As the admin unless another token is given. Raises urllib.error.HTTPError for a refusal."""
        request.add_header("Authorization", f"Bearer {token or self.admin_token}")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)["data"]
