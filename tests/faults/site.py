"""Hubs on MariaDB and Redis, each reaching either store through a proxy and under a user of its own.

Invariant: what befalls one hub's way to a store (its proxy, its user) leaves the other hub's way alone.
"""

import asyncio
import itertools
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from hub.store.migrations import migrate
from tests.kit.admin import Admin, Books, books_of
from tests.kit.agents import Desk, desk_of
from tests.services.hub_process import HubProcess, HubSettings
from tests.services.mariadb import MariaDB
from tests.services.process import Process
from tests.services.redis_server import RedisServer

from .proxy import Proxy, proxy_to

WORD: Final = "the-right-password"
_numbers: Final = itertools.count(1)


class SkewedHub(HubProcess):
    """A hub whose clock is off by `skew_s`."""

    def __init__(self, directory: Path, settings: HubSettings, skew_s: float) -> None:
        super().__init__(directory, settings)
        self._skew_s = skew_s

    def command(self) -> list[str]:
        serve = ("serve", "--host", "127.0.0.1", "--port", str(self.port))
        return [sys.executable, "-m", "tests.faults.skewed_hub", str(self._skew_s), *serve]


@dataclass(frozen=True)
class Way:
    """One hub, and its way to either store."""

    user: str
    hub: HubProcess
    to_database: Proxy
    to_redis: Proxy


@dataclass(frozen=True)
class Site:
    """All that a row works on."""

    mariadb: MariaDB
    redis: RedisServer
    database: str
    ways: list[Way]
    http: aiohttp.ClientSession
    books: Books
    desk: Desk

    @property
    def hubs(self) -> list[HubProcess]:
        return [way.hub for way in self.ways]

    @property
    def database_url(self) -> str:
        """Past all proxies."""
        return self.mariadb.url(self.database)

    def admin_at(self, hub: int) -> Admin:
        return Admin(self.http, self.hubs[hub].url, self.hubs[hub].admin_token)

    async def sql(self, text: str) -> str:
        """As root, past all proxies."""
        return await asyncio.to_thread(self.mariadb.execute, text, self.database)


@dataclass(frozen=True)
class Servers:
    """MariaDB and Redis of one test file, and where hubs may keep their directories."""

    directory: Path
    mariadb: MariaDB
    redis: RedisServer

    def kill(self) -> None:
        self.mariadb.kill()
        self.redis.kill()


def redis_users(count: int) -> list[str]:
    """Options of a Redis that knows each hub's user, also after it was started anew."""
    return [part for n in range(count) for part in ("--user", f"hub{n}", "on", f">{WORD}", "~*", "&*", "+@all")]


@asynccontextmanager
async def site_on(servers: Servers, skews_s: Sequence[float] = (0,), **settings: str) -> AsyncIterator[Site]:
    """A fresh database, an emptied Redis, and a hub for each skew of a clock. `settings` are HUB_… variables."""
    await asyncio.to_thread(_make_well, servers)
    database = await asyncio.to_thread(servers.mariadb.create_database)
    await asyncio.to_thread(migrate, servers.mariadb.url(database))
    same = HubSettings(extra={"HUB_LOG_FORMAT": "json"} | settings)
    async with AsyncExitStack() as stack:
        ways = [await _way(stack, servers, database, n, skew_s, same) for n, skew_s in enumerate(skews_s)]
        await asyncio.gather(*(asyncio.to_thread(way.hub.start) for way in ways))
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=200)))
        books = await stack.enter_async_context(books_of(servers.mariadb.url(database)))
        desk = await stack.enter_async_context(desk_of(http))
        try:
            yield Site(servers.mariadb, servers.redis, database, ways, http, books, desk)
        except BaseException:
            # What the row left ill must not fail the next one: what was set dies with the servers.
            await asyncio.to_thread(servers.kill)
            raise


def _make_well(servers: Servers) -> None:
    """Starts what does not run, and empties Redis."""
    both: list[Process] = [servers.mariadb, servers.redis]
    for server in both:
        if not server.is_running():
            server.start()
    servers.redis.flush()


async def _way(stack: AsyncExitStack, servers: Servers, database: str, n: int, skew_s: float, same: HubSettings) -> Way:
    user = f"hub{n}"
    make = f"CREATE OR REPLACE USER {user}@'%' IDENTIFIED BY '{WORD}'; GRANT ALL ON {database}.* TO {user}@'%'"
    await asyncio.to_thread(servers.mariadb.execute, make)
    to_database = await stack.enter_async_context(proxy_to(servers.mariadb.port))
    to_redis = await stack.enter_async_context(proxy_to(servers.redis.port))
    settings = HubSettings(
        f"mysql+asyncmy://{user}:{WORD}@127.0.0.1:{to_database.port}/{database}",
        f"redis://{user}:{WORD}@127.0.0.1:{to_redis.port}/0",
        same.jwt_secret,
        same.admin_token,
        same.extra,
    )
    directory = servers.directory / f"hub-{next(_numbers)}"
    hub = SkewedHub(directory, settings, skew_s) if skew_s else HubProcess(directory, settings)
    stack.callback(hub.kill)
    return Way(user, hub, to_database, to_redis)
