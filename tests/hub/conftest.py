"""Real hubs, embedded and on MariaDB with Redis, and raw clients of them.

The hubs are shared by the session, so a test makes its own users.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from hub.store import Store
from hub.store.migrations import migrate
from protocol.messages import SUBPROTOCOL
from tests.kit.raw import Client, RawAgent, RunningHub
from tests.services.fixtures import Stores
from tests.services.hub_process import HubProcess, HubSettings
from tests.services.mariadb import MariaDB
from tests.services.redis_server import RedisServer


def run_hub(directory: Path, settings: HubSettings) -> Iterator[HubProcess]:
    directory.mkdir()
    hub = HubProcess(directory, settings)
    hub.migrate()
    hub.start()
    try:
        yield hub
    finally:
        hub.kill()


def run_embedded_hub(directory: Path, **extra: str) -> Iterator[RunningHub]:
    """On SQLite and the embedded Redis; `extra` are more of its settings."""
    for hub in run_hub(directory, HubSettings(extra=extra)):
        file = hub.data_dir / "hub.db"
        yield RunningHub(hub, lambda sql, file=file: _in_sqlite(file, sql))


@pytest.fixture(scope="session")
def embedded_hub(services_dir: Path) -> Iterator[RunningHub]:
    yield from run_embedded_hub(services_dir / "embedded-hub")


@pytest.fixture(scope="session")
def proxied_hub(services_dir: Path) -> Iterator[RunningHub]:
    """Embedded, behind a proxy that it trusts: a test names the address that it comes from. Its log is JSON, and its
    numbers take a token."""
    settings = {"HUB_TRUSTED_PROXIES": "127.0.0.1", "HUB_LOG_FORMAT": "json", "HUB_METRICS_TOKEN": "m" * 32}
    yield from run_embedded_hub(services_dir / "proxied-hub", **settings)


def _in_sqlite(file: Path, sql: str) -> None:
    with contextlib.closing(sqlite3.connect(file, timeout=10)) as connection, connection:
        connection.execute(sql)


@pytest.fixture(scope="session")
def server_hub(services_dir: Path, mariadb: MariaDB, own_redis_for_hub: RedisServer) -> Iterator[RunningHub]:
    """MariaDB and a Redis that no other test empties; the clock's zone is not UTC."""
    name = mariadb.create_database()
    settings = HubSettings(mariadb.url(name), own_redis_for_hub.url(), extra={"HUB_TIMEZONE": "Asia/Shanghai"})
    for hub in run_hub(services_dir / "server-hub", settings):
        yield RunningHub(hub, lambda sql: mariadb.execute(sql, name))


@pytest.fixture(scope="session")
def own_redis_for_hub(services_dir: Path) -> Iterator[RedisServer]:
    directory = services_dir / "redis-of-hub"
    directory.mkdir()
    server = RedisServer(directory)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture(params=["embedded_hub", "server_hub"])
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    """Each test that asks for it runs on both kinds of hub."""
    found = Client(request.getfixturevalue(request.param))
    yield found
    found.close()


@pytest.fixture
def agents() -> Iterator[Callable[..., RawAgent]]:
    """`agents(client, token)`: connects; `headers` and `subprotocols` as the test wants them."""
    opened: list[ClientConnection] = []

    def open_one(client: Client, token: str, **options: Any) -> RawAgent:
        options = {"subprotocols": [SUBPROTOCOL], "compression": None, "ping_interval": None} | options
        options.setdefault("additional_headers", {"Authorization": f"Bearer {token}"})
        opened.append(connect(f"ws://127.0.0.1:{client.hub.port}/ws", **options))
        return RawAgent(opened[-1])

    yield open_one
    for socket in opened:
        socket.close()


@pytest.fixture
async def store(stores: Stores) -> AsyncIterator[Store]:
    """An empty migrated store, on SQLite and on MariaDB, on this test's loop."""
    await asyncio.to_thread(migrate, stores.database_url)
    made = Store(stores.database_url)
    yield made
    await made.close()
