"""When the agents of a hub that restarts are asked to come back: spread out, and not before somebody is there.

Pure except for `random`. Each agent is told in its close frame; an agent that came too early would find nobody,
and back off for up to half a minute.
"""

import random
from typing import Final

RECONNECTS_A_SECOND: Final = 1_500
"""About half of what a process takes on a core."""
ENDING_S: Final = 1.0
SLOWER: Final = 2.0
"""A start takes longer than the last one's CPU time: it waits for the database, and for whoever starts it."""


class RestartHint:
    """What a process knows of its own restart. `is_covered`: other processes take the agents meanwhile."""

    def __init__(self) -> None:
        self.is_covered = False
        self.start_s = 0.0

    def wait_ms(self, connections: int) -> int:
        """How long one of so many agents is asked to wait."""
        gap_ms = 0 if self.is_covered else round((ENDING_S + SLOWER * self.start_s) * 1_000)
        return gap_ms + random.randint(0, connections * 1_000 // RECONNECTS_A_SECOND)  # noqa: S311 - spreads load
