"""Hubs on one store, and one test's work on them: admin, books, traders.

Invariant: what a test left stopped is started for the next one, and no hub may have run into a bug of its own.
"""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Final, TypeVar

import aiohttp

from tests.services.hub_process import HubProcess, HubSettings
from tests.services.mariadb import MariaDB
from tests.services.process import Process
from tests.services.redis_server import RedisServer

from .admin import Admin, Books, books_of
from .agents import Desk, ScriptedAgent, desk_of
from .people import Person, enrol

P = TypeVar("P", bound=Process)


@dataclass(frozen=True)
class Cluster:
    """Hubs on one store."""

    hubs: list[HubProcess]
    database_url: str
    redis: RedisServer | None = None
    mariadb: MariaDB | None = None

    @property
    def urls(self) -> list[str]:
        return [hub.url for hub in self.hubs]


@dataclass
class Trial:
    """One test on a cluster: the admin at the first hub, the books, and the traders."""

    cluster: Cluster
    http: aiohttp.ClientSession
    admin: Admin
    books: Books
    desk: Desk
    people: list[Person] = field(default_factory=list)

    @property
    def urls(self) -> list[str]:
        return self.cluster.urls

    def admin_at(self, hub: int) -> Admin:
        return Admin(self.http, self.urls[hub], self.cluster.hubs[hub].admin_token)

    async def enrol(self, count: int = 1, expire_ms: int | None = None) -> list[Person]:
        self.people += (new := await enrol(self.cluster.database_url, count, expire_ms))
        return new

    async def trader(self, hub: int = 0, acts: bool = False) -> ScriptedAgent:
        """A new user, logged in, not connected yet."""
        [person] = await self.enrol()
        return await self.desk.trader(self.urls[hub], person, acts)


@asynccontextmanager
async def trial_on(cluster: Cluster) -> AsyncIterator[Trial]:
    """What a test needs on this cluster, given back at the end, when no hub may have run into a bug of its own."""
    _all_run(cluster)
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=200)) as http,
        books_of(cluster.database_url) as books,
        desk_of(http) as desk,
    ):
        yield Trial(cluster, http, Admin(http, cluster.urls[0], cluster.hubs[0].admin_token), books, desk)
    _nothing_broke(cluster)


QUICK: Final = {"HUB_RESULT_GRACE_S": "1"}
"""No test waits for half a minute until the hub gives a silent agent up."""


class Clusters:
    """Builds clusters, and takes down what it built."""

    def __init__(self, directory: Path, template: Path, mariadb: MariaDB, stack: ExitStack) -> None:
        self._directory = directory
        self._template = template
        self._mariadb = mariadb
        self._stack = stack

    def servers(self, hubs: int = 2, own_database: bool = False, **settings: str) -> Cluster:
        """Hubs on MariaDB and a Redis of their own; `settings` are HUB_… variables."""
        mariadb = self._started(MariaDB(self._room(), self._template)) if own_database else self._mariadb
        redis = self._started(RedisServer(self._room()))
        database_url = mariadb.url(mariadb.create_database())
        same = HubSettings(database_url, redis.url(), extra=QUICK | settings)
        return Cluster(self._hubs(hubs, same), database_url, redis, mariadb)

    def laptop(self, **settings: str) -> Cluster:
        """One hub with SQLite and the Redis inside it."""
        database_url = f"sqlite+aiosqlite:///{self._room()}/hub.db"
        return Cluster(self._hubs(1, HubSettings(database_url, "embedded://", extra=QUICK | settings)), database_url)

    def _hubs(self, count: int, settings: HubSettings) -> list[HubProcess]:
        hubs = [HubProcess(self._room(), settings) for _ in range(count)]
        hubs[0].migrate()
        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(self._started, hubs))

    def _started(self, process: P) -> P:
        self._stack.callback(process.kill)
        process.start()
        return process

    def _room(self) -> Path:
        self._directory.mkdir(parents=True, exist_ok=True)
        return Path(mkdtemp(dir=self._directory))


def _all_run(cluster: Cluster) -> None:
    """What a failed test left stopped must not fail the next one."""
    servers: list[Process | None] = [cluster.mariadb, cluster.redis, *cluster.hubs]
    for server in servers:
        if server is not None and not server.is_running():
            server.start()


def _nothing_broke(cluster: Cluster) -> None:
    """A hub logs a trace for bugs of its own, and only for those."""
    for hub in cluster.hubs:
        assert hub.is_running(), hub.log_end(6_000)
        assert "Traceback" not in hub.log(), hub.log_end(6_000)
