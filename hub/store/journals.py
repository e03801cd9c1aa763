"""Queries on agents' journals: which start of the program the hub saw last of each."""

from sqlalchemy import insert, select, update

from .database import Database
from .tables import journals as rows


class Journals:
    """The journals that agents have shown."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def is_copy(self, journal: str, user_id: int, start: str, previous: str | None, now_ms: int) -> bool:
        """Whether this start does not follow the last one seen of the journal: the journal was copied, or came back
        from a backup. Notes the start. Raises Unavailable."""
        while True:
            seen = await self._last(journal)
            if seen is None:
                if await self._is_noted_first(journal, user_id, start, now_ms):
                    return False
                continue
            last_start, was_copy = seen
            if start == last_start:
                return was_copy
            if await self._is_moved(journal, last_start, start, previous != last_start, now_ms):
                return previous != last_start

    async def _last(self, journal: str) -> tuple[str, bool] | None:
        query = select(rows.c.start, rows.c.is_copy).where(rows.c.journal == journal)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else (row.start, bool(row.is_copy))

    async def _is_noted_first(self, journal: str, user_id: int, start: str, now_ms: int) -> bool:
        values = {"journal": journal, "user_id": user_id, "start": start, "is_copy": 0, "seen_at": now_ms}
        return await self._database.insert(insert(rows).values(values))

    async def _is_moved(self, journal: str, seen: str, start: str, is_copy: bool, now_ms: int) -> bool:
        """Only if no other connection moved it meanwhile: of two copies that come at once, one follows the other."""
        query = (
            update(rows)
            .where(rows.c.journal == journal, rows.c.start == seen)
            .values(start=start, is_copy=int(is_copy), seen_at=now_ms)
        )
        async with self._database.writing() as connection:
            return (await connection.execute(query)).rowcount > 0
