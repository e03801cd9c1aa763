"""The engine, and the two ways to a connection: `reading` and `writing`.

Only `hub.store` imports it. The invariant: whatever the driver raises because the database is out of reach
leaves here as `Unavailable`, and nobody waits for a hung database for more than `PATIENCE_S`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from sqlalchemy import event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from hub.errors import Unavailable
from hub.runtime import metrics

PATIENCE_S: Final = 10


class Database:
    """One database, by its SQLAlchemy URL."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self.is_sqlite = self._url.get_backend_name() == "sqlite"
        engine = _sqlite if self.is_sqlite else _mysql
        # READ COMMITTED: with MySQL's default, concurrent upserts lock the gaps between each other's rows.
        self._writer = engine(url, isolation_level=None if self.is_sqlite else "READ COMMITTED")
        # Connections that stay as they are: else each read would cost three more round trips, there and back.
        self._reader = engine(url, isolation_level="AUTOCOMMIT", pool_reset_on_return=None)

    @property
    def name(self) -> str:
        """The URL without its password."""
        return self._url.render_as_string(hide_password=True)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection that sees what is committed; statements stand alone."""
        async with self._guarded(), self._reader.connect() as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction: committed when the block ends, rolled back when it raises."""
        async with self._guarded(), self._writer.begin() as connection:
            yield connection

    async def ping(self) -> None:
        async with self.reading() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        await self._writer.dispose()
        await self._reader.dispose()

    @asynccontextmanager
    async def _guarded(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(PATIENCE_S):
                yield
        except TimeoutError as error:
            raise _unavailable(f"no answer within {PATIENCE_S} s") from error
        except (OperationalError, InterfaceError, PoolTimeout, OSError, EOFError) as error:
            raise _unavailable(_first_line(error)) from error
        except DBAPIError as error:
            if error.connection_invalidated:
                raise _unavailable(_first_line(error)) from error
            raise


def _unavailable(why: str) -> Unavailable:
    metrics.UNAVAILABLE.labels("database").inc()
    return Unavailable("the database", why)


def _first_line(error: BaseException) -> str:
    """The driver's words without the statement and its values."""
    origin = getattr(error, "orig", None) or error
    return str(origin).splitlines()[0] if str(origin) else type(origin).__name__


def _mysql(url: str, **options: Any) -> AsyncEngine:
    return create_async_engine(
        url,
        pool_size=5,
        max_overflow=5,
        pool_timeout=PATIENCE_S,
        pool_pre_ping=True,
        pool_recycle=1_800,
        connect_args={"connect_timeout": 5, "charset": "utf8mb4"},
        **options,
    )


def _sqlite(url: str, **options: Any) -> AsyncEngine:
    engine = create_async_engine(url, connect_args={"timeout": PATIENCE_S}, **options)

    @event.listens_for(engine.sync_engine, "connect")
    def _durable(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()
        # The driver would begin a transaction only at the first write, too late to wait for another writer.
        connection.isolation_level = None

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        if connection.get_isolation_level() != "AUTOCOMMIT":
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
