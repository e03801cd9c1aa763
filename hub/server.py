"""`hub serve`: the checks before the start, then uvicorn."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import structlog
import uvicorn
from sqlalchemy.engine import make_url

from hub.app import build
from hub.cluster.peers import start_worker_group
from hub.cluster.redis import connect, identity, try_redis
from hub.config import Settings
from hub.errors import Unavailable, Unfit
from hub.language import _
from hub.runtime import memory, metrics
from hub.runtime.fitness import sentence
from hub.runtime.logs import configure
from hub.runtime.premises import why_not_listen, why_not_write
from hub.sessions.door import DoorProtocol
from hub.sessions.wire import WireProtocol
from hub.store import Store
from hub.store.installation import ALIVE_S
from hub.store.migrations import is_current, migrate
from hub.web.exposition import listening

GRACE_S: Final = 8
SERVICE_LOST: Final = 70
"""The exit code where a service of ours could not stay up (EX_SOFTWARE of sysexits.h)."""
MAX_SOCKET_MESSAGE: Final = 256 * 1024
"""uvicorn's own limit, above ours, so that it is we who say why a message was too large."""

OnListening = Callable[[str, int], None]

log = structlog.get_logger(__name__)


class NotServable(Exception):
    """The settings do not allow it; the text says why, and `advice` what to do where the text does not."""

    def __init__(self, why: str, advice: str = "") -> None:
        super().__init__(why)
        self.advice = advice


def serve(
    settings: Settings,
    *,
    host: str | None = None,
    port: int | None = None,
    workers: int = 1,
    alone: bool = False,
    on_listening: OnListening | None = None,
) -> int:
    """Serves until a signal; returns the exit code. Raises NotServable before it listens.

    `alone`: an embedded Redis beside a server database is meant; no other hub uses that database. `on_listening` is
    told host and port when the hub listens; with several processes, when they are about to start.
    """
    configure(settings.log_format)
    host, port = host or settings.host, settings.port if port is None else port
    _refuse_embedded(settings, workers, alone)
    _refuse_metrics_port(settings, port)
    _refuse_premises(settings, host, port)
    with _locked(settings):
        try:
            _prepare_database(settings)
            asyncio.run(_look_at_stores(settings))
        except Unfit as error:
            raise NotServable(*sentence(error, settings)) from None
        return _serve(settings, host, port, workers, on_listening)


class _Announcing(uvicorn.Server):
    """Says when it listens, and where: port 0 takes a free one."""

    def __init__(self, config: uvicorn.Config, on_listening: OnListening) -> None:
        super().__init__(config)
        self._on_listening = on_listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_listening(self.config.host, self.servers[0].sockets[0].getsockname()[1])


def _refuse_premises(settings: Settings, host: str, port: int) -> None:
    database = make_url(settings.database_url).database if settings.is_database_file else None
    beside = [Path(database).parent] if database and database != ":memory:" else []
    for why in (why_not_listen(host, port), *map(why_not_write, [settings.data_dir, *beside])):
        if why is not None:
            raise NotServable(why)


def _serve(settings: Settings, host: str, port: int, workers: int, on_listening: OnListening | None) -> int:
    _end_quietly()
    memory.tune()
    options = uvicorn_options(host, port, settings.proxies)
    if workers > 1:
        _share_metrics(settings, port)
        start_worker_group()
        if on_listening is not None:
            on_listening(host, port)
        uvicorn.run("hub.app:from_environment", factory=True, workers=workers, **options)
        return 0
    app = build(settings)
    config = uvicorn.Config(app, **options)
    server = uvicorn.Server(config) if on_listening is None else _Announcing(config, on_listening)
    server.run()
    return SERVICE_LOST if app.state.hub.gave_up else 0


def _refuse_embedded(settings: Settings, workers: int, alone: bool) -> None:
    if not settings.is_redis_embedded:
        return
    if workers > 1:
        raise NotServable(
            _(
                "HUB_REDIS_URL is embedded://, which lives inside one process: claims would not hold between "
                "{workers} workers. Use --workers 1, or a real redis:// URL."
            ).format(workers=workers)
        )
    if not settings.is_database_file and not alone:
        raise NotServable(
            _(
                "HUB_REDIS_URL is embedded:// (the default) beside a database that other hubs can use: claims would "
                "not hold between them. Set HUB_REDIS_URL to a real redis:// URL; or say --alone if this is the only "
                "hub."
            )
        )


def _refuse_metrics_port(settings: Settings, port: int) -> None:
    if settings.metrics_port is None:
        return
    if settings.metrics_port == port:
        same = _("HUB_METRICS_PORT is {port}, where the hub itself listens: give /metrics another one.")
        raise NotServable(same.format(port=port))
    try:
        listening(settings.host, settings.metrics_port).close()
    except OSError as error:
        text = _("HUB_METRICS_PORT {port} at {host}: {why}.")
        raise NotServable(text.format(port=settings.metrics_port, host=settings.host, why=error.strerror)) from None


@contextlib.contextmanager
def _locked(settings: Settings) -> Iterator[None]:
    """Holds what only one program may use: a data directory with an embedded Redis, a database that is a file."""
    with contextlib.ExitStack() as locks:
        if settings.is_redis_embedded:
            settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            locks.enter_context(_lock(settings.data_dir / "hub.lock", settings.data_dir))
        database = make_url(settings.database_url).database
        if settings.is_database_file and database and database != ":memory:":
            Path(database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            locks.enter_context(_lock(Path(f"{database}.lock"), Path(database)))
        yield


@contextlib.contextmanager
def _lock(path: Path, what: Path) -> Iterator[None]:
    """The operating system gives it back when the process ends, however it ends."""
    if os.name == "nt":
        yield  # no flock there; the family check finds a second hub
        return
    import fcntl

    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise NotServable(
                _(
                    "Another hub uses {what}: end it first, or give this one a HUB_DATA_DIR of its own (two hubs that "
                    "are to work together need a server database and one Redis)."
                ).format(what=what)
            ) from None
        yield


def _share_metrics(settings: Settings, port: int) -> None:
    """A folder where the workers' counters meet; what an earlier run left there would count again."""
    folder = settings.data_dir / f"metrics-{port}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ[metrics.MULTIPROCESS_DIR] = str(folder)


def _end_quietly() -> None:
    """uvicorn raises the signal again after its clean end; by then there is nothing left to kill.

    It listens to SIGINT also where it was started to ignore it (a script's background job): there it is blocked.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    for number in (signal.SIGTERM, signal.SIGINT):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda _number, _frame: None)


def _prepare_database(settings: Settings) -> None:
    if settings.is_database_file:
        migrate(settings.database_url)
    elif not is_current(settings.database_url):
        raise NotServable(_("The database's schema is not up to date: run `hub migrate` first."))


async def _look_at_stores(settings: Settings) -> None:
    """Refuses stores that a hub cannot work with, and a database whose other hubs use another Redis. Stores that are
    out of reach are waited for later. Raises Unfit, NotServable."""
    if settings.is_redis_embedded and settings.is_database_file:
        return await _forget_dead(settings)
    client, store = connect(settings.redis_url), Store(settings.database_url)
    try:
        await store.try_out()
        await try_redis(client)
        await _refuse_split(store, await identity(client))
    except Unfit:
        raise
    except Unavailable as error:
        log.warning("a store is out of reach at the start", error=str(error))
    finally:
        await client.aclose()
        await store.close()
    return None


async def _forget_dead(settings: Settings) -> None:
    """The database's lock is ours: whoever is still listed as alive was killed a moment ago."""
    store = Store(settings.database_url)
    try:
        await store.installation.forget_everyone()
    finally:
        await store.close()


async def _refuse_split(store: Store, server: str) -> None:
    """Waits for as long as a hub that was killed a moment ago still counts as alive."""
    for _second in range(ALIVE_S + 1):
        elsewhere = [peer for peer in await store.installation.others("") if peer.redis not in (server, None)]
        if not elsewhere:
            return
        await asyncio.sleep(1)
    names = ", ".join(peer.name for peer in elsewhere)
    raise NotServable(
        _(
            "Another hub on this database uses another Redis (hub process {names}): each order would be handed out "
            "twice. Compare HUB_REDIS_URL and HUB_DATABASE_URL of both."
        ).format(names=names)
    )


def uvicorn_options(host: str, port: int, proxies: list[str] | None = None) -> dict[str, Any]:
    """How uvicorn serves the hub: with our protocols, whose reasons are in `hub.sessions.wire`. `proxies`: whose
    X-Forwarded-For is believed."""
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
        "proxy_headers": bool(proxies),
        "forwarded_allow_ips": proxies or [],
        "timeout_graceful_shutdown": GRACE_S,
    }
