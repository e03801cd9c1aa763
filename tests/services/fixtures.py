"""The services as pytest fixtures. `tests/conftest.py` loads this for all tests.

Shared servers (`mariadb`, `redis_server`) live as long as the session; a test that stops, kills or pauses one
asks for its own (`own_mariadb`, `own_redis`). The methods of the servers block: a test whose loop also runs a hub
calls them through `asyncio.to_thread`.
"""

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from .agent_process import AgentProcess
from .hub_process import HubProcess, HubSettings
from .mariadb import MariaDB, make_template
from .process import Process
from .redis_server import RedisServer

P = TypeVar("P", bound=Process)

ROOM_NEEDED = 1024**3


def pytest_configure() -> None:
    # SIGTERM ends the run as Ctrl-C does, so that the fixtures still stop what they started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@dataclass(frozen=True)
class Stores:
    """Where a hub keeps its things: the two URLs of its settings."""

    database_url: str
    redis_url: str


@pytest.fixture(scope="session")
def services_dir() -> Iterator[Path]:
    """A short path (a socket's name has 107 characters at most), in memory where there is room."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > ROOM_NEEDED
    with tempfile.TemporaryDirectory(prefix="bn-auto-", dir=memory if roomy else None) as directory:
        yield Path(directory)


@pytest.fixture(scope="session")
def mariadb_template(services_dir: Path) -> Path:
    return make_template(services_dir / "template")


@pytest.fixture(scope="session")
def mariadb(services_dir: Path, mariadb_template: Path) -> Iterator[MariaDB]:
    with ExitStack() as stack:
        yield _started(stack, MariaDB(services_dir / "mariadb", mariadb_template))


@pytest.fixture(scope="session")
def redis_server(services_dir: Path) -> Iterator[RedisServer]:
    with ExitStack() as stack:
        yield _started(stack, RedisServer(services_dir / "redis"))


@pytest.fixture
def running(services_dir: Path) -> Iterator[Callable[[Callable[[Path], P]], P]]:
    """`running(RedisServer)`: makes a process in its own directory, starts it, and stops it after the test."""
    with tempfile.TemporaryDirectory(dir=services_dir) as directory, ExitStack() as stack:

        def run(make: Callable[[Path], P]) -> P:
            return _started(stack, make(Path(tempfile.mkdtemp(dir=directory))))

        yield run


def _started(stack: ExitStack, process: P) -> P:
    stack.callback(process.kill)  # nothing of it is needed any more, and a stopped test must not wait for it
    process.start()
    return process


@pytest.fixture
def own_mariadb(running: Callable[..., MariaDB], mariadb_template: Path) -> Callable[[], MariaDB]:
    """A factory of servers that the test may stop, kill and pause."""
    return lambda: running(lambda directory: MariaDB(directory, mariadb_template))


@pytest.fixture
def own_redis(running: Callable[..., RedisServer]) -> Callable[[], RedisServer]:
    """A factory of servers that the test may stop, kill and pause."""
    return lambda: running(RedisServer)


@pytest.fixture
def database_url(mariadb: MariaDB) -> str:
    """A fresh, empty database on the shared MariaDB."""
    return mariadb.url(mariadb.create_database())


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The shared Redis, emptied."""
    redis_server.flush()
    return redis_server.url()


@pytest.fixture
def embedded_stores(tmp_path: Path) -> Stores:
    """What a laptop has: a fresh SQLite file, and Redis inside the hub."""
    return Stores(f"sqlite+aiosqlite:///{tmp_path}/hub.db", "embedded://")


@pytest.fixture
def server_stores(database_url: str, redis_url: str) -> Stores:
    """What production has: a fresh database on MariaDB, and an emptied Redis."""
    return Stores(database_url, redis_url)


@pytest.fixture(params=["embedded", "servers"])
def stores(request: pytest.FixtureRequest) -> Stores:
    """Each test that asks for it runs twice: on SQLite with the embedded Redis, and on MariaDB with Redis.

    `@pytest.mark.parametrize("stores", ["servers"], indirect=True)` picks one.
    """
    fixture = {"embedded": "embedded_stores", "servers": "server_stores"}[request.param]
    found: Stores = request.getfixturevalue(fixture)
    return found


@pytest.fixture
def start_hub(running: Callable[..., HubProcess]) -> Callable[[HubSettings | None], HubProcess]:
    """`start_hub(settings)`: a hub whose /readyz says 200. The same settings twice: two hubs on one store."""

    def start(settings: HubSettings | None = None) -> HubProcess:
        def make(directory: Path) -> HubProcess:
            hub = HubProcess(directory, settings)
            hub.migrate()
            return hub

        return running(make)

    return start


@pytest.fixture
def start_agent(running: Callable[..., AgentProcess]) -> Callable[..., AgentProcess]:
    """`start_agent(server, user, password, *options)`: a headless agent on paper, from its first moment on."""

    def start(server: str, user: str, password: str, *options: str) -> AgentProcess:
        return running(lambda directory: AgentProcess(directory, server, user, password, *options))

    return start


@pytest.fixture
def careless_umask() -> Iterator[None]:
    """Everybody may use what is made, unless the program sees to it; the process's own again afterwards."""
    before = os.umask(0)
    yield
    os.umask(before)
