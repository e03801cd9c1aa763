"""What is done when Redis has lost its data or events were missed: the database is asked instead.

Stories and the caretaker call it. The invariant: nothing is claimed between the loss of the claims and their
restoration (`claim.lua` refuses), and nobody is logged out by it: the login's token id is in the users' table.
"""

import asyncio
from typing import Final

import structlog

from hub.accounts import Accounts
from hub.claims import KEPT_AFTER_WINDOW_S, Claims
from hub.clock import now_ms
from hub.ledger import Ledger
from hub.registry import Registry, Session
from hub.standing import fault
from hub.store import Store
from hub.store.records import Account

SETTLE_S: Final = 0.4
"""Longer than rows wait to be written: after it, what other processes handed out before the loss is in the rows."""

ARRIVAL_MS: Final = 120_000
"""Longer than a handshake and a hello can take together."""

log = structlog.get_logger(__name__)


class Recovery:
    """Puts Redis right from the database, and live sessions from the accounts."""

    def __init__(self, *, store: Store, claims: Claims, ledger: Ledger, registry: Registry, accounts: Accounts) -> None:
        self._store = store
        self._claims = claims
        self._ledger = ledger
        self._registry = registry
        self._accounts = accounts
        self._restoring = asyncio.Lock()
        self._changed_ms: dict[int, int] = {}

    async def restore_claims(self) -> None:
        """Makes the claims complete again. Raises Unavailable."""
        async with self._restoring:
            while not await self._claims.is_complete():
                sign = await self._claims.begin_restoring()
                await self._ledger.flush()
                await asyncio.sleep(SETTLE_S)
                seconds = await self._seconds_to_keep()
                rows = await self._store.assignments.owners(seconds)
                if await self._claims.restore(sign, rows, seconds.__getitem__):
                    log.info("claims restored from the database", orders=len(seconds), claims=len(rows))

    async def _seconds_to_keep(self) -> dict[int, int]:
        """Of each order that can still be claimed, for how long its claims matter."""
        now = now_ms()
        live = await self._store.orders.live()
        return {
            row.order.id: (row.order.expires_ms - now) // 1_000 + KEPT_AFTER_WINDOW_S
            for row in live
            if row.order.expires_ms > now
        }

    async def recheck_sessions(self) -> None:
        """Asks the database about everyone who is connected. Raises Unavailable."""
        await self.recheck(self._registry.everyone())

    async def recheck(self, sessions: list[Session]) -> None:
        """Ends those of the sessions that may not go on. Raises Unavailable."""
        accounts = await self._accounts.get_many([session.user_id for session in sessions])
        for session in sessions:
            self._apply(session, accounts.get(session.user_id))

    async def recheck_user(self, user_id: int) -> None:
        """The same for one user, whose account was changed. Raises Unavailable."""
        self._changed_ms[user_id] = now_ms()
        sessions = self._registry.of_user(user_id)
        if sessions:
            await self.recheck(sessions)

    async def recheck_arrivals(self, sessions: list[Session]) -> None:
        """Those whose account was changed while they connected: a login may end between handshake and hello."""
        since = now_ms() - ARRIVAL_MS
        for user_id in [user_id for user_id, at in self._changed_ms.items() if at < since]:
            del self._changed_ms[user_id]
        touched = [session for session in sessions if session.user_id in self._changed_ms]
        if touched:
            await self.recheck(touched)

    def _apply(self, session: Session, account: Account | None) -> None:
        close = fault(account, session.token_id, session.token_expire_ms, now_ms())
        if close is not None:
            self._registry.close(session, close)
        elif account is not None and session.account_expire_ms != account.expire_ms:
            session.account_expire_ms = account.expire_ms
            self._registry.changed(session)
