"""The engines, and the ways to a connection: `reading`, `writing` and `transaction`.

The invariants: whatever a driver raises because the database is out of reach leaves here as `Unavailable`; nobody waits
for a hung database for more than `TIMEOUT_S`; and a connection that something odd happened to is not used again.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final, TypeVar

from sqlalchemy import Connection as SyncConnection
from sqlalchemy import CursorResult, Executable, Insert, event
from sqlalchemy.engine import Dialect, make_url
from sqlalchemy.exc import DisconnectionError, IllegalStateChangeError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from hub.errors import Rejected, Unavailable
from hub.runtime import metrics

from .boundary import boundary

TIMEOUT_S: Final = 10
PING_AFTER_S: Final = 1.0
"""A connection that was idle for longer, or since before the last trouble, is asked whether it still lives before it is
used. A busy hub saves the round trip: what breaks within a second is found by the statement itself."""

T = TypeVar("T")


class Connection:
    """A connection as the store's queries use it: each call crosses the boundary by itself. `decides`: what it writes
    is committed with the statement."""

    __slots__ = ("_decides", "_raw")

    def __init__(self, raw: AsyncConnection, *, decides: bool = False) -> None:
        self._raw = raw
        self._decides = decides

    @property
    def dialect(self) -> Dialect:
        return self._raw.dialect

    async def execute(self, statement: Executable, values: Any = None) -> CursorResult[Any]:
        """Raises Unavailable, InDoubt where it decides, Rejected."""
        with boundary(decides=self._decides):
            return await self._raw.execute(statement, values)

    async def scalar(self, statement: Executable) -> Any:
        """The first column of the first row, or None. Raises Unavailable, Rejected."""
        with boundary():
            return await self._raw.scalar(statement)

    async def run_sync(self, work: Callable[[SyncConnection], T]) -> T:
        """For Alembic, which has no asyncio of its own. Raises Unavailable."""
        with boundary():
            return await self._raw.run_sync(work)


class Database:
    """One database, by its SQLAlchemy URL."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self.is_sqlite = self._url.get_backend_name() == "sqlite"
        self._trouble = _Trouble()
        engine = _sqlite if self.is_sqlite else partial(_mysql, trouble=self._trouble)
        self._reader = engine(url, isolation_level="AUTOCOMMIT")
        self._writer = engine(url, isolation_level="AUTOCOMMIT")
        self._transactions = engine(url, isolation_level=None if self.is_sqlite else "READ COMMITTED")

    @property
    def name(self) -> str:
        """The URL without its password."""
        return self._url.render_as_string(hide_password=True)

    @asynccontextmanager
    async def reading(self, timeout_s: float = TIMEOUT_S) -> AsyncIterator[Connection]:
        """A connection that sees what is committed; statements stand alone."""
        async with _in_time(timeout_s), _lent(self._reader, self._trouble) as raw:
            yield Connection(raw)

    @asynccontextmanager
    async def writing(self, timeout_s: float = TIMEOUT_S) -> AsyncIterator[Connection]:
        """A connection whose statements are committed one by one: a round trip each, and a process that is frozen in
        between holds no lock. Its calls raise InDoubt where it is not known whether one stands."""
        under_way = _UnderWay()
        async with _in_time(timeout_s, under_way), _lent(self._writer, self._trouble) as raw:
            under_way.decides = True
            yield Connection(raw, decides=True)

    @asynccontextmanager
    async def transaction(self, timeout_s: float = TIMEOUT_S) -> AsyncIterator[Connection]:
        """For writes that stand together or not at all: committed when the block ends, rolled back when it raises.
        Raises InDoubt at the COMMIT."""
        under_way = _UnderWay()
        async with _in_time(timeout_s, under_way), _lent(self._transactions, self._trouble) as raw:
            with boundary():
                transaction = await raw.begin()
            try:
                yield Connection(raw)
            except BaseException:
                if not raw.invalidated:
                    with boundary():
                        await transaction.rollback()
                raise
            under_way.decides = True
            with boundary(decides=True):
                await transaction.commit()

    async def insert(self, statement: Insert) -> bool:
        """One row, committed. False where the database refuses it: there is such a row, or what it refers to is gone.
        Raises Unavailable."""
        try:
            async with self.writing() as connection:
                await connection.execute(statement)
        except Rejected:
            return False
        return True

    async def close(self) -> None:
        for engine in (self._reader, self._writer, self._transactions):
            await engine.dispose()


class _Trouble:
    """When the database last failed a call: what was connected before is doubtful."""

    last = 0.0


class _UnderWay:
    """Whether what is under way decides what stands: a time-out then says nothing about it."""

    decides = False


@asynccontextmanager
async def _in_time(timeout_s: float, under_way: _UnderWay | None = None) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except TimeoutError as error:
        with boundary(decides=under_way is not None and under_way.decides):
            raise OSError(f"no answer within {timeout_s:g} s") from error


@asynccontextmanager
async def _lent(engine: AsyncEngine, trouble: _Trouble) -> AsyncIterator[AsyncConnection]:
    """A connection of the pool; not given back when anything went wrong that is not the statement's own refusal."""
    with boundary():
        raw = await engine.connect()
    try:
        yield raw
    except (Unavailable, asyncio.CancelledError):
        trouble.last = time.monotonic()
        await _discard(raw)
        raise
    finally:
        await _give_back(raw)


async def _discard(raw: AsyncConnection) -> None:
    if not raw.invalidated and not raw.closed:
        await raw.invalidate()


async def _give_back(raw: AsyncConnection) -> None:
    """A connection whose statement was cancelled in the middle cannot be closed in order; it is dropped."""
    try:
        await raw.close()
    except IllegalStateChangeError:
        await _discard(raw)


def _mysql(url: str, *, trouble: _Trouble, **options: Any) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=5,
        max_overflow=5,
        pool_timeout=TIMEOUT_S,
        pool_recycle=1_800,
        # Nothing to undo: statements commit by themselves, transactions have committed or rolled back.
        pool_reset_on_return=None,
        skip_autocommit_rollback=True,
        hide_parameters=True,
        # READ COMMITTED: with MySQL's default, concurrent upserts lock the gaps between each other's rows.
        connect_args={
            "connect_timeout": 5,
            "charset": "utf8mb4",
            "init_command": "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
        },
        **options,
    )
    _ping_when_doubtful(engine, trouble)
    return engine


def _ping_when_doubtful(engine: AsyncEngine, trouble: _Trouble) -> None:
    """Asks a connection that was idle whether it lives, as `pool_pre_ping` asks every time."""
    dialect = engine.dialect

    @event.listens_for(engine.sync_engine, "checkin")
    def _idle(connection: Any, record: Any) -> None:
        if connection is not None:
            record.info["idle_since"] = time.monotonic()

    @event.listens_for(engine.sync_engine, "checkout")
    def _ping(connection: Any, record: Any, _proxy: Any) -> None:
        since = record.info.get("idle_since")
        if since is None or (time.monotonic() - since < PING_AFTER_S and since > trouble.last):
            return
        try:
            dialect.do_ping(connection)
        except Exception as error:
            metrics.UNAVAILABLE.labels("database").inc()
            raise DisconnectionError(str(error)) from error  # the pool opens a new one


def _sqlite(url: str, *, isolation_level: str | None) -> AsyncEngine:
    engine = create_async_engine(
        url, connect_args={"timeout": TIMEOUT_S}, hide_parameters=True, isolation_level=isolation_level
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _durable(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()
        # The driver would begin a transaction only at the first write, too late to wait for another writer.
        connection.isolation_level = None

    if isolation_level is None:

        @event.listens_for(engine.sync_engine, "begin")
        def _begin(connection: Any) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
