"""What can befall MariaDB itself, short of the network before it."""

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Final

from asyncmy import connect
from asyncmy.cursors import Cursor
from asyncmy.errors import OperationalError

from tests.services.mariadb import MariaDB
from tests.services.waiting import eventually

from .illness import Illness
from .site import WORD, Site, Way

FEWEST_CONNECTIONS: Final = 10
"""MariaDB takes no lower limit."""


@asynccontextmanager
async def another_password(site: Site, ways: list[Way]) -> AsyncIterator[None]:
    for way in ways:
        await site.sql(f"ALTER USER {way.user}@'%' IDENTIFIED BY 'another'")
    await cut(site, ways)
    yield
    for way in ways:
        await site.sql(f"ALTER USER {way.user}@'%' IDENTIFIED BY '{WORD}'")


@asynccontextmanager
async def rights_revoked(site: Site, ways: list[Way]) -> AsyncIterator[None]:
    for way in ways:
        await site.sql(f"REVOKE ALL ON {site.database}.* FROM {way.user}@'%'")
    await cut(site, ways)
    yield
    for way in ways:
        await site.sql(f"GRANT ALL ON {site.database}.* TO {way.user}@'%'")


@asynccontextmanager
async def right_to_write_revoked(site: Site, ways: list[Way]) -> AsyncIterator[None]:
    """Connections and reads stay as they are."""
    for way in ways:
        await site.sql(
            f"REVOKE ALL ON {site.database}.* FROM {way.user}@'%'; GRANT SELECT ON {site.database}.* TO {way.user}@'%'"
        )
    await cut(site, ways)
    yield
    for way in ways:
        await site.sql(f"GRANT ALL ON {site.database}.* TO {way.user}@'%'")


@asynccontextmanager
async def read_only(site: Site, _ways: list[Way]) -> AsyncIterator[None]:
    await site.sql("SET GLOBAL read_only = 1")
    yield
    await site.sql("SET GLOBAL read_only = 0")


@asynccontextmanager
async def tables_locked(site: Site, _ways: list[Way]) -> AsyncIterator[None]:
    """By somebody's session, for all others, reading and writing."""
    tables = (await site.sql("SHOW TABLES")).split()
    async with _session(site.mariadb, "root", site.database) as cursor:
        await cursor.execute(f"LOCK TABLES {', '.join(f'{table} WRITE' for table in tables)}")
        yield
        await cursor.execute("UNLOCK TABLES")


@asynccontextmanager
async def no_connections_left(site: Site, ways: list[Way]) -> AsyncIterator[None]:
    """Others hold all of them, and the hubs' own were cut."""
    before = (await site.sql("SELECT @@max_connections")).strip()
    await site.sql("CREATE OR REPLACE USER others@'%'")
    async with AsyncExitStack() as held:
        # One that is there before: the hubs may hold more than the limit, which then shuts out everybody.
        root = await held.enter_async_context(_session(site.mariadb, "root"))
        await root.execute(f"SET GLOBAL max_connections = {FEWEST_CONNECTIONS}")
        for _ in range(FEWEST_CONNECTIONS - 1):
            await eventually(lambda: _takes_one(held, root, site, ways), "one connection more is taken")
        await _cut(root, ways)
        yield
        await root.execute(f"SET GLOBAL max_connections = {before}")


async def _takes_one(held: AsyncExitStack, root: Cursor, site: Site, ways: list[Way]) -> bool:
    await _cut(root, ways)
    try:
        await held.enter_async_context(_session(site.mariadb, "others"))
    except OperationalError:
        return False  # a hub was quicker
    return True


@asynccontextmanager
async def connections_killed(site: Site, ways: list[Way]) -> AsyncIterator[None]:
    """Again and again, each as soon as it is seen."""

    async def kill() -> None:
        async with _session(site.mariadb, "root") as root:
            while True:
                await _cut(root, ways)

    killing = asyncio.create_task(kill())
    try:
        yield
    finally:
        killing.cancel()
        await asyncio.gather(killing, return_exceptions=True)


@asynccontextmanager
async def disk_full(site: Site, _ways: list[Way]) -> AsyncIterator[None]:
    """No file of the server may grow any more, and its tablespace is used up, to the last row of the table that a
    publish writes to. The server must be a `SmallMariaDB`."""
    resource.prlimit(site.mariadb.pid, resource.RLIMIT_FSIZE, (FULL_BYTES, resource.RLIM_INFINITY))
    await site.sql("CREATE TABLE filler (id INT AUTO_INCREMENT PRIMARY KEY, rubbish LONGBLOB)")
    for size in (1 << 20, 1 << 16, 1 << 12, 64):
        await _until_full(site, f"INSERT INTO filler (rubbish) VALUES (REPEAT('x', {size}))")
    old = "'TEN_MINUTE', 'FILLER', 'LONG', 1, 3, '2020-01-01', '2020-01-01'"
    columns = "time_increments, symbol_name, direction, valid_duration, status, created_at, updated_at"
    await _until_full(site, f"INSERT INTO orders ({columns}) VALUES ({old})")
    yield
    resource.prlimit(site.mariadb.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


FULL_BYTES: Final = 32 << 20
"""What the log has from the start, which is never full."""


class SmallMariaDB(MariaDB):
    """All tables in one file, and told of a file that may not grow by an error and not by a signal."""

    def command(self) -> list[str]:
        one_file = ("--innodb-file-per-table=0", "--innodb-autoextend-increment=1")
        return ["env", "--ignore-signal=XFSZ", *super().command(), *one_file]


@asynccontextmanager
async def restarted(site: Site, _ways: list[Way]) -> AsyncIterator[None]:
    """Down while it lasts, as long as the row likes."""
    await asyncio.to_thread(site.mariadb.stop)
    yield
    await asyncio.to_thread(site.mariadb.start)


async def cut(site: Site, ways: list[Way]) -> None:
    """Ends the connections that these hubs have now."""
    async with _session(site.mariadb, "root") as root:
        await _cut(root, ways)


async def _cut(root: Cursor, ways: list[Way]) -> None:
    names = ", ".join(f"'{way.user}'" for way in ways)
    await root.execute(f"SELECT id FROM information_schema.processlist WHERE user IN ({names})")
    for (number,) in await root.fetchall():
        with suppress(OperationalError):  # it went by itself
            await root.execute(f"KILL {number}")


async def _until_full(site: Site, insert: str) -> None:
    """Repeats the statement until the server has no room for it."""

    async def is_full() -> bool:
        try:
            await site.sql(f"{insert};" * 50)
        except RuntimeError as error:
            if "is full" in str(error):
                return True
            raise
        return False

    await eventually(is_full, "the disk is full", 60)


@asynccontextmanager
async def _session(mariadb: MariaDB, user: str, database: str | None = None) -> AsyncIterator[Cursor]:
    """One that stays open."""
    connection = await connect(host="127.0.0.1", port=mariadb.port, user=user, database=database)
    try:
        async with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


DATABASE: Final = [
    Illness("database", "another password", another_password),
    Illness("database", "read-only", read_only),
    Illness("database", "tables locked", tables_locked),
    Illness("database", "no connections left", no_connections_left),
    Illness("database", "rights revoked", rights_revoked),
    Illness("database", "right to write revoked", right_to_write_revoked),
    Illness("database", "connections killed", connections_killed, shows=False),
    # A hub's own row is written in place, which a full disk allows: its probe cannot see that an order would not fit.
    Illness("database", "disk full", disk_full, shows=False),
    Illness("database", "restarted", restarted),
]
