"""What a measured run stands on: a MariaDB, a Redis and one hub, in a directory of their own in memory."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from hub.store.migrations import migrate
from tests.services.hub_process import HubProcess, HubSettings
from tests.services.mariadb import MariaDB, make_template
from tests.services.redis_server import RedisServer

T = TypeVar("T")


@asynccontextmanager
async def hub_in(directory: Path, mariadb: MariaDB) -> AsyncIterator[HubProcess]:
    """A hub that has just started; its `settings` name its stores."""
    database_url = mariadb.url(await asyncio.to_thread(mariadb.create_database))
    await asyncio.to_thread(migrate, database_url)
    async with AsyncExitStack() as stack:
        redis = RedisServer(directory / "redis")
        settings = HubSettings(database_url, redis.url(), secrets.token_hex(32), secrets.token_hex(32))
        hub = HubProcess(directory / "hub", settings)
        for server in (redis, hub):
            stack.callback(server.kill)
            await asyncio.to_thread(server.start)
        yield hub


def on_stage(play: Callable[[Path, MariaDB], Awaitable[T]]) -> T:
    """Runs it, and takes everything down."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(prefix="bn-auto-stage-", dir=memory if memory.is_dir() else None) as room:
        mariadb = MariaDB(Path(room, "mariadb"), make_template(Path(room, "template")))
        try:
            mariadb.start()
            return asyncio.run(_played(play, Path(room), mariadb))
        finally:
            mariadb.kill()


async def _played(play: Callable[[Path, MariaDB], Awaitable[T]], directory: Path, mariadb: MariaDB) -> T:
    return await play(directory, mariadb)
