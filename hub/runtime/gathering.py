"""How long those who come are gathered before they are served together."""

import asyncio
from typing import Final

CROWD: Final = 4
"""So many at once, and more are coming."""


class Gathering:
    """The pace of a loop that takes all who wait: a short pause for a few, a longer one once a crowd comes, as one
    query or script then serves fifty and not five."""

    def __init__(self, alone_s: float, crowd_s: float) -> None:
        self._alone_s = alone_s
        self._crowd_s = crowd_s
        self._is_crowd = False

    async def pause(self) -> None:
        """Until the next ones are to be taken."""
        pause_s = self._crowd_s if self._is_crowd else self._alone_s
        if pause_s > 0:
            await asyncio.sleep(pause_s)

    def takes(self, count: int) -> None:
        """Notes how many are taken now."""
        self._is_crowd = count >= CROWD
