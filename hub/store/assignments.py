"""Queries on assignments: the record of who was given what, and what came of it.

The invariant is the unique row (order, user): a row belongs to the device that wrote it first, and an upsert
from any other device changes nothing in it.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, cast

import msgspec
from sqlalchemy import and_, bindparam, case, func, insert, literal_column, null, select, update
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.sql.dml import Insert, Update

from hub.model.delivery import CONFIRMED, OVERDUE, UNHEARD, Delivery, State, holder_of
from hub.model.records import Absent, AssignmentRow, KnownOutcome
from hub.store.tables import order_assignments as rows
from hub.store.tables import users
from protocol.messages import FACTS, Outcome

from .database import Database
from .lists import among

UNSENT: Final = '{"sent":false}'
"""`execution_result` of a claim whose frame could not be handed over yet; NULL once it was."""
LEAVING: Final = '{"sent":null}'
"""The same, committed just before its frame goes. Where it stays, the process died: it may have gone."""

_OF_ORDERS: Final = among(rows.c.order_id, "order_ids")
_HOLDERS: Final = select(rows.c.order_id, rows.c.user_id, rows.c.device_id, rows.c.journal).where(_OF_ORDERS)
_OWNERS: Final = select(rows.c.order_id, rows.c.user_id, rows.c.device_id, rows.c.outcome).where(
    _OF_ORDERS, among(rows.c.user_id, "user_ids")
)
_ACKED: Final = select(rows.c.user_id).where(
    rows.c.order_id == bindparam("order"),
    among(rows.c.user_id, "user_ids"),
    rows.c.acked_at.is_not(None) | rows.c.outcome.is_not(None),
)
_KNOWN: Final = select(
    rows.c.order_id, rows.c.outcome, rows.c.presumed, rows.c.acked_at, rows.c.execution_result
).where(rows.c.user_id == bindparam("user"), _OF_ORDERS)
_OPEN: Final = update(rows).where(_OF_ORDERS, rows.c.outcome.is_(None))
_CLOSE_UNSENT: Final = _OPEN.where(rows.c.execution_result == UNSENT, rows.c.acked_at.is_(None))
_CLOSE_UNHEARD: Final = _OPEN.where(
    rows.c.execution_result.is_(None) | (rows.c.execution_result == LEAVING) | rows.c.acked_at.is_not(None)
)


class Written(NamedTuple):
    """Of the deliveries that were to be confirmed, as (order id, user id, device id): whose row belongs to their
    device, and which of those had no outcome before."""

    ours: set[tuple[int, int, str]]
    ended: set[tuple[int, int, str]]


class Assignments:
    """The record of deliveries."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._upsert = _sqlite_upsert() if database.is_sqlite else _mysql_upsert()

    async def record(self, deliveries: Sequence[Delivery], confirm: Sequence[Delivery] = ()) -> Written:
        """Upserts all; committed when it returns, and harmless to repeat where it raises. What became of `confirm` is
        asked and told."""
        asked = {
            "order_ids": list({delivery.order_id for delivery in confirm}),
            "user_ids": list({delivery.user_id for delivery in confirm}),
        }
        # Sorted, so that two processes lock rows in the same order.
        values = [_values(delivery) for delivery in sorted(deliveries, key=lambda d: (d.order_id, d.user_id))]
        async with self._database.writing() as connection:
            before = await connection.execute(_OWNERS, asked) if confirm else ()
            had_ended = {tuple(row)[:3] for row in before if row.outcome is not None}
            await connection.execute(self._upsert, values)
            after = await connection.execute(_OWNERS, asked) if confirm else ()
            owners = {tuple(row)[:3] for row in after}
        ours = owners & {(delivery.order_id, delivery.user_id, delivery.device_id) for delivery in confirm}
        return Written(ours, ours - had_ended)

    async def insert(self, delivery: Delivery) -> bool:
        """The row, if this user has none of this order yet: of many who try one gets True. Committed then."""
        return await self._database.insert(insert(rows).values(_values(delivery)))

    async def owners(self, order_ids: Iterable[int]) -> list[tuple[int, int, str]]:
        """(order id, user id, holder) of every row of these orders, the holder as a claim has it."""
        async with self._database.reading() as connection:
            found = await connection.execute(_HOLDERS, {"order_ids": list(order_ids)})
            return [(row.order_id, row.user_id, holder_of(row.device_id, row.journal)) for row in found]

    async def without_row(self, order_id: int, targets: Sequence[int] | None) -> list[int]:
        """The targeted traders who have no row of this order."""
        query = (
            select(users.c.id)
            .outerjoin(rows, and_(rows.c.user_id == users.c.id, rows.c.order_id == order_id))
            .where(users.c.role == "trader", rows.c.id.is_(None))
        )
        if targets is not None:
            query = query.where(users.c.id.in_(targets))
        async with self._database.reading() as connection:
            return list((await connection.execute(query)).scalars())

    async def outcomes(self, order_ids: list[int]) -> dict[int, dict[str, int]]:
        """How many rows of each order have which outcome; `open` where there is none yet."""
        query = (
            select(rows.c.order_id, rows.c.outcome, func.count().label("users"))
            .where(rows.c.order_id.in_(order_ids))
            .group_by(rows.c.order_id, rows.c.outcome)
        )
        found: dict[int, dict[str, int]] = {order_id: {} for order_id in order_ids}
        async with self._database.reading() as connection:
            for row in await connection.execute(query):
                found[row.order_id][row.outcome or "open"] = row.users
        return found

    async def owner(self, order_id: int, user_id: int) -> str | None:
        """The device that the row belongs to."""
        query = select(rows.c.device_id).where(rows.c.order_id == order_id, rows.c.user_id == user_id)
        async with self._database.reading() as connection:
            return cast("str | None", await connection.scalar(query))

    async def acked_among(self, order_id: int, user_ids: list[int]) -> set[int]:
        """Those of the users who have acknowledged the order, or said what came of it."""
        asked = {"order": order_id, "user_ids": user_ids}
        async with self._database.reading() as connection:
            return set((await connection.execute(_ACKED, asked)).scalars())

    async def close_unsent(self, order_ids: list[int]) -> int:
        """Outcome `expired` for what was never sent of orders past their window; returns how many."""
        return await self._close(_CLOSE_UNSENT, order_ids, "expired", _OVERDUE)

    async def close_unheard(self, order_ids: list[int]) -> int:
        """Outcome `unknown` for what was sent, or may have been, of orders long past their window; returns how many."""
        return await self._close(_CLOSE_UNHEARD, order_ids, "unknown", _UNHEARD)

    async def _close(self, which: Update, order_ids: list[int], outcome: Outcome, result: str) -> int:
        values = {"order_ids": order_ids, "execution_result": result, "outcome": outcome, "presumed": 1}
        async with self._database.writing() as connection:
            return (await connection.execute(which, values)).rowcount

    async def outcomes_of(self, user_id: int, order_ids: list[int]) -> list[KnownOutcome]:
        """What is known of those of the orders that this user has a row of. Raises Unavailable."""
        asked = {"user": user_id, "order_ids": order_ids}
        async with self._database.reading() as connection:
            return [
                KnownOutcome(
                    row.order_id,
                    row.outcome,
                    bool(row.presumed),
                    row.acked_at is not None or row.execution_result in (None, LEAVING),
                )
                for row in await connection.execute(_KNOWN, asked)
            ]

    async def counted_since(self, since_ms: int) -> list[tuple[str, int, int]]:
        """Of rows assigned since then: an outcome (`open` where there is none), how many, how many of them acked."""
        query = (
            select(rows.c.outcome, func.count(), func.count(rows.c.acked_at))
            .where(rows.c.assigned_at >= since_ms)
            .group_by(rows.c.outcome)
        )
        async with self._database.reading() as connection:
            found: list[Any] = list(await connection.execute(query))
        return [(outcome or "open", count, acked) for outcome, count, acked in found]

    async def open_orders(self) -> list[int]:
        """Ids of orders that have a row without an outcome."""
        query = select(rows.c.order_id).where(rows.c.outcome.is_(None)).distinct()
        async with self._database.reading() as connection:
            return list((await connection.execute(query)).scalars())

    async def of_order(
        self, order_id: int, targets: tuple[int, ...] | None, created_ms: int
    ) -> tuple[list[AssignmentRow], list[Absent]]:
        """Every user's row of one order, by the time of assignment; and the targeted traders who have none.

        One statement, so that nobody is counted twice or missed while rows are being written.
        """
        meant = users.c.id.in_(targets) if targets is not None else users.c.created_at <= created_ms
        query = (
            select(users.c.username, users.c.status, users.c.expire_at, rows)
            .outerjoin(rows, and_(rows.c.user_id == users.c.id, rows.c.order_id == order_id))
            .where(and_(users.c.role == "trader", meant) | rows.c.id.is_not(None))
            .order_by(rows.c.assigned_at, rows.c.id)
        )
        async with self._database.reading() as connection:
            found = list(await connection.execute(query))
        missing = Counter(
            (row.status, row.expire_at is not None and row.expire_at <= created_ms) for row in found if row.id is None
        )
        absent = [Absent(status, was_expired, count) for (status, was_expired), count in missing.items()]
        return [_assignment(row) for row in found if row.id is not None], absent


def _values(delivery: Delivery) -> dict[str, Any]:
    return {
        "order_id": delivery.order_id,
        "user_id": delivery.user_id,
        "device_id": delivery.device_id,
        "assigned_at": _first(delivery.claimed_ms, delivery.acked_ms, delivery.executed_ms, delivery.settled_ms),
        "acked_at": delivery.acked_ms,
        "executed_at": delivery.executed_ms,
        "outcome": delivery.outcome,
        "execution_result": _execution_result(delivery),
        "journal": delivery.journal,
        "settlement": delivery.settlement,
        "settled_at": delivery.settled_ms,
    }


def _json(value: dict[str, Any]) -> str:
    return msgspec.json.encode(value).decode()


def _first(*times: int | None) -> int:
    return next(time for time in times if time is not None)


def _execution_result(delivery: Delivery) -> str | None:
    if delivery.outcome is None:
        if delivery.is_leaving:
            return LEAVING
        return UNSENT if delivery.state is State.CLAIMED else None
    result = {"success": delivery.outcome == "success", "message": delivery.message, "data": delivery.data}
    return _json(result)


def _assignment(row: Any) -> AssignmentRow:
    result = msgspec.json.decode(row.execution_result) if row.execution_result else {}
    return AssignmentRow(
        user_id=row.user_id,
        username=row.username,
        device_id=row.device_id,
        assigned_ms=row.assigned_at,
        acked_ms=row.acked_at,
        executed_ms=row.executed_at,
        outcome=row.outcome,
        message=result.get("message", ""),
        was_sent=row.acked_at is not None or result.get("sent", True) is True,
        settlement=row.settlement,
        settled_ms=row.settled_at,
    )


_OVERDUE: Final = _json({"success": False, "message": OVERDUE, "data": None, "sent": False})
_UNHEARD: Final = _json({"success": False, "message": UNHEARD, "data": None})


def _changes(new: Any) -> list[tuple[str, Any]]:
    """What an upsert changes in a row that is there already; `new` is the row that was offered.

    No bound values: the driver sends many rows as one statement and can repeat only the VALUES part. What
    decides stands behind what it decides: MySQL assigns from left to right.
    """
    same = rows.c.device_id == new.device_id
    is_fact = new.outcome.in_([literal_column(f"'{outcome}'") for outcome in sorted(FACTS)])
    is_expired, is_unknown = (rows.c.outcome == literal_column(f"'{outcome}'") for outcome in ("expired", "unknown"))
    says_unknown = and_(rows.c.presumed == literal_column("1"), new.outcome == literal_column("'unknown'"))
    replaceable = rows.c.outcome.is_(None) | is_expired | and_(is_unknown, is_fact | says_unknown)
    settles = and_(same, new.outcome.is_not(None), replaceable)
    is_open = rows.c.settlement.is_(None) | rows.c.settlement.not_like(literal_column(f"'%{CONFIRMED}'"))
    is_settled_anew = and_(same, new.settlement.is_not(None), is_open)
    # Once sent is sent: a later frame that could not be given over makes no difference to that.
    was_sent_now = and_(same, new.outcome.is_(None), rows.c.outcome.is_(None), new.execution_result.is_(None))
    turns = and_(same, _turns(new))
    return [
        ("acked_at", case((same, func.coalesce(rows.c.acked_at, new.acked_at)), else_=rows.c.acked_at)),
        ("executed_at", case((settles, new.executed_at), else_=rows.c.executed_at)),
        (
            "execution_result",
            case(
                (settles | turns, new.execution_result),
                (was_sent_now, null()),
                else_=rows.c.execution_result,
            ),
        ),
        # Before the outcome, which decides it; that outcome, `unknown`, is the same either way.
        ("presumed", case((settles, null()), else_=rows.c.presumed)),
        ("outcome", case((settles, new.outcome), else_=rows.c.outcome)),
        # The time first: it is decided by the old settlement.
        ("settled_at", case((is_settled_anew, new.settled_at), else_=rows.c.settled_at)),
        ("settlement", case((is_settled_anew, new.settlement), else_=rows.c.settlement)),
    ]


def _turns(new: Any) -> Any:
    """A claim whose frame is about to go, after one that could not; or that could not go after all."""
    unsent: Any = literal_column(f"'{UNSENT}'")
    leaving: Any = literal_column(f"'{LEAVING}'")
    goes = and_(rows.c.execution_result == unsent, new.execution_result == leaving)
    says_nothing_else = and_(new.acked_at.is_(None), new.settlement.is_(None), rows.c.acked_at.is_(None))
    return goes | and_(rows.c.execution_result == leaving, new.execution_result == unsent, says_nothing_else)


def _mysql_upsert() -> Insert:
    statement = mysql.insert(rows)
    return statement.on_duplicate_key_update(_changes(statement.inserted))


def _sqlite_upsert() -> Insert:
    statement = sqlite.insert(rows)
    return statement.on_conflict_do_update(
        index_elements=["order_id", "user_id"], set_=dict(_changes(statement.excluded))
    )
