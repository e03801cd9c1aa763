"""Queries on what changed about accounts: a row each, written with the change itself.

Ids are given when a row is inserted and seen when it is committed, so a lower id can appear after a higher one:
`model.cursor` keeps account of the gaps.
"""

from typing import Final

from sqlalchemy import delete, func, insert, select

from hub.model.records import Account, Change

from .account_row import ACCOUNT_COLUMNS, account_of
from .database import Connection, Database
from .lists import among
from .tables import account_changes as changes
from .tables import users

_LAST: Final = select(func.max(changes.c.id)).where(changes.c.user_id == users.c.id).scalar_subquery()
_STATES: Final = select(*ACCOUNT_COLUMNS, _LAST.label("change_id")).where(among(users.c.id, "ids"))


class Changes:
    """The changes of accounts, by id."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self) -> int:
        """The highest id, 0 when there is none. Raises Unavailable."""
        async with self._database.reading() as connection:
            return int(await connection.scalar(select(func.max(changes.c.id))) or 0)

    async def after(self, change_id: int) -> list[tuple[int, int]]:
        """(id, user id) of all later ones, in order. Raises Unavailable."""
        query = select(changes.c.id, changes.c.user_id).where(changes.c.id > change_id).order_by(changes.c.id)
        async with self._database.reading() as connection:
            return [(row.id, row.user_id) for row in await connection.execute(query)]

    async def states_of(self, user_ids: list[int]) -> dict[int, tuple[int, Account]]:
        """Of those of the users that exist: the id of the last change (0 for none), and the account after it. Raises
        Unavailable."""
        async with self._database.reading() as connection:
            rows = await connection.execute(_STATES, {"ids": user_ids})
            return {row.id: (row.change_id or 0, account_of(row)) for row in rows}

    async def forget(self, before_id: int) -> None:
        """Deletes what every process has seen long ago. Raises Unavailable."""
        async with self._database.writing() as connection:
            await connection.execute(delete(changes).where(changes.c.id < before_id))


async def note_change(connection: Connection, user_id: int) -> Change:
    """Says in the same transaction that the account is not what it was, and reads what it is now: the row is locked, so
    nobody has to ask for it after the COMMIT, when the database may be gone."""
    made = await connection.execute(insert(changes).values(user_id=user_id))
    row = (await connection.execute(select(*ACCOUNT_COLUMNS).where(users.c.id == user_id))).one()
    return Change(made.inserted_primary_key[0], account_of(row))  # type: ignore[index]
