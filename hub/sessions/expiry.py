"""Sessions whose time has come: silent ones, and those whose token or account has run out.

The invariant: ending them needs no store; that an account was noticed to have expired is written as soon as it can be.
"""

from hub.clock import Clock
from hub.sessions.registry import Registry
from hub.store import Store
from protocol import closes
from protocol.messages import SILENT_HEARTBEATS


class Expiry:
    """Looks at the sessions of this process."""

    def __init__(self, *, store: Store, registry: Registry, heartbeat_s: int, clock: Clock) -> None:
        self._clock = clock
        self._store = store
        self._registry = registry
        self._silence_ms = SILENT_HEARTBEATS * heartbeat_s * 1_000
        self._expired: set[int] = set()

    async def end_overdue(self) -> None:
        """Ends sessions that have run out, and those that nothing was heard of. Waits for nothing."""
        now = self._clock()
        for session in self._registry:
            if session.closed is not None:
                continue
            if session.heard_ms + self._silence_ms <= now:
                self._registry.close(session, closes.HEARTBEAT_LOST)
            elif session.token_expire_ms <= now:
                self._registry.close(session, closes.TOKEN_EXPIRED)
            elif session.account_expire_ms is not None and session.account_expire_ms <= now:
                self._registry.close(session, closes.ACCOUNT_EXPIRED)
                self._expired.add(session.user_id)

    async def note_expired(self) -> None:
        """Writes which accounts have expired. Raises Unavailable, and keeps them."""
        if self._expired:
            noted = set(self._expired)
            await self._store.users.note_expired(sorted(noted), self._clock())
            self._expired -= noted
