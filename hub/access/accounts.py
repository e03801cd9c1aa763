"""Accounts by id, asked for one by one and fetched together.

The truth is read from the database every time, never kept: a thousand agents that connect within a moment cost
one query, and an account that was disabled a moment ago is seen as disabled.
"""

import asyncio

from hub.model.records import Account
from hub.runtime.gathering import Gathering
from hub.store import Store

AT_ONCE = 1_000
CROWD_GATHER_S = 0.025
"""How long a crowd's questions are gathered: a query costs as much as several connects."""


class Accounts:
    """A batching loader over `store.users`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._asked: dict[int, asyncio.Future[Account | None]] = {}
        self._fetching: asyncio.Task[None] | None = None
        self.newest_order_id = 0
        """As of the last account that was read; so an agent that connects is never told of fewer orders than it has."""

    async def get(self, user_id: int) -> Account | None:
        """The account as it stands now. Raises Unavailable."""
        answer = self._asked.get(user_id)
        if answer is None:
            answer = self._asked[user_id] = asyncio.get_running_loop().create_future()
            if self._fetching is None:
                self._fetching = asyncio.create_task(self._fetch_all())
        return await asyncio.shield(answer)

    async def get_many(self, user_ids: list[int]) -> dict[int, Account]:
        """Those that exist. Raises Unavailable."""
        found: dict[int, Account] = {}
        for start in range(0, len(user_ids), AT_ONCE):
            found |= await self._store.users.get_many(user_ids[start : start + AT_ONCE])
        return found

    async def _fetch(self, user_ids: list[int]) -> dict[int, Account]:
        found: dict[int, Account] = {}
        for start in range(0, len(user_ids), AT_ONCE):
            accounts, newest = await self._store.users.get_many_now(user_ids[start : start + AT_ONCE])
            found |= accounts
            self.newest_order_id = max(self.newest_order_id, newest)
        return found

    async def _fetch_all(self) -> None:
        gathering = Gathering(alone_s=0, crowd_s=CROWD_GATHER_S)
        while self._asked:
            await gathering.pause()
            gathering.takes(len(self._asked))
            asked, self._asked = self._asked, {}
            try:
                found = await self._fetch(list(asked))
            except Exception as error:  # noqa: BLE001 - whatever it is, each of those who asked gets it raised
                for answer in asked.values():
                    answer.set_exception(error)
                    answer.exception()  # those who asked may be gone; the others still get it raised
            else:
                for user_id, answer in asked.items():
                    answer.set_result(found.get(user_id))
        self._fetching = None
