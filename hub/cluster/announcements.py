"""What is owed to the other processes: said at once while Redis is there, else kept and said when it is back.

The invariant: an announcement is dropped only when it was made, or when nobody needs it any more. That this process may
die in between is covered elsewhere: the others ask the database each second for orders, cancels and changes of
accounts.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

import structlog

from hub.clock import Clock
from hub.errors import Unavailable

AT_ONCE_S: Final = 1.0
"""How long a publisher waits for the doorbell; after that it is owed."""
MOST_OWED: Final = 10_000

Say = Callable[[], Awaitable[object]]

log = structlog.get_logger(__name__)


class _Owed(NamedTuple):
    what: str
    say: Say
    until_ms: int | None


class Announcements:
    """Announcements of one process, in their order."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._owed: deque[_Owed] = deque(maxlen=MOST_OWED)

    def __len__(self) -> int:
        return len(self._owed)

    async def tell(self, what: str, say: Say, until_ms: int | None = None) -> None:
        """Says it now, or owes it until `until_ms`. Never raises for a store that is away; while something is owed
        already, nobody waits."""
        if not self._owed:
            try:
                async with asyncio.timeout(AT_ONCE_S):
                    await say()
            except (Unavailable, TimeoutError) as error:
                log.warning("an announcement waits", what=what, error=str(error) or f"no answer within {AT_ONCE_S:g} s")
            else:
                return
        self._owed.append(_Owed(what, say, until_ms))

    async def pay(self) -> None:
        """Says what is owed, in its order. Raises Unavailable, and keeps the rest."""
        while self._owed:
            owed = self._owed[0]
            if owed.until_ms is None or self._clock() < owed.until_ms:
                await owed.say()
                log.info("announced late", what=owed.what)
            # Of a full deque the oldest may have been pushed out meanwhile.
            if self._owed and self._owed[0] is owed:
                self._owed.popleft()
