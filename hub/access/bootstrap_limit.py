"""How many wrong bootstrap tokens a network may show.

The invariants: a try is counted before it is compared, and given back if it was right; and a network from which the
right one came lately is never limited, so that nobody's guesses keep the operator out.
"""

import math
import time
from collections.abc import Callable
from typing import Final

from limits import parse

from hub.access.counters import Counters
from hub.errors import Refusal
from hub.model.networks import network_of

PER_NETWORK: Final = parse("20 per minute")
KNOWN_FOR_S: Final = 86_400.0
REMEMBERED: Final = 1_000


class BootstrapLimit:
    """The tries of all networks."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._known: dict[str, float] = {}

    async def is_right(self, address: str, compare: Callable[[], bool]) -> bool:
        """What the comparison says. Refuses 429 without one where too many were wrong."""
        network = network_of(address)
        if time.monotonic() < self._known.get(network, 0.0):
            is_right = compare()
        else:
            await self._count(network)
            is_right = compare()
            if is_right:
                await self._counters.ask(lambda by: by.fixed.hit(PER_NETWORK, "bootstrap", network, cost=-1))
        if is_right:
            self._remember(network)
        return is_right

    async def _count(self, network: str) -> None:
        if await self._counters.ask(lambda by: by.fixed.hit(PER_NETWORK, "bootstrap", network)):
            return
        await self._counters.ask(lambda by: by.fixed.hit(PER_NETWORK, "bootstrap", network, cost=-1))
        reset, _ = await self._counters.ask(lambda by: by.fixed.get_window_stats(PER_NETWORK, "bootstrap", network))
        wait_s = min(60, max(1, math.ceil(reset - time.time())))
        raise Refusal("too_many", f"too many wrong tokens: try again in {wait_s} s", wait_s)

    def _remember(self, network: str) -> None:
        self._known.pop(network, None)
        self._known[network] = time.monotonic() + KNOWN_FOR_S
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]
