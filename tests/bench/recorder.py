"""What the load generator saw: a receive time for every order frame, by order.

Used by the generator only; no I/O but the server's clock. The invariant: a frame is counted once for each time it
arrived, so a copy too many is seen as surely as one too few.
"""

import math
from array import array
from dataclasses import dataclass, field
from typing import Any, Final

from .cpu import ServerClock

ORDER_MARK: Final = b'"order":{"id":'


def order_id_in(payload: bytes) -> int | None:
    """The order's id, where the payload is an order's frame of any peer; else None."""
    at = payload.find(ORDER_MARK)
    if at < 0:
        return None
    at += len(ORDER_MARK)
    return int(payload[at : payload.index(b",", at)])


@dataclass(slots=True)
class Round:
    """The frames of one order: CLOCK_MONOTONIC ns and the connection's number, in order of arrival."""

    at: "array[int]" = field(default_factory=lambda: array("q"))
    who: "array[int]" = field(default_factory=lambda: array("l"))


class Recorder:
    """Collects rounds, and takes the server's CPU clock the moment that the awaited count is reached."""

    def __init__(self, clock: ServerClock) -> None:
        self._clock = clock
        self.rounds: dict[int, Round] = {}
        self._awaited = 0
        self._pids: list[int] = []
        self._cpu_before = 0
        self._current = Round()
        self.cpu: int | None = None

    def arm(self, count: int, pids: list[int]) -> None:
        """Forget what was, and await `count` frames of one order; `pids` are the server's processes."""
        self.rounds.clear()
        self.cpu = None
        self._awaited = count
        self._pids = pids
        self._cpu_before = self._clock.read(pids)

    @property
    def is_complete(self) -> bool:
        return self.cpu is not None

    def note(self, order_id: int, who: int, now: int) -> None:
        """One frame of an order."""
        self._current = self.rounds.setdefault(order_id, Round())
        self.note_same(who, now)

    def note_same(self, who: int, now: int) -> None:
        """One more frame of the order that was noted last: the way of nearly all."""
        current = self._current
        current.who.append(who)
        current.at.append(now)
        if len(current.at) == self._awaited and self.cpu is None:
            self.cpu = self._clock.read(self._pids) - self._cpu_before

    def report(self, order_id: int, t0: int) -> dict[str, Any]:
        """Counts, and milliseconds from `t0` (CLOCK_MONOTONIC ns) to the frames of one order."""
        seen = self.rounds.get(order_id, Round())
        delays = sorted(at - t0 for at in seen.at)
        report: dict[str, Any] = {"frames": len(delays), "connections": len(set(seen.who)), "cpu_ns": self.cpu}
        report["other_orders"] = sum(len(other.at) for number, other in self.rounds.items() if number != order_id)
        if delays:
            ranks = {"p50_ms": 0.50, "p99_ms": 0.99, "max_ms": 1.0}
            report |= {name: quantile(delays, rank) / 1e6 for name, rank in ranks.items()}
        return report


def quantile(ordered: list[int], rank: float) -> int:
    """The nearest-rank quantile of a sorted list that is not empty."""
    return ordered[max(0, math.ceil(len(ordered) * rank) - 1)]
