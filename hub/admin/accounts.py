"""What admins do to accounts: one place that knows who acts, changes the record, and lets live sessions feel it."""

from hub.access.audit import Audit
from hub.access.auth import Auth
from hub.access.checking import refuse_weak
from hub.access.principal import Principal
from hub.clock import Clock
from hub.errors import Refusal
from hub.model.bodies import NewUser
from hub.model.names import fault, skeleton
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
            await self._refuse_names("username", [NewUser(username, password, role=role)])
            refuse_weak("password", password, username)
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
        await self._refuse_names("users", new)
        for user in new:
            refuse_weak(f"users: password of {user.username}", user.password, user.username)
        names = [user.username for user in new]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise Refusal("invalid", f"users: given twice: {', '.join(twice)}")
        if taken := await self._store.users.taken(names):
            raise Refusal("conflict", f"users: taken: {', '.join(sorted(taken))}")

    async def _refuse_names(self, field: str, new: list[NewUser]) -> None:
        """Refuses 422 what mixes scripts, what looks like an admin's name, and an admin's that looks like any other."""
        for user in new:
            if why := fault(user.username):
                raise Refusal("invalid", f"{field}: takes letters of one script ({user.username!r} {why})")
        admins = [*await self._store.users.names("admin"), *(user.username for user in new if user.role == "admin")]
        everyone: list[str] = []
        if any(user.role == "admin" for user in new):
            everyone = [*await self._store.users.names(None), *(user.username for user in new)]
        _refuse_alike(field, [user.username for user in new], admins)
        _refuse_alike(field, [user.username for user in new if user.role == "admin"], everyone)

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
            account = await self._store.users.get(user_id)
            if account is None:
                raise _nobody(user_id)
            refuse_weak("password", password, account.username)
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
            raise _nobody(user_id)
        await self._changes.made(change)


def _nobody(user_id: int) -> Refusal:
    return Refusal("not_found", f"there is no user {user_id}")


def _refuse_alike(field: str, names: list[str], others: list[str]) -> None:
    drawn: dict[str, str] = {}
    for other in others:
        drawn.setdefault(skeleton(other), other)
    for name in names:
        if (alike := drawn.get(skeleton(name), name)) != name:
            raise Refusal("invalid", f"{field}: {name!r} looks like {alike!r}")
