"""Traders by the hundred, and their logins over HTTP.

Any test of the story uses it. The invariant: only the cost of the password hash is lowered (Argon2 keeps its cost in
the hash), so a login takes the hub's whole way, and two hundred of them take a second.
"""

import asyncio
import itertools
from dataclasses import dataclass
from typing import Final

from aiohttp import ClientSession
from argon2 import PasswordHasher
from sqlalchemy import insert, select

from hub.clock import now_ms
from hub.model.records import ACTIVE
from hub.store import Store
from hub.store.tables import users

PASSWORD: Final = "correct horse"
_HASH: Final = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
TOO_MANY: Final = 429
_numbers: Final = itertools.count(1)


@dataclass(frozen=True)
class Person:
    """A trader's account."""

    id: int
    username: str


async def enrol(database_url: str, count: int, expire_ms: int | None = None) -> list[Person]:
    """`count` new traders. Their accounts are older than any order that is published from now on."""
    names = [f"trader{next(_numbers)}" for _ in range(count)]
    at_ms = now_ms()
    fixed = {"password": _HASH, "status": ACTIVE, "role": "trader", "created_at": at_ms, "updated_at": at_ms}
    rows = [{"username": name, "expire_at": expire_ms} | fixed for name in names]
    store = Store(database_url)
    try:
        async with store.database.transaction() as connection:
            await connection.execute(insert(users), rows)
            found = await connection.execute(select(users.c.id, users.c.username).where(users.c.username.in_(names)))
            return [Person(row.id, row.username) for row in found.all()]
    finally:
        await store.close()


async def log_in(http: ClientSession, hub_url: str, person: Person, device_id: str | None = None) -> str:
    """A token; in a crowd, once the hub has a moment. Raises aiohttp.ClientResponseError when the hub refuses."""
    body = {"username": person.username, "password": PASSWORD}
    if device_id is not None:
        body["device_id"] = device_id
    while True:
        async with http.post(f"{hub_url}/api/auth/login", json=body) as answer:
            if answer.status != TOO_MANY:
                answer.raise_for_status()
                token: str = (await answer.json())["data"]["token"]
                return token
            wait_s = int(answer.headers["Retry-After"])
        await asyncio.sleep(wait_s)


async def log_all_in(http: ClientSession, hub_url: str, people: list[Person]) -> list[str]:
    """A token each, in order."""
    return await asyncio.gather(*(log_in(http, hub_url, person) for person in people))
