"""How fast one trader is answered over HTTP, where a client polls once a second and an agent hands in late results; and
how often its agent may connect.

Whoever asks faster waits for its turn, and is told to come back later where too much of it waits. The invariant: what
one trader asks costs the others a bounded share of the process, however many connections it asks over.
"""

import asyncio
from math import ceil
from typing import Final

from hub.errors import Refusal

BURST: Final = 200
PER_S: Final = 50
CONNECT_BURST: Final = 50
CONNECTS_PER_S: Final = 5
LONGEST_WAIT_S: Final = 5.0


class Pace:
    """A bucket a trader, while it is not full."""

    def __init__(self, burst: float = BURST, per_s: float = PER_S, what: str = "requests") -> None:
        self._burst = burst
        self._per_s = per_s
        self._what = what
        self._left: dict[int, tuple[float, float]] = {}

    def wait_s(self, user_id: int, now_s: float) -> float:
        """Takes a turn: how long until it comes. Raises Refusal where that is too long; then none is taken."""
        left, at_s = self._left.get(user_id, (self._burst, now_s))
        left = min(self._burst, left + (now_s - at_s) * self._per_s) - 1
        wait_s = max(0.0, -left / self._per_s)
        if wait_s > LONGEST_WAIT_S:
            retry_s = ceil(wait_s)
            raise Refusal(
                "too_many", f"more than {self._per_s:g} {self._what} a second: try again in {retry_s} s", retry_s
            )
        self._forget_full(now_s)
        self._left.pop(user_id, None)  # the one that was used last stands last
        self._left[user_id] = left, now_s
        return wait_s

    def _forget_full(self, now_s: float) -> None:
        """Whose bucket is full again is as if it had never asked: a crowd that came once takes no room for ever."""
        while self._left:
            user_id, (left, at_s) = next(iter(self._left.items()))
            if left + (now_s - at_s) * self._per_s < self._burst:
                return
            del self._left[user_id]

    async def turn(self, user_id: int) -> None:
        """Returns when it is this trader's turn. Raises Refusal."""
        wait_s = self.wait_s(user_id, asyncio.get_running_loop().time())
        if wait_s:
            await asyncio.sleep(wait_s)
