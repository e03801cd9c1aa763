"""What one session may say: messages and bytes a second, and how much work it may have under way.

A bucket each, which refills with time: whoever empties it is heard at the rate at which it refills, and whoever wants
more for long is closed. The invariant: a message that is within the budget costs one subtraction.
"""

from collections.abc import Callable
from typing import Final

BURST_MESSAGES: Final = 16_000
"""An agent repeats 5,000 acks, results and settlements after an outage, and lives on meanwhile."""
MESSAGES_PER_S: Final = 200
BURST_BYTES: Final = 16 * 1024 * 1024
BYTES_PER_S: Final = 256 * 1024
SHORTEST_WAIT_S: Final = 0.05
EXCESS_S: Final = 10.0
"""Who wants more than its rate for so long is closed."""
CALM_S: Final = 2.0
"""Who was quiet for so long after a wait begins anew."""
WORK_AT_ONCE: Final = 16
"""Checks in the database that one session may have under way; nothing more is read from it until some end."""


class Budget:
    """One user's bucket. `messages` and `bytes` are what is left; who hears subtracts, and asks `wait_s` below 0: only
    then is it refilled, so that a message costs no look at the clock."""

    __slots__ = ("_full_s", "_over_since_s", "_waited_until_s", "bytes", "messages")

    def __init__(self, now_s: float) -> None:
        self.messages: float = BURST_MESSAGES
        self.bytes: float = BURST_BYTES
        self._full_s = now_s
        self._over_since_s = now_s
        self._waited_until_s = -CALM_S

    def wait_s(self, now_s: float) -> float:
        """Refills; for how long nothing more is to be heard, 0 while something is left."""
        elapsed_s = now_s - self._full_s
        self._full_s = now_s
        self.messages = min(BURST_MESSAGES, self.messages + elapsed_s * MESSAGES_PER_S)
        self.bytes = min(BURST_BYTES, self.bytes + elapsed_s * BYTES_PER_S)
        debt_s = -min(self.messages / MESSAGES_PER_S, self.bytes / BYTES_PER_S)
        if debt_s <= 0:
            return 0.0
        if now_s - self._waited_until_s > CALM_S:
            self._over_since_s = now_s
        wait_s = max(debt_s, SHORTEST_WAIT_S)
        self._waited_until_s = now_s + wait_s
        return wait_s

    def is_exceeded(self, now_s: float) -> bool:
        """Whether the peer has wanted more than its rate for long."""
        return now_s - self._over_since_s > EXCESS_S


class Budgets:
    """A budget a user, kept over its connections: to connect again gives no new burst."""

    def __init__(self) -> None:
        self._by_user: dict[int, Budget] = {}

    def of(self, user_id: int, now_s: float) -> Budget:
        """The user's. There are at most as many as there are accounts."""
        budget = self._by_user.get(user_id)
        if budget is None:
            budget = self._by_user[user_id] = Budget(now_s)
        return budget


class Work:
    """A session's work that waits for a store, as a context manager round each piece. Above the limit `hold(True)` is
    called, so that no more is read; `hold(False)` when there is room again."""

    __slots__ = ("_hold", "_is_full", "_under_way")

    def __init__(self, hold: Callable[[bool], None] | None = None) -> None:
        self._hold = hold
        self._under_way = 0
        self._is_full = False

    def begin(self) -> None:
        """Counts a piece of work, before it is given to a task."""
        self._under_way += 1
        if self._under_way >= WORK_AT_ONCE:
            self._set_full(True)

    def __enter__(self) -> None:
        """The piece that was counted is under way."""

    def __exit__(self, *_error: object) -> None:
        self._under_way -= 1
        if self._under_way < WORK_AT_ONCE:
            self._set_full(False)

    def _set_full(self, is_full: bool) -> None:
        if is_full is not self._is_full:
            self._is_full = is_full
            if self._hold is not None:
                self._hold(is_full)
