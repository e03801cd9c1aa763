"""Queries on the installation: its id, its processes, the database's clock."""

from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, Executable, delete, func, literal_column, select
from sqlalchemy.dialects import mysql, sqlite

from .database import Database
from .tables import hub_processes as processes
from .tables import hub_state

ALIVE_S: Final = 6
"""A process that was not seen for longer, by the database's clock, does not count as alive: three of its beats."""
FORGOTTEN_S: Final = 600
PROBE_TIMEOUT_S: Final = 2.0
CLOCK: Final = select(
    literal_column("CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) DIV 1000 AS SIGNED)", BigInteger)
)
"""MySQL's clock in milliseconds, in its own arithmetic, so that no driver's idea of time zones comes between."""


class Peer(NamedTuple):
    """A live process of this database, and the Redis it reaches (None: none)."""

    name: str
    redis: str | None


class Installation:
    """What all processes of one database share."""

    def __init__(self, database: Database) -> None:
        self._database = database
        if database.is_sqlite:
            self._now: Any = literal_column("strftime('%Y-%m-%d %H:%M:%f000', 'now')")
        else:
            self._now = func.utc_timestamp(6)

    async def hub_id(self) -> str:
        """The installation's random id. Raises Unavailable."""
        async with self._database.reading() as connection:
            return str(await connection.scalar(select(hub_state.c.value).where(hub_state.c.name == "hub_id")))

    async def say_alive(self, name: str, redis: str | None, unwritten: int) -> None:
        """Writes that this process lives and how many facts wait in its ledger, which proves that the database takes
        writes. Raises Unavailable."""
        async with self._database.writing(PROBE_TIMEOUT_S) as connection:
            await connection.execute(self._upsert({"redis": redis, "unwritten": unwritten, "seen_at": self._now}, name))

    async def others(self, name: str) -> list[Peer]:
        """The live processes beside this one. Raises Unavailable."""
        alive = processes.c.seen_at > self._ago(ALIVE_S)
        query = select(processes.c.name, processes.c.redis).where(processes.c.name != name, alive)
        async with self._database.reading(PROBE_TIMEOUT_S) as connection:
            return [Peer(row.name, row.redis) for row in await connection.execute(query)]

    async def written_since(self, since_ms: int) -> set[str]:
        """The processes that have said since then, by the database's clock, that their ledgers are empty. Raises
        Unavailable."""
        query = select(processes.c.name).where(processes.c.seen_at > since_ms, processes.c.unwritten == 0)
        async with self._database.reading(PROBE_TIMEOUT_S) as connection:
            return set((await connection.execute(query)).scalars())

    async def now_ms(self) -> int | None:
        """The database's clock; None of SQLite, which has this machine's. Raises Unavailable."""
        if self._database.is_sqlite:
            return None
        async with self._database.reading(PROBE_TIMEOUT_S) as connection:
            return int(await connection.scalar(CLOCK))

    async def leave(self, name: str) -> None:
        """Forgets this process, and those that died long ago. Raises Unavailable."""
        old = processes.c.seen_at < self._ago(FORGOTTEN_S)
        async with self._database.writing(PROBE_TIMEOUT_S) as connection:
            await connection.execute(delete(processes).where((processes.c.name == name) | old))

    async def forget_everyone(self) -> None:
        """Clears the list of processes, for the one that holds the database's lock. Raises Unavailable."""
        async with self._database.writing(PROBE_TIMEOUT_S) as connection:
            await connection.execute(delete(processes))

    def _ago(self, seconds: int) -> Any:
        """So long ago by the database's clock."""
        if self._database.is_sqlite:
            return literal_column(f"strftime('%Y-%m-%d %H:%M:%f000', 'now', '-{seconds} seconds')")
        return literal_column(f"UTC_TIMESTAMP(6) - INTERVAL {seconds} SECOND")

    def _upsert(self, said: dict[str, Any], name: str) -> Executable:
        if self._database.is_sqlite:
            statement = sqlite.insert(processes).values(name=name, **said)
            return statement.on_conflict_do_update(index_elements=["name"], set_=said)
        return mysql.insert(processes).values(name=name, **said).on_duplicate_key_update(**said)
