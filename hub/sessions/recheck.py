"""Live sessions held against the accounts: who may not go on is ended.

The invariant: nobody is logged out because Redis lost its data; the login's token id is in the users' table.
"""

from typing import Final

from hub.access.accounts import Accounts
from hub.clock import now_ms
from hub.model.records import Account
from hub.model.standing import fault
from hub.sessions.registry import Registry, Session

ARRIVAL_MS: Final = 120_000
"""Longer than a handshake and a hello can take together."""


class Recheck:
    """Asks the database about the sessions of this process."""

    def __init__(self, registry: Registry, accounts: Accounts) -> None:
        self._registry = registry
        self._accounts = accounts
        self._changed_ms: dict[int, int] = {}

    async def everyone(self) -> None:
        """Asks the database about everyone who is connected. Raises Unavailable."""
        await self.sessions(self._registry.everyone())

    async def sessions(self, sessions: list[Session]) -> None:
        """Ends those of the sessions that may not go on. Raises Unavailable."""
        accounts = await self._accounts.get_many([session.user_id for session in sessions])
        for session in sessions:
            self._apply(session, accounts.get(session.user_id))

    async def user(self, user_id: int) -> None:
        """The same for one user, whose account was changed. Raises Unavailable."""
        self._changed_ms[user_id] = now_ms()
        sessions = self._registry.of_user(user_id)
        if sessions:
            await self.sessions(sessions)

    async def arrivals(self, sessions: list[Session]) -> None:
        """Those whose account was changed while they connected: a login may end between handshake and hello."""
        since = now_ms() - ARRIVAL_MS
        for user_id in [user_id for user_id, at in self._changed_ms.items() if at < since]:
            del self._changed_ms[user_id]
        touched = [session for session in sessions if session.user_id in self._changed_ms]
        if touched:
            await self.sessions(touched)

    def _apply(self, session: Session, account: Account | None) -> None:
        close = fault(account, session.token_id, session.token_expire_ms, now_ms())
        if close is not None:
            self._registry.close(session, close)
        elif account is not None and session.account_expire_ms != account.expire_ms:
            session.account_expire_ms = account.expire_ms
            self._registry.changed(session)
