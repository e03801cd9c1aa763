"""Whether a database is one that a hub can work with: new enough, and ours to write.

The invariant: asking changes nothing. Each statement is one of the hub's kinds, for no row.
"""

import re
from typing import Final

from sqlalchemy import delete, false, func, insert, select, update

from hub.errors import Unfit

from .database import Connection
from .tables import account_changes, hub_processes, metadata

OLDEST_MYSQL: Final = (8, 0)
OLDEST_MARIADB: Final = (10, 6)


async def try_database(connection: Connection) -> None:
    """A connection that writes, to a database with the newest schema. Raises Unfit, Unavailable."""
    if connection.dialect.name != "sqlite":
        _refuse_old(str(await connection.scalar(select(func.version()))))
    for table in metadata.sorted_tables:
        nobody = select(table).where(false())
        await connection.execute(insert(table).from_select(list(table.columns), nobody))
        first = next(iter(table.primary_key))
        await connection.execute(update(table).where(false()).values({first: first}))
    for table in (hub_processes, account_changes):
        await connection.execute(delete(table).where(false()))


def _refuse_old(version: str) -> None:
    found = re.match(r"(\d+)\.(\d+)", version)
    oldest = OLDEST_MARIADB if "mariadb" in version.lower() else OLDEST_MYSQL
    if found and (int(found[1]), int(found[2])) < oldest:
        raise Unfit("the database", version, "old")
