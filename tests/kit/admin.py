"""The admin's desk: what an admin does over HTTP at one hub, and what stands in the database.

Any test of the story uses it. The invariant: `Books` reads the tables with SQL of its own, so that a wrong query of
the hub's cannot hide a wrong row.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientSession
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

ORDER = {"symbol_name": "BTCUSDT", "direction": "LONG", "time_increments": "TEN_MINUTE"}


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: its status, and the envelope's data and message."""

    status: int
    data: Any
    message: str


async def ask(http: ClientSession, method: str, url: str, token: str, body: object = None, **headers: str) -> Answer:
    """One request, as whoever holds the token."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named["Authorization"] = f"Bearer {token}"
    async with http.request(method, url, json=body, headers=named) as answer:
        envelope = await answer.json()
        assert envelope["code"] == answer.status
        return Answer(answer.status, envelope["data"], envelope["message"])


class Admin:
    """The bootstrap admin, at one hub."""

    def __init__(self, http: ClientSession, hub_url: str, token: str) -> None:
        self._http = http
        self._url = hub_url
        self._token = token

    async def ask(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        return await ask(self._http, method, self._url + path, self._token, body, **headers)

    async def try_publish(self, to: list[int], seconds: int = 60, key: str = "", **changed: object) -> Answer:
        """Whatever the hub answers."""
        body = ORDER | {"valid_duration": seconds, "targets": to} | changed
        headers = {"Idempotency_Key": key} if key else {}
        return await self.ask("POST", "/api/orders/create", body, **headers)

    async def publish(self, to: list[int], seconds: int = 60) -> int:
        """The id of a new order for these users."""
        answer = await self.try_publish(to, seconds)
        assert answer.status == 200, answer.message
        order_id: int = answer.data["order_id"]
        return order_id

    async def cancel(self, order_id: int, reason: str) -> Answer:
        return await self.ask("POST", f"/api/orders/{order_id}/cancel", {"reason": reason})

    async def order(self, order_id: int) -> Any:
        """The order with its funnel."""
        return (await self.ask("GET", f"/api/orders/{order_id}")).data

    async def funnel(self, order_id: int) -> Any:
        return (await self.order(order_id))["funnel"]

    async def disable(self, user_id: int) -> Answer:
        return await self.ask("PUT", f"/api/admin/users/{user_id}/status", {"status": 3})

    async def connected(self) -> dict[int, str]:
        """The device of each user who is connected anywhere."""
        return dict(await self.devices())

    async def devices(self) -> list[tuple[int, str]]:
        """User and device of every connection: a user may still have two, of which one is about to be replaced."""
        answer = await self.ask("GET", "/api/admin/agents")
        return [(agent["user_id"], agent["device_id"]) for agent in answer.data["list"]]


@dataclass(frozen=True)
class Row:
    """One assignment, as it stands on disk."""

    order_id: int
    user_id: int
    device_id: str
    is_acked: bool
    outcome: str | None


class Books:
    """The database, seen from outside."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def rows(self, *order_ids: int) -> list[Row]:
        """The assignments of these orders."""
        found = await self._select(
            "SELECT order_id, user_id, device_id, acked_at IS NOT NULL, outcome FROM order_assignments"
            f" WHERE order_id IN ({', '.join(map(str, order_ids))})"
        )
        return [Row(row[0], row[1], row[2], bool(row[3]), row[4]) for row in found]

    async def outcomes(self, *order_ids: int) -> dict[int, str | None]:
        """By user; for one order, or for orders of different users."""
        return {row.user_id: row.outcome for row in await self.rows(*order_ids)}

    async def expiries(self, *order_ids: int) -> dict[int, int]:
        """The end of each order's window, in milliseconds since the Unix epoch."""
        if self._engine.name == "mysql":
            created_ms = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', created_at) DIV 1000"
        else:
            created_ms = "CAST(ROUND((julianday(created_at) - 2440587.5) * 86400000) AS INTEGER)"
        among = ", ".join(map(str, order_ids))
        found = await self._select(f"SELECT id, {created_ms} + valid_duration * 1000 FROM orders WHERE id IN ({among})")
        return {row[0]: int(row[1]) for row in found}

    async def value(self, query: str) -> Any:
        """The first column of the first row."""
        return (await self._select(query))[0][0]

    async def insert_order(self, seconds: int, targets: list[int]) -> int:
        """An order that no doorbell ever rang for."""
        now = "UTC_TIMESTAMP(6)" if self._engine.name == "mysql" else "strftime('%Y-%m-%d %H:%M:%f', 'now')"
        query = (
            "INSERT INTO orders (time_increments, symbol_name, direction, valid_duration, status, created_at,"
            f" updated_at, targets) VALUES ('TEN_MINUTE', 'BTCUSDT', 'LONG', {seconds}, 1, {now}, {now}, '{targets}')"
        )
        async with self._engine.begin() as connection:
            order_id: int = (await connection.execute(text(query))).lastrowid
            return order_id

    async def _select(self, query: str) -> list[Any]:
        async with self._engine.connect() as connection:
            return list((await connection.execute(text(query))).all())


@asynccontextmanager
async def books_of(database_url: str) -> AsyncIterator[Books]:
    """The books of a database, closed at the end."""
    engine = create_async_engine(database_url, pool_pre_ping=True)
    try:
        yield Books(engine)
    finally:
        await engine.dispose()
