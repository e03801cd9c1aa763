"""A password held against the account's hash, within the limits of tries: for a login, and for a new password."""

from typing import Final

from redis.asyncio import Redis

from hub.access.counters import Counters
from hub.access.hashing import Hashing, IsGone
from hub.access.login_limit import LoginLimit
from hub.errors import Refusal
from hub.model.bodies import TAKES
from hub.model.passwords import weakness
from hub.model.records import Account
from hub.store import Store

Found = tuple[Account, str]
"""An account, and its password's hash."""
WRONG: Final = Refusal("unauthorized", "username or password is wrong")


class PasswordCheck:
    """The one place where passwords are checked and hashed."""

    def __init__(self, store: Store, redis: Redis, counters: Counters) -> None:
        self._store = store
        self._hashing = Hashing()
        self._limit = LoginLimit(redis, counters)

    async def check(
        self,
        found: Found | None,
        username: str,
        password: str,
        device_id: str,
        address: str,
        is_gone: IsGone | None,
    ) -> Found:
        """The account, and the hash that it has now. `found`: None for a name that nobody has. Refuses 401, 429."""
        account, stored = found or (None, None)
        queue = self._hashing.queue(account is not None and account.role == "admin")
        with queue.place():
            counted = await self._limit.count(account.id if account else None, username, address, device_id)
            # An unknown name costs the same time, so that names cannot be told apart from outside.
            checked = await self._hashing.check(queue, stored, password, is_gone)
        if not checked.is_right or account is None or stored is None:
            await self._limit.was_wrong(counted)
            raise WRONG
        await self._limit.was_right(counted)
        if checked.renewed is not None:
            await self._store.users.renew_hash(account.id, stored, checked.renewed)
        return account, checked.renewed or stored

    async def hash(self, password: str, is_of_admin: bool = True) -> str:
        """A new password's hash; `is_of_admin`: whether an admin asks for it."""
        return await self._hashing.hash(password, is_of_admin)

    def close(self) -> None:
        self._hashing.close()


def refuse_weak(field: str, password: str, username: str) -> None:
    """Refuses 422 a password that is tried first."""
    if why := weakness(password, username):
        raise Refusal("invalid", f"{field}: takes {TAKES['password']} that are not guessed at once (it {why})")
