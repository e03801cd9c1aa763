"""Queries on contradictions: results from a device that is not the one an order was given to."""

import msgspec
from sqlalchemy import insert, select

from hub.model.delivery import Reported
from hub.model.records import Contradiction

from .database import Database
from .tables import contradictions as rows
from .tables import users


class Contradictions:
    """Evidence that an order may have been submitted twice; the first of each device is kept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, order_id: int, user_id: int, event: Reported, now_ms: int) -> bool:
        """Keeps it; False when this device's was kept before, or its order or user is gone. Raises Unavailable."""
        values = {
            "order_id": order_id,
            "user_id": user_id,
            "device_id": event.device_id,
            "outcome": event.outcome,
            "executed_at": event.at_ms,
            "execution_result": msgspec.json.encode({"message": event.message, "data": event.data}).decode(),
            "reported_at": now_ms,
        }
        return await self._database.insert(insert(rows).values(values))

    async def of_order(self, order_id: int) -> list[Contradiction]:
        """Those of one order, as they came. Raises Unavailable."""
        query = (
            select(rows, users.c.username)
            .join(users, users.c.id == rows.c.user_id)
            .where(rows.c.order_id == order_id)
            .order_by(rows.c.id)
        )
        async with self._database.reading() as connection:
            return [
                Contradiction(row.user_id, row.username, row.device_id, row.outcome, row.executed_at, row.reported_at)
                for row in await connection.execute(query)
            ]
