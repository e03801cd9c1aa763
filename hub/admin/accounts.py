"""What admins do to accounts: one place that knows who acts, changes the record, and lets live sessions feel it."""

import structlog

from hub.access.auth import Auth
from hub.access.principal import Principal
from hub.clock import Clock
from hub.errors import Refusal
from hub.model.records import Change, Role
from hub.sessions.account_changes import AccountChanges
from hub.store import Store

log = structlog.get_logger(__name__)


class Administration:
    """Account changes. `actor` is who asks; it has been checked to be an admin."""

    def __init__(self, *, store: Store, auth: Auth, changes: AccountChanges, clock: Clock) -> None:
        self._clock = clock
        self._store = store
        self._auth = auth
        self._changes = changes

    async def create_user(
        self, actor: Principal, username: str, password: str, role: Role, expire_ms: int | None
    ) -> int:
        """The new user's id. Refuses a name that is taken."""
        password_hash = await self._auth.hash_password(password)
        user_id = await self._store.users.create(username, password_hash, role, expire_ms, self._clock())
        log.info("user created", actor=actor.name, user_id=user_id, role=role)
        return user_id

    async def set_expiry(self, actor: Principal, user_id: int, expire_ms: int | None) -> None:
        change = await self._store.users.set_expiry(user_id, expire_ms, self._clock())
        await self._changed(actor, user_id, change, "expiry set")

    async def set_status(self, actor: Principal, user_id: int, status: int) -> None:
        change = await self._store.users.set(user_id, self._clock(), status=status)
        await self._changed(actor, user_id, change, "status set", status=status)

    async def set_password(self, actor: Principal, user_id: int, password: str) -> None:
        """A new password also ends the login: who knew the old one is out."""
        password_hash = await self._auth.hash_password(password)
        change = await self._store.users.set(user_id, self._clock(), password=password_hash, session_id=None)
        await self._auth.forget(user_id)
        await self._changed(actor, user_id, change, "password set")

    async def kick(self, actor: Principal, user_id: int) -> None:
        """Ends the user's login, if there is one."""
        change = await self._store.users.end_session(user_id, None, self._clock())
        await self._auth.forget(user_id)
        await self._changed(actor, user_id, change, "login ended")

    async def _changed(self, actor: Principal, user_id: int, change: Change | None, what: str, **facts: object) -> None:
        if change is None:
            raise Refusal("not_found", f"there is no user {user_id}")
        log.info(what, actor=actor.name, user_id=user_id, **facts)
        await self._changes.made(change)
