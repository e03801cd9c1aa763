"""Queries on users."""

from typing import Any

from sqlalchemy import Update, func, insert, select, update

from hub.errors import Refusal, Rejected
from hub.model.records import ACTIVE, EXPIRED, Account, Change, Role

from .account_row import ACCOUNT_COLUMNS, account_of
from .changes import note_change
from .database import Database
from .tables import orders, users


class Users:
    """The accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, username: str, password_hash: str, role: Role, expire_ms: int | None, now_ms: int) -> int:
        """The new user's id. Refuses a name that is taken."""
        row = {
            "username": username,
            "password": password_hash,
            "role": role,
            "status": ACTIVE,
            "expire_at": expire_ms,
            "created_at": now_ms,
            "updated_at": now_ms,
        }
        try:
            async with self._database.writing() as connection:
                made = await connection.execute(insert(users).values(row))
        except Rejected:
            raise Refusal("conflict", f"username: {username!r} is taken") from None
        return made.inserted_primary_key[0]  # type: ignore[index, no-any-return]

    async def get_many(self, user_ids: list[int]) -> dict[int, Account]:
        """Those of the users that exist, by id."""
        async with self._database.reading() as connection:
            rows = await connection.execute(select(*ACCOUNT_COLUMNS).where(users.c.id.in_(user_ids)))
            return {row.id: account_of(row) for row in rows}

    async def get_many_now(self, user_ids: list[int]) -> tuple[dict[int, Account], int]:
        """The same, and the newest order's id at that moment (0 for none), in one statement."""
        newest = select(func.max(orders.c.id)).scalar_subquery()
        query = select(*ACCOUNT_COLUMNS, newest.label("newest")).where(users.c.id.in_(user_ids))
        async with self._database.reading() as connection:
            rows = list(await connection.execute(query))
        return {row.id: account_of(row) for row in rows}, max((row.newest or 0 for row in rows), default=0)

    async def get(self, user_id: int) -> Account | None:
        return (await self.get_many([user_id])).get(user_id)

    async def credentials(self, username: str) -> tuple[Account, str] | None:
        """The account and its password hash."""
        query = select(*ACCOUNT_COLUMNS, users.c.password).where(users.c.username == username)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        # MySQL compares without trailing blanks: `ann ` must not log in as `ann`.
        return (account_of(row), row.password) if row and row.username == username else None

    async def renew_hash(self, user_id: int, stored: str, renewed: str) -> None:
        """The same password's hash by newer parameters, unless the password has changed meanwhile."""
        query = update(users).where(users.c.id == user_id, users.c.password == stored).values(password=renewed)
        async with self._database.writing() as connection:
            await connection.execute(query)

    async def ids_of(self, names: list[str]) -> dict[str, int]:
        """The ids of those traders' names that exist."""
        query = select(users.c.username, users.c.id).where(users.c.username.in_(names), users.c.role == "trader")
        async with self._database.reading() as connection:
            return {row.username: row.id for row in await connection.execute(query)}

    async def traders_among(self, user_ids: list[int]) -> set[int]:
        """Those of the ids that are traders."""
        query = select(users.c.id).where(users.c.id.in_(user_ids), users.c.role == "trader")
        async with self._database.reading() as connection:
            return set((await connection.execute(query)).scalars())

    async def page(self, offset: int, limit: int, username: str | None) -> tuple[int, list[Account]]:
        """How many there are, and those of one page, by id."""
        matches = [users.c.username == username] if username else []
        async with self._database.reading() as connection:
            total = await connection.scalar(select(func.count()).select_from(users).where(*matches))
            query = select(*ACCOUNT_COLUMNS).where(*matches).order_by(users.c.id).offset(offset).limit(limit)
            return int(total or 0), [account_of(row) for row in await connection.execute(query)]

    async def set(self, user_id: int, now_ms: int, **values: Any) -> Change | None:
        """Sets columns of one user; None when there is none."""
        query = update(users).where(users.c.id == user_id).values(updated_at=now_ms, **values)
        return await self._change(user_id, query)

    async def _change(self, user_id: int, *queries: Update) -> Change | None:
        """Runs them in one transaction with the row that tells of it; None where the first finds nobody."""
        async with self._database.transaction() as connection:
            if (await connection.execute(queries[0])).rowcount == 0:
                return None
            for query in queries[1:]:
                await connection.execute(query)
            return await note_change(connection, user_id)

    async def set_expiry(self, user_id: int, expire_ms: int | None, now_ms: int) -> Change | None:
        """Sets the expiry, and with it the status: a disabled account stays disabled. None when there is no such
        user."""
        is_over = expire_ms is not None and expire_ms <= now_ms
        before, after = (ACTIVE, EXPIRED) if is_over else (EXPIRED, ACTIVE)
        return await self._change(
            user_id,
            update(users).where(users.c.id == user_id).values(expire_at=expire_ms, updated_at=now_ms),
            update(users).where(users.c.id == user_id, users.c.status == before).values(status=after),
        )

    async def note_expired(self, user_ids: list[int], now_ms: int) -> None:
        """Status 2 for active accounts whose expiry has been noticed."""
        query = (
            update(users)
            .where(users.c.id.in_(user_ids), users.c.status == ACTIVE, users.c.expire_at <= now_ms)
            .values(status=EXPIRED, updated_at=now_ms)
        )
        async with self._database.writing() as connection:
            await connection.execute(query)

    async def end_session(self, user_id: int, session_id: str | None, now_ms: int) -> Change | None:
        """Forgets the user's session; with a session id, only if it is still that one. None where nothing was to be
        done."""
        query = update(users).where(users.c.id == user_id).values(session_id=None, updated_at=now_ms)
        if session_id is not None:
            query = query.where(users.c.session_id == session_id)
        return await self._change(user_id, query)
