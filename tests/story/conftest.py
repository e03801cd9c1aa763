"""The stage: two hubs on MariaDB and Redis, one hub on a laptop's stores, and what a test needs to play on it.

The hubs of `pair` and `laptop` live as long as this package's tests: each test brings its own people and publishes for
them only. A test that stops a store or a hub for good builds its own stage with `stage`.
"""

from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

import aiohttp
import pytest

from tests.kit.admin import Admin, Books, books_of
from tests.kit.agents import Desk, Trader, desk_of
from tests.kit.people import Person, enrol
from tests.services.hub_process import HubProcess, HubSettings
from tests.services.mariadb import MariaDB
from tests.services.process import Process
from tests.services.redis_server import RedisServer

P = TypeVar("P", bound=Process)


@dataclass(frozen=True)
class Stage:
    """Hubs on one store."""

    hubs: list[HubProcess]
    database_url: str
    redis: RedisServer | None = None
    mariadb: MariaDB | None = None

    @property
    def urls(self) -> list[str]:
        return [hub.url for hub in self.hubs]


@dataclass
class Play:
    """One test on a stage: the admin at the first hub, the books, and the traders."""

    stage: Stage
    http: aiohttp.ClientSession
    admin: Admin
    books: Books
    desk: Desk
    people: list[Person] = field(default_factory=list)

    @property
    def urls(self) -> list[str]:
        return self.stage.urls

    def admin_at(self, hub: int) -> Admin:
        return Admin(self.http, self.urls[hub], self.stage.hubs[hub].admin_token)

    async def enrol(self, count: int = 1, expire_ms: int | None = None) -> list[Person]:
        self.people += (new := await enrol(self.stage.database_url, count, expire_ms))
        return new

    async def trader(self, hub: int = 0, acts: bool = False) -> Trader:
        """A new user, logged in, not connected yet."""
        [person] = await self.enrol()
        return await self.desk.trader(self.urls[hub], person, acts)


@asynccontextmanager
async def play_on(stage: Stage) -> AsyncIterator[Play]:
    """What a test needs on this stage, given back at the end, when no hub may have run into a bug of its own."""
    _all_run(stage)
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=200)) as http,
        books_of(stage.database_url) as books,
        desk_of(http) as desk,
    ):
        yield Play(stage, http, Admin(http, stage.urls[0], stage.hubs[0].admin_token), books, desk)
    _nothing_broke(stage)


QUICK: Final = {"HUB_RESULT_GRACE_S": "1"}
"""No test waits for half a minute until the hub gives a silent agent up."""


class Stages:
    """Builds stages, and takes down what it built."""

    def __init__(self, directory: Path, template: Path, mariadb: MariaDB, stack: ExitStack) -> None:
        self._directory = directory
        self._template = template
        self._mariadb = mariadb
        self._stack = stack
        self._made = 0

    def servers(self, hubs: int = 2, own_database: bool = False, **settings: str) -> Stage:
        """Hubs on MariaDB and a Redis of their own; `settings` are HUB_… variables."""
        mariadb = self._started(MariaDB(self._room(), self._template)) if own_database else self._mariadb
        redis = self._started(RedisServer(self._room()))
        database_url = mariadb.url(mariadb.create_database())
        same = HubSettings(database_url, redis.url(), extra=QUICK | settings)
        return Stage(self._hubs(hubs, same), database_url, redis, mariadb)

    def laptop(self, **settings: str) -> Stage:
        """One hub with SQLite and the Redis inside it."""
        database_url = f"sqlite+aiosqlite:///{self._room()}/hub.db"
        return Stage(self._hubs(1, HubSettings(database_url, "embedded://", extra=QUICK | settings)), database_url)

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
        self._made += 1
        room = self._directory / str(self._made)
        room.mkdir(parents=True)
        return room


@pytest.fixture(scope="package")
def story_dir(services_dir: Path) -> Path:
    return services_dir / "story"


@pytest.fixture(scope="package")
def stages(story_dir: Path, mariadb_template: Path, mariadb: MariaDB) -> Iterator[Stages]:
    with ExitStack() as stack:
        yield Stages(story_dir / "kept", mariadb_template, mariadb, stack)


@pytest.fixture(scope="package")
def pair_stage(stages: Stages) -> Stage:
    return stages.servers()


@pytest.fixture(scope="package")
def laptop_stage(stages: Stages) -> Stage:
    return stages.laptop()


@pytest.fixture(scope="package")
def strict_stage(stages: Stages) -> Stage:
    return stages.servers(own_database=True, HUB_CLAIMS="strict")


@pytest.fixture
async def pair(pair_stage: Stage) -> AsyncIterator[Play]:
    """Two hubs on MariaDB and Redis."""
    async with play_on(pair_stage) as play:
        yield play


@pytest.fixture
async def strict(strict_stage: Stage) -> AsyncIterator[Play]:
    """The same, where rows are committed before frames leave, on a database that may be stopped."""
    async with play_on(strict_stage) as play:
        yield play


@pytest.fixture
async def laptop(laptop_stage: Stage) -> AsyncIterator[Play]:
    """One hub on SQLite and the Redis inside it."""
    async with play_on(laptop_stage) as play:
        yield play


@pytest.fixture(params=["laptop", "servers"])
async def either(request: pytest.FixtureRequest) -> AsyncIterator[Play]:
    """The test runs twice: on a laptop's stores, and with two hubs on MariaDB and Redis."""
    stage: Stage = request.getfixturevalue({"laptop": "laptop_stage", "servers": "pair_stage"}[request.param])
    async with play_on(stage) as play:
        yield play


def _all_run(stage: Stage) -> None:
    """What a failed test left stopped must not fail the next one."""
    servers: list[Process | None] = [stage.mariadb, stage.redis, *stage.hubs]
    for server in servers:
        if server is not None and not server.is_running():
            server.start()


def _nothing_broke(stage: Stage) -> None:
    """A hub logs a trace for bugs of its own, and only for those."""
    for hub in stage.hubs:
        assert hub.is_running(), hub.log_end(6_000)
        assert "Traceback" not in hub.log(), hub.log_end(6_000)
