"""How many wrong bootstrap tokens a network may show before it is told to wait.

The invariant: the right one is taken whatever was shown before it. It has at least 32 random bytes, which nobody
guesses; a limit that held it up would only let strangers, or a forgotten script behind the same address, keep the
operator out.
"""

import math
import time
from typing import Final

from limits import parse

from hub.access.counters import Counters
from hub.errors import Refusal
from hub.model.networks import network_of

PER_NETWORK: Final = parse("20 per minute")
SHORTEST, LONGEST = 32, 512
"""In bytes. What is shorter can be no bootstrap token, and nobody has set a longer one: answered as the mistake that it
is."""


class BootstrapLimit:
    """The wrong ones of all networks."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    async def refusal(self, text: str, address: str) -> Refusal:
        """Counts one; what it is answered: 401, or 429 with the seconds to wait."""
        network = network_of(address)
        is_try = SHORTEST <= len(text.encode()) <= LONGEST
        if not is_try or await self._counters.ask(lambda by: by.fixed.hit(PER_NETWORK, "bootstrap", network)):
            return Refusal("unauthorized", "the token is not valid: log in")
        reset, _ = await self._counters.ask(lambda by: by.fixed.get_window_stats(PER_NETWORK, "bootstrap", network))
        wait_s = min(60, max(1, math.ceil(reset - time.time())))
        return Refusal("too_many", f"too many wrong tokens: try again in {wait_s} s", wait_s)
