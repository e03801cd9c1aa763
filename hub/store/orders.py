"""Queries on orders."""

from typing import Any, Final

import msgspec
from sqlalchemy import bindparam, func, insert, select, update

from hub.errors import Refusal, Rejected
from hub.model.delivery import LONGEST_LIFE_MS
from hub.model.records import ASSIGNED, CANCELLED, ORDER_EXPIRED, PENDING, Draft, OrderRow
from hub.store.tables import orders
from protocol.messages import Order

from .database import Database
from .lists import among

_INSERT: Final = insert(orders)
_IS_LIVE: Final = orders.c.status.in_((PENDING, ASSIGNED))
_LIVE: Final = select(orders).where(_IS_LIVE).order_by(orders.c.id)
_MANY: Final = select(orders).where(among(orders.c.id, "ids"))
_CANCELLED: Final = select(orders.c.id).where(among(orders.c.id, "ids"), orders.c.status == CANCELLED)
_CANCEL: Final = update(orders).where(orders.c.id == bindparam("one"), _IS_LIVE)
_END: Final = update(orders).where(among(orders.c.id, "ids"), _IS_LIVE)
_ASSIGN: Final = update(orders).where(among(orders.c.id, "ids"), orders.c.status == PENDING)


class Orders:
    """The published orders."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def publish(self, draft: Draft, now_ms: int) -> tuple[OrderRow, bool]:
        """The stored order, and whether this call stored it: the same idempotency key gives the first one.

        Committed when it returns. Refuses a key that was used for another order.
        """
        values = msgspec.structs.asdict(draft) | {
            "targets": msgspec.json.encode(draft.targets).decode() if draft.targets is not None else None,
            "status": PENDING,
            "created_at": now_ms,
            "updated_at": now_ms,
        }
        try:
            async with self._database.writing() as connection:
                made = await connection.execute(_INSERT, values)
        except Rejected:
            if draft.idempotency_key is None:
                raise
            return await self._first_under(draft, draft.idempotency_key), False
        order = Order.of(made.inserted_primary_key[0], now_ms, draft)  # type: ignore[index]
        return OrderRow(order, PENDING, draft.targets, draft.created_by), True

    async def _first_under(self, draft: Draft, key: str) -> OrderRow:
        query = select(orders).where(orders.c.idempotency_key == key)
        async with self._database.reading() as connection:
            first = _row((await connection.execute(query)).one())
        same = Order.of(first.order.id, first.order.created_ms, draft) == first.order
        if not same or first.targets != draft.targets:
            raise Refusal("conflict", "Idempotency-Key: was used for another order; take a new one")
        return first

    async def counted_since(self, since_ms: int) -> int:
        """How many were published since then. Raises Unavailable."""
        query = select(func.count()).where(orders.c.created_at >= since_ms)
        async with self._database.reading() as connection:
            return int(await connection.scalar(query) or 0)

    async def get(self, order_id: int) -> OrderRow | None:
        return (await self.get_many([order_id])).get(order_id)

    async def get_many(self, order_ids: list[int]) -> dict[int, OrderRow]:
        """Those of the orders that exist, by id."""
        async with self._database.reading() as connection:
            rows = await connection.execute(_MANY, {"ids": order_ids})
            return {row.id: _row(row) for row in rows}

    async def cancelled_among(self, order_ids: list[int]) -> list[int]:
        """Those of the orders that were cancelled. Raises Unavailable."""
        async with self._database.reading() as connection:
            return list((await connection.execute(_CANCELLED, {"ids": order_ids})).scalars())

    async def live(self) -> list[OrderRow]:
        """Neither cancelled nor swept, oldest first; some may be past their window."""
        async with self._database.reading() as connection:
            return [_row(row) for row in await connection.execute(_LIVE)]

    async def recent(self, now_ms: int) -> list[OrderRow]:
        """All whose window can have ended within the last hour or is still open, whatever their status."""
        since = now_ms - LONGEST_LIFE_MS
        query = select(orders).where(orders.c.created_at >= since).order_by(orders.c.id)
        async with self._database.reading() as connection:
            return [_row(row) for row in await connection.execute(query)]

    async def page(
        self, offset: int, limit: int, status: int | None = None, symbol: str | None = None, since_ms: int | None = None
    ) -> tuple[int, list[OrderRow]]:
        """How many there are, and those of one page, newest first. None: any."""
        matches = [
            *([orders.c.status == status] if status else ()),
            *([orders.c.symbol_name == symbol] if symbol else ()),
            *([orders.c.created_at >= since_ms] if since_ms is not None else ()),
        ]
        async with self._database.reading() as connection:
            total = await connection.scalar(select(func.count()).select_from(orders).where(*matches))
            query = select(orders).where(*matches).order_by(orders.c.id.desc()).offset(offset).limit(limit)
            return int(total or 0), [_row(row) for row in await connection.execute(query)]

    async def cancel(self, order_id: int, now_ms: int) -> bool:
        """Status 4, if it is still live."""
        values = {"one": order_id, "status": CANCELLED, "updated_at": now_ms}
        async with self._database.writing() as connection:
            return (await connection.execute(_CANCEL, values)).rowcount > 0

    async def note_over(self, order_ids: list[int], now_ms: int) -> None:
        """Status 3 for orders whose window has ended."""
        async with self._database.writing() as connection:
            await connection.execute(_END, {"ids": order_ids, "status": ORDER_EXPIRED, "updated_at": now_ms})

    async def note_assigned(self, order_ids: list[int], now_ms: int) -> None:
        """Status 2 for orders that a first user has."""
        async with self._database.writing() as connection:
            await connection.execute(_ASSIGN, {"ids": order_ids, "status": ASSIGNED, "updated_at": now_ms})


def _row(row: Any) -> OrderRow:
    targets = msgspec.json.decode(row.targets, type=tuple[int, ...]) if row.targets is not None else None
    return OrderRow(Order.of(row.id, row.created_at, row), row.status, targets, row.created_by)
