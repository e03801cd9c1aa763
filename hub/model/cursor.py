"""How far a log of changes has been read whose ids can appear out of order. Pure.

The invariant: an id that appears within `GAP_MS` of a higher one is found; one that never appears (its transaction was
rolled back) is given up after that, so that what is asked for stays short.
"""

from collections.abc import Iterable
from typing import Final

GAP_MS: Final = 120_000
"""Longer than a transaction of ours can wait for its COMMIT."""
LOOK_BACK: Final = 1_000
"""How many ids before the newest a reader that starts looks at, for those that are not committed yet."""


class Cursor:
    """All up to `low` is read or given up; of what is above, `_seen` is read, the rest is missing since a time."""

    def __init__(self, newest: int, present: Iterable[int], now_ms: int) -> None:
        self.low = max(0, newest - LOOK_BACK)
        self._seen = set(present)
        self._missing = {change: now_ms for change in range(self.low + 1, newest + 1) if change not in self._seen}
        self._highest = newest
        self._advance(now_ms)

    def take(self, changes: Iterable[tuple[int, int]], now_ms: int) -> list[tuple[int, int]]:
        """Those of the changes (id, user id) that were not seen before."""
        new = [change for change in changes if change[0] > self.low and change[0] not in self._seen]
        for change_id, _ in new:
            self._seen.add(change_id)
            self._missing.pop(change_id, None)
        highest = max((change_id for change_id, _ in new), default=self._highest)
        for change_id in range(self._highest + 1, highest + 1):
            if change_id not in self._seen:
                self._missing[change_id] = now_ms
        self._highest = max(highest, self._highest)
        self._advance(now_ms)
        return new

    def _advance(self, now_ms: int) -> None:
        while self.low < self._highest:
            following = self.low + 1
            if following in self._seen:
                self._seen.discard(following)
            elif self._missing.get(following, now_ms) + GAP_MS <= now_ms:
                self._missing.pop(following, None)
            else:
                return
            self.low = following
