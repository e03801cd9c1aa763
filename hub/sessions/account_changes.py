"""Changes of accounts and logins, from the database to every session that they concern.

Each change is a row of its own, written with the change. It is applied here at once, announced to the others with the
account as it now is, and owed until it is announced. Every process also asks the database each second for the rows that
it has not seen, and announces those that it did not hear of: so a change reaches a process that has either store, also
if the process that made it died a moment later. The invariant: of two changes of one user the later one counts.
"""

from collections.abc import Iterable
from functools import partial
from typing import Final, NamedTuple

import structlog

from hub.clock import Clock
from hub.cluster.announcements import Announcements
from hub.cluster.bus import Bus, UserChanged
from hub.errors import Unavailable
from hub.model.cursor import LOOK_BACK, Cursor
from hub.model.records import Account, Change
from hub.runtime.background import Background
from hub.sessions.recheck import Recheck
from hub.sessions.registry import Session
from hub.sessions.resync import Resync
from hub.store import Store

REMEMBERED_MS: Final = 120_000
"""How long a change is remembered for those who arrive: longer than a handshake and a hello take together."""
FORGOTTEN: Final = 20_000
"""How many changes stay in the database for processes that could not ask for a while."""

log = structlog.get_logger(__name__)


class _Known(NamedTuple):
    change_id: int
    account: Account | None
    at_ms: int


class AccountChanges:
    """What this process knows of changes, and makes known."""

    def __init__(
        self,
        *,
        store: Store,
        bus: Bus,
        announcements: Announcements,
        recheck: Recheck,
        resync: Resync,
        background: Background,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._store = store
        self._bus = bus
        self._announcements = announcements
        self._recheck = recheck
        self._resync = resync
        self._background = background
        self._known: dict[int, _Known] = {}
        self._heard: dict[int, int] = {}
        self._found: dict[int, int] = {}
        self._cursor: Cursor | None = None
        self._was_away = False

    # what is changed through this process

    async def made(self, change: Change) -> None:
        """Applies a committed change here and announces it, now or as soon as it can be. Asks no store before it is
        applied, and never raises for one that is away: the change stands."""
        user_id = change.account.id
        self._apply(user_id, change.id, change.account)
        await self._announcements.tell(f"account {user_id}", partial(self._announce, user_id))

    async def _announce(self, user_id: int) -> None:
        if user_id not in self._known:
            await self._ask_about([user_id])
        known = self._known[user_id]
        await self._bus.announce(UserChanged(user_id, known.change_id, known.account))

    # what is changed elsewhere

    def hear(self, event: UserChanged) -> None:
        """Applies what the stream tells; asks the database where it does not tell all, or tells old things."""
        if event.change_id > self._heard.get(event.user_id, 0):
            self._heard[event.user_id] = event.change_id
        is_old = self._cursor is not None and event.change_id <= self._cursor.low and event.user_id not in self._known
        if event.change_id == 0 or is_old:
            self._background.spawn(self._ask_about([event.user_id]), f"recheck of user {event.user_id}")
        else:
            self._apply(event.user_id, event.change_id, event.account)

    async def poll(self) -> None:
        """Asks the database for changes that this process has not seen, and applies them. Raises Unavailable."""
        try:
            if self._cursor is None:
                return await self._begin()
            rows = await self._store.changes.after(self._cursor.low)
        except Unavailable:
            self._was_away = True
            raise
        if self._was_away:
            self._was_away = False
            self._resync.request("the database was out of reach")
        await self._announce_unheard()
        new = self._cursor.take(rows, self._clock())
        unknown = {user: change for change, user in new if change > self._change_id(user)}
        if unknown:
            await self._ask_about(unknown)
            self._found |= unknown
        self._forget_old()
        return None

    async def tidy(self) -> None:
        """Deletes rows that every process has seen long ago. Raises Unavailable."""
        if self._cursor is not None and self._cursor.low > FORGOTTEN:
            await self._store.changes.forget(self._cursor.low - FORGOTTEN)

    async def _begin(self) -> None:
        """From the newest change on: those before it are the resync's of every start."""
        newest = await self._store.changes.newest()
        rows = await self._store.changes.after(max(0, newest - LOOK_BACK))
        self._cursor = Cursor(newest, [change for change, _ in rows if change <= newest], self._clock())

    async def _announce_unheard(self) -> None:
        """What was found by the last poll and not heard of since: whoever made it could not announce it."""
        found, self._found = self._found, {}
        for user_id, change_id in found.items():
            if self._heard.get(user_id, 0) < change_id:
                await self._announcements.tell(f"account {user_id}", partial(self._announce, user_id))

    # who arrives

    def arrivals(self, sessions: Iterable[Session]) -> None:
        """Ends those whose account was changed while they connected: a login may end between handshake and hello."""
        for session in sessions:
            known = self._known.get(session.user_id)
            if known is not None:
                self._recheck.end_unfit(session, known.account)

    async def _ask_about(self, user_ids: Iterable[int]) -> None:
        """Reads accounts as they are now, and applies them. Raises Unavailable."""
        found = await self._store.changes.states_of(list(user_ids))
        for user_id in user_ids:
            change_id, account = found.get(user_id, (self._change_id(user_id) + 1, None))
            self._apply(user_id, change_id, account)

    def _apply(self, user_id: int, change_id: int, account: Account | None) -> None:
        if change_id >= self._change_id(user_id):
            self._known[user_id] = _Known(change_id, account, self._clock())
            self._recheck.user(user_id, account)

    def _change_id(self, user_id: int) -> int:
        known = self._known.get(user_id)
        return known.change_id if known else 0

    def _forget_old(self) -> None:
        since = self._clock() - REMEMBERED_MS
        for user_id in [user_id for user_id, known in self._known.items() if known.at_ms < since]:
            del self._known[user_id]
            self._heard.pop(user_id, None)
