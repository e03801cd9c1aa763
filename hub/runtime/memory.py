"""How this process collects garbage: seldom, and not what lives long.

Ten thousand connections are a million objects that live for hours, and are freed by their count of references when
they end. With Python's defaults a connect storm walks through them again and again: measured, a third of the cost of a
connect; and with long pauses, in which no order goes out. So what a storm has left is set aside, unseen; what only the
collector can free (the database library leaves a little with each query) is sought at a quiet moment.
Pauses are in `bn_hub_gc_pause_seconds`. And what a crowd had is given back to the system when it has gone.
"""

import gc
from typing import Final

from hub.runtime import allocator

THRESHOLDS: Final = (50_000, 20, 100)
STORM: Final = 50
"""So many arrivals within a moment are worth to be set aside; of each some 120 objects stay."""

GIVE_BACK_S: Final = 20.0
QUICKLY_GIVEN: Final = 64 * 1024 * 1024
"""So much is given back within some ten milliseconds; more waits until no order is open."""


def tune() -> None:
    """Call once, after the imports and before the first connection."""
    gc.set_threshold(*THRESHOLDS)
    collect()


def set_aside() -> None:
    """What lives now will live long, a crowd's connections above all: no later collection walks through it. Takes no
    time, whatever there is. A connection that ends is freed all the same, by its count of references."""
    gc.freeze()


def collect() -> None:
    """Frees what only the collector can, also of what was set aside. Takes a second for a million objects: for a quiet
    moment."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def give_back(*, is_calm: bool) -> None:
    """Gives the system what is free here, where it takes no time that an order may need."""
    if is_calm or allocator.free_bytes() <= QUICKLY_GIVEN:
        allocator.give_back()


class Storms:
    """Looks for the end of a storm: what was set aside with its sessions is sought once nearly all have gone and
    nothing else is to do; with ten thousand connected it would take a second."""

    def __init__(self) -> None:
        self._before = 0
        self._must_collect = False

    def look(self, connections: int, *, is_calm: bool) -> None:
        """Once a second: how many are connected, and whether no order is open."""
        if connections - self._before >= STORM:
            self._must_collect = True
        elif self._must_collect and connections < STORM and is_calm:
            collect()
            self._must_collect = False
        self._before = connections
