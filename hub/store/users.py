"""Queries on users."""

from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Update, func, insert, select, update

from hub.errors import Refusal, Rejected
from hub.model.records import ACTIVE, DISABLED, EXPIRED, Account, Change, Role

from .account_row import ACCOUNT_COLUMNS, account_of
from .changes import note_change
from .database import Database
from .lists import among
from .tables import orders, users


class UserFilter(NamedTuple):
    """Which users of a list; None: any. A status as it is at `now_ms`, also where the expiry was not noted yet."""

    username: str | None = None
    status: int | None = None
    role: str | None = None
    since_ms: int | None = None
    now_ms: int = 0


EVERYBODY: Final = UserFilter()
_MANY: Final = select(*ACCOUNT_COLUMNS).where(among(users.c.id, "ids"))
_NEWEST: Final = select(func.max(orders.c.id)).scalar_subquery()
_MANY_NOW: Final = select(*ACCOUNT_COLUMNS, _NEWEST.label("newest")).where(among(users.c.id, "ids"))


class Users:
    """The accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, username: str, password_hash: str, role: Role, expire_ms: int | None, now_ms: int) -> int:
        """The new user's id. Refuses a name that is taken."""
        row = _new_row(username, password_hash, role, expire_ms, now_ms)
        try:
            async with self._database.writing() as connection:
                made = await connection.execute(insert(users).values(row))
        except Rejected:
            raise Refusal("conflict", f"username: {username!r} is taken") from None
        return made.inserted_primary_key[0]  # type: ignore[index, no-any-return]

    async def taken(self, names: list[str]) -> set[str]:
        """Those of the names that somebody has."""
        query = select(users.c.username).where(users.c.username.in_(names))
        async with self._database.reading() as connection:
            return set((await connection.execute(query)).scalars())

    async def create_many(self, new: list[tuple[str, str, Role, int | None]], now_ms: int) -> list[int]:
        """The ids of (name, password hash, role, expiry), all made together or none. Refuses a name that is taken."""
        rows = [_new_row(*user, now_ms) for user in new]
        names = [row["username"] for row in rows]
        try:
            async with self._database.transaction() as connection:
                await connection.execute(insert(users), rows)
                query = select(users.c.username, users.c.id).where(users.c.username.in_(names))
                ids = {row.username: row.id for row in await connection.execute(query)}
        except Rejected:
            raise Refusal("conflict", "users: one of the names is taken") from None
        return [ids[name] for name in names]

    async def may_trade(self, targets: tuple[int, ...] | None, now_ms: int) -> tuple[int, set[int]]:
        """How many traders are meant (None: all), and the ids of those whose account is active and not over."""
        meant = [users.c.id.in_(targets)] if targets is not None else []
        query = select(*ACCOUNT_COLUMNS).where(users.c.role == "trader", *meant)
        async with self._database.reading() as connection:
            found = [account_of(row) for row in await connection.execute(query)]
        return len(found), {user.id for user in found if user.status == ACTIVE and not user.is_expired(now_ms)}

    async def get_many(self, user_ids: list[int]) -> dict[int, Account]:
        """Those of the users that exist, by id."""
        async with self._database.reading() as connection:
            rows = await connection.execute(_MANY, {"ids": user_ids})
            return {row.id: account_of(row) for row in rows}

    async def get_many_now(self, user_ids: list[int]) -> tuple[dict[int, Account], int]:
        """The same, and the newest order's id at that moment (0 for none), in one statement."""
        async with self._database.reading() as connection:
            rows = list(await connection.execute(_MANY_NOW, {"ids": user_ids}))
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

    async def change_password(
        self, user_id: int, stored: str, new: str, session_id: str | None, now_ms: int
    ) -> Change | None:
        """Sets another hash, unless it has changed meanwhile. The login with this session id stays, and has to be the
        present one; with None no login stays. None where nothing was to be done."""
        query = update(users).where(users.c.id == user_id, users.c.password == stored)
        if session_id is not None:
            query = query.where(users.c.session_id == session_id)
        return await self._change(user_id, query.values(password=new, session_id=session_id, updated_at=now_ms))

    async def names(self, role: Role | None) -> list[str]:
        """The names of those with this role; None: of all."""
        matches = [users.c.role == role] if role else []
        async with self._database.reading() as connection:
            return list((await connection.execute(select(users.c.username).where(*matches))).scalars())

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

    async def page(self, offset: int, limit: int, wanted: UserFilter = EVERYBODY) -> tuple[int, list[Account]]:
        """How many there are, and those of one page, by id."""
        matches = _matches(wanted)
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


def _new_row(username: str, password_hash: str, role: Role, expire_ms: int | None, now_ms: int) -> dict[str, Any]:
    return {
        "username": username,
        "password": password_hash,
        "role": role,
        "status": ACTIVE,
        "expire_at": expire_ms,
        "created_at": now_ms,
        "updated_at": now_ms,
    }


def _matches(wanted: UserFilter) -> list[ColumnElement[bool]]:
    is_over = users.c.expire_at.is_not(None) & (users.c.expire_at <= wanted.now_ms)
    has_status = {
        ACTIVE: (users.c.status == ACTIVE) & ~is_over,
        EXPIRED: (users.c.status == EXPIRED) | ((users.c.status == ACTIVE) & is_over),
        DISABLED: users.c.status == DISABLED,
    }
    return [
        *([users.c.username == wanted.username] if wanted.username else ()),
        *([has_status[wanted.status]] if wanted.status else ()),
        *([users.c.role == wanted.role] if wanted.role else ()),
        *([users.c.created_at >= wanted.since_ms] if wanted.since_ms is not None else ()),
    ]
