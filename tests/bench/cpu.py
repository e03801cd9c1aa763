"""The CPU time of other processes, exact at the moment of asking.

Used by the generator and by `processes`. The kernel brings a running process's clock up to date at a tick or a switch
only, up to 10 ms late: more than a whole round costs. So a prodder, a child that sleeps on the server's core, is woken
first; being put on that core's queue brings the clock of whoever runs there up to date.
"""

import os
import select
import time
from typing import Final

_PROD_S: Final = 0.001
"""How long to wait for the prodder: it is queued within microseconds, whether or not it gets to run."""


def cpu_ns(pids: list[int]) -> int:
    """CPU time of the processes with all their threads, in ns (clock_getcpuclockid(3)); see above when exact."""
    return sum(time.clock_gettime_ns((~pid << 3) | 2) for pid in pids)


class ServerClock:
    """The CPU clock of the processes on one core."""

    def __init__(self, core: int) -> None:
        self._core = core
        asked, self._ask = os.pipe()
        self._told, told = os.pipe()
        if os.fork() == 0:
            os.close(self._ask)
            _doze(core, asked, told)
        os.close(asked)
        os.close(told)

    def read(self, pids: list[int]) -> int:
        """CPU time of the processes so far, in ns."""
        os.write(self._ask, b".")
        if select.select([self._told], [], [], _PROD_S)[0]:
            os.read(self._told, 64)
        return cpu_ns(pids)


def _doze(core: int, asked: int, told: int) -> None:
    """The prodder: woken by a byte, it says so and sleeps on; it ends with its parent."""
    os.sched_setaffinity(0, {core})
    try:
        while os.read(asked, 64):
            os.write(told, b".")
    finally:
        os._exit(0)
