"""`hub serve`: the checks before the start, then uvicorn."""

import os
import shutil
import signal
from typing import Any, Final

import structlog
import uvicorn

from hub.app import build
from hub.cluster.peers import found_family
from hub.config import Settings
from hub.runtime import memory, metrics
from hub.runtime.logs import configure
from hub.sessions.wire import DoorProtocol, WireProtocol
from hub.store.migrations import is_current, migrate

GRACE_S: Final = 8
MAX_SOCKET_MESSAGE: Final = 256 * 1024
"""uvicorn's own limit, above ours, so that it is we who say why a message was too large."""

log = structlog.get_logger(__name__)


class NotServable(Exception):
    """The settings do not allow it; the text says why and what to do."""


def serve(settings: Settings, *, host: str | None = None, port: int | None = None, workers: int = 1) -> int:
    """Serves until a signal. Raises NotServable before it listens."""
    configure(settings.log_format)
    if settings.is_redis_embedded and workers > 1:
        raise NotServable(
            "HUB_REDIS_URL is embedded://, which lives inside one process: claims would not hold between "
            f"{workers} workers. Use --workers 1, or a real redis:// URL."
        )
    _prepare_database(settings)
    host, port = host or settings.host, settings.port if port is None else port
    _end_quietly()
    memory.tune()
    if workers == 1:
        uvicorn.Server(_config(build(settings), host, port)).run()
    else:
        _share_metrics(settings, port)
        found_family()
        uvicorn.run("hub.app:from_environment", factory=True, workers=workers, **uvicorn_options(host, port))
    return 0


def _share_metrics(settings: Settings, port: int) -> None:
    """A folder where the workers' counters meet; what an earlier run left there would count again."""
    folder = settings.data_dir / f"metrics-{port}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ[metrics.MULTIPROCESS_DIR] = str(folder)


def _end_quietly() -> None:
    """uvicorn raises the signal again after its clean end; by then there is nothing left to kill."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)


def _prepare_database(settings: Settings) -> None:
    if settings.database_url.startswith("sqlite"):
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        migrate(settings.database_url)
    elif not is_current(settings.database_url):
        raise NotServable("the database's schema is not up to date: run `hub migrate` first")


def _config(app: Any, host: str, port: int) -> uvicorn.Config:
    return uvicorn.Config(app, **uvicorn_options(host, port))


def uvicorn_options(host: str, port: int) -> dict[str, Any]:
    """How uvicorn serves the hub: with our protocols, whose reasons are in `hub.sessions.wire`."""
    return {
        "host": host,
        "port": port,
        "loop": "uvloop",
        "http": DoorProtocol,
        "ws": WireProtocol,
        "ws_max_size": MAX_SOCKET_MESSAGE,
        "ws_per_message_deflate": False,
        "ws_ping_interval": None,
        "backlog": 4_096,
        # Polling clients come back each second on the same connection: one that is closed under them costs a poll.
        "timeout_keep_alive": 75,
        "access_log": False,
        "log_config": None,
        "server_header": False,
        "proxy_headers": False,
        "timeout_graceful_shutdown": GRACE_S,
    }
