"""Queries on a database that was restored from a backup under agents that know newer orders.

Nothing in such a database can know that it is an older copy; the agents' journals do. The invariant: once ids were
raised, no id that any agent has reported is given out again.
"""

from typing import Final

from sqlalchemy import func, insert, select, update

from hub.model.records import CANCELLED
from hub.store.tables import hub_state as state
from hub.store.tables import orders

from .database import Database

EPOCH_IDS: Final = 1_000_000
"""Ids an epoch: what is published between two restorations, and what agents know that are away, is far less."""
PLAUSIBLY_NEWER: Final = 1_000_000_000
"""No agent knows an order that is further ahead: one that says so must not use up the ids."""
_REPORTED: Final = "newest_reported_order"


class Restoration:
    """What agents know of orders that this database does not have, and the first id that is free of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self) -> int:
        """The highest order id here, 0 for none. Raises Unavailable."""
        async with self._database.reading() as connection:
            return int(await connection.scalar(select(func.max(orders.c.id))) or 0)

    async def newest_reported(self) -> int | None:
        """The highest order id of an agent's journal that was newer than the database. Raises Unavailable."""
        async with self._database.reading() as connection:
            value = await connection.scalar(select(state.c.value).where(state.c.name == _REPORTED))
        return None if value is None else int(value)

    async def note_reported(self, order_id: int) -> bool:
        """An agent's journal has this order; True if it is newer than what is here, which is then kept. Raises
        Unavailable."""
        newest = await self.newest()
        if not newest < order_id <= newest + PLAUSIBLY_NEWER:
            return False
        while (known := await self.newest_reported()) is None or known < order_id:
            if await self._is_kept(known, order_id):
                break
        return True

    async def raise_ids(self, now_ms: int) -> tuple[int, int]:
        """Begins a new epoch; returns its number and its first id. Raises Unavailable.

        A cancelled order for nobody takes the epoch's round id: every database counts on from there.
        """
        highest = max(await self.newest(), await self.newest_reported() or 0)
        epoch = highest // EPOCH_IDS + 1
        first = epoch * EPOCH_IDS
        stand_in = {
            "id": first,
            "time_increments": "TEN_MINUTE",
            "symbol_name": "RESTORED",
            "direction": "LONG",
            "valid_duration": 1,
            "status": CANCELLED,
            "created_at": now_ms,
            "updated_at": now_ms,
            "targets": "[]",
        }
        async with self._database.writing() as connection:
            await connection.execute(insert(orders).values(stand_in))
        return epoch, first + 1

    async def _is_kept(self, known: int | None, order_id: int) -> bool:
        """Only if no other process wrote meanwhile."""
        if known is None:
            return await self._database.insert(insert(state).values(name=_REPORTED, value=str(order_id)))
        query = update(state).where(state.c.name == _REPORTED, state.c.value == str(known)).values(value=str(order_id))
        async with self._database.writing() as connection:
            return (await connection.execute(query)).rowcount > 0
