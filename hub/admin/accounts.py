"""What admins do to accounts: one place that knows who acts, changes the record, and lets live sessions feel it."""

from hub.access.audit import Audit
from hub.access.auth import Auth
from hub.access.principal import Principal
from hub.clock import Clock
from hub.errors import Refusal
from hub.model.bodies import NewUser
from hub.model.records import USER_STATUS, Change, Role
from hub.sessions.account_changes import AccountChanges
from hub.store import Store


class Administration:
    """Account changes. `actor` is who asks; it has been checked to be an admin."""

    def __init__(self, *, store: Store, auth: Auth, changes: AccountChanges, clock: Clock, audit: Audit) -> None:
        self._clock = clock
        self._store = store
        self._auth = auth
        self._changes = changes
        self._audit = audit

    async def create_user(
        self, actor: Principal, username: str, password: str, role: Role, expire_ms: int | None
    ) -> int:
        """The new user's id. Refuses a name that is taken."""
        with self._audit.act("user.create", actor, detail=f"{role} {username}") as act:
            password_hash = await self._auth.hash_password(password)
            user_id = await self._store.users.create(username, password_hash, role, expire_ms, self._clock())
            act.subject = f"user {user_id}"
        return user_id

    async def create_users(self, actor: Principal, new: list[NewUser], expire_ms: list[int | None]) -> list[int]:
        """The ids of the new users, made together or not at all. Refuses as `check_users`."""
        with self._audit.act("user.create", actor, detail=f"{len(new)} users together") as act:
            await self.check_users(new)
            hashes = [await self._auth.hash_password(user.password) for user in new]
            rows = [
                (user.username, password_hash, user.role, expires)
                for user, password_hash, expires in zip(new, hashes, expire_ms, strict=True)
            ]
            user_ids = await self._store.users.create_many(rows, self._clock())
            act.subject = f"users {user_ids[0]} to {user_ids[-1]}"
        return user_ids

    async def check_users(self, new: list[NewUser]) -> None:
        """Refuses names that are given twice or taken, and says which."""
        names = [user.username for user in new]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise Refusal("invalid", f"users: given twice: {', '.join(twice)}")
        if taken := await self._store.users.taken(names):
            raise Refusal("conflict", f"users: taken: {', '.join(sorted(taken))}")

    async def set_expiry(self, actor: Principal, user_id: int, expire_ms: int | None) -> None:
        until = "never" if expire_ms is None else f"at {expire_ms} ms"
        with self._audit.act("user.expire", actor, subject=f"user {user_id}", detail=until):
            await self._changed(user_id, await self._store.users.set_expiry(user_id, expire_ms, self._clock()))

    async def set_status(self, actor: Principal, user_id: int, status: int) -> None:
        with self._audit.act("user.status", actor, subject=f"user {user_id}", detail=USER_STATUS[status]):
            await self._changed(user_id, await self._store.users.set(user_id, self._clock(), status=status))

    async def set_password(self, actor: Principal, user_id: int, password: str) -> None:
        """A new password also ends the login: who knew the old one is out."""
        with self._audit.act("user.password", actor, subject=f"user {user_id}"):
            password_hash = await self._auth.hash_password(password)
            change = await self._store.users.set(user_id, self._clock(), password=password_hash, session_id=None)
            await self._auth.forget(user_id)
            await self._changed(user_id, change)

    async def kick(self, actor: Principal, user_id: int) -> None:
        """Ends the user's login, if there is one."""
        with self._audit.act("user.kick", actor, subject=f"user {user_id}"):
            change = await self._store.users.end_session(user_id, None, self._clock())
            await self._auth.forget(user_id)
            await self._changed(user_id, change)

    async def _changed(self, user_id: int, change: Change | None) -> None:
        if change is None:
            raise Refusal("not_found", f"there is no user {user_id}")
        await self._changes.made(change)
