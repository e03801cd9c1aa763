"""Live sessions held against the accounts: who may not go on is ended.

The invariant: nobody is logged out because Redis lost its data; the login's token id is in the users' table.
"""

from hub.access.accounts import Accounts
from hub.clock import Clock
from hub.model.records import Account
from hub.model.standing import why_ended
from hub.sessions.registry import Registry, Session


class Recheck:
    """Holds the sessions of this process against what their accounts say."""

    def __init__(self, registry: Registry, accounts: Accounts, clock: Clock) -> None:
        self._clock = clock
        self._registry = registry
        self._accounts = accounts

    async def everyone(self) -> None:
        """Asks the database about everyone who is connected. Raises Unavailable."""
        sessions = self._registry.everyone()
        accounts = await self._accounts.get_many([session.user_id for session in sessions])
        for session in sessions:
            self.session(session, accounts.get(session.user_id))

    def user(self, user_id: int, account: Account | None) -> None:
        """Ends the user's sessions that may not go on, by the account as it is now; None when the user is gone."""
        for session in self._registry.of_user(user_id):
            self.session(session, account)

    def session(self, session: Session, account: Account | None) -> None:
        """Ends one session, or lets it go on until the account now says."""
        is_ended = self.end_unfit(session, account)
        if not is_ended and account is not None and session.account_expire_ms != account.expire_ms:
            session.account_expire_ms = account.expire_ms
            self._registry.changed(session)

    def end_unfit(self, session: Session, account: Account | None) -> bool:
        """Ends the session if it may not go on; True if it did."""
        close = why_ended(account, session.token_id, session.token_expire_ms, self._clock())
        if close is not None:
            self._registry.close(session, close)
        return close is not None
