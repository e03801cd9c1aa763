"""Alembic's migrations in `sql/`, run from the program: no command to learn, no path to know."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final, TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

import sql

from .boundary import boundary, unavailable

T = TypeVar("T")
HOME: Final = Path(sql.__file__).parent
CONNECT_TIMEOUT_S: Final = 5


def migrate(database_url: str) -> str:
    """Brings the database to the newest schema; the revision reached. Raises Unavailable."""
    asyncio.run(_with_connection(database_url, _upgrade))
    return head()


def is_current(database_url: str) -> bool:
    """Whether the schema is the newest. Raises Unavailable."""
    return asyncio.run(_with_connection(database_url, revision)) == head()


def head() -> str:
    """The newest revision."""
    revision_id = ScriptDirectory.from_config(_config()).get_current_head()
    if revision_id is None:
        raise RuntimeError("sql/versions is empty")
    return revision_id


def revision(connection: Connection) -> str | None:
    """The revision that the database is at; None before the first."""
    return MigrationContext.configure(connection).get_current_revision()


def _upgrade(connection: Connection) -> None:
    # MySQL has no names for primary keys, and its driver warns of each: our own tables are meant so.
    logging.getLogger("asyncmy").setLevel(logging.ERROR)
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def _with_connection(database_url: str, work: Callable[[Connection], T]) -> T:
    engine = create_async_engine(database_url)
    try:
        async with AsyncExitStack() as stack:
            with boundary():
                connection = await _in_time(stack.enter_async_context(engine.begin()))
            return await connection.run_sync(work)
    except (SQLAlchemyError, OSError) as error:
        raise unavailable(error) from error
    finally:
        await engine.dispose()


async def _in_time(connecting: Awaitable[T]) -> T:
    """The driver bounds how long a server may take to be there, not to say its first word."""
    try:
        return await asyncio.wait_for(connecting, CONNECT_TIMEOUT_S)
    except TimeoutError as error:
        raise OSError(f"no answer within {CONNECT_TIMEOUT_S:g} s") from error


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(HOME))
    return config
