"""PURE: a login is good for 24 hours; then the trader logs in again.

The invariant: a session never outlives its length, also when the computer slept meanwhile.
"""

from typing import Final

import msgspec

SESSION_MS: Final = 24 * 3600 * 1000


class SessionTimer(msgspec.Struct, frozen=True):
    """Times on the wall clock in ms: the steady one stands still while some computers sleep."""

    started_ms: int
    length_ms: int = SESSION_MS

    @property
    def ends_ms(self) -> int:
        """When the session is over."""
        return self.started_ms + self.length_ms

    def left_ms(self, now_ms: int) -> int:
        """What is left, never negative; a clock set back gives nobody more than the whole length."""
        return max(0, min(self.ends_ms - now_ms, self.length_ms))

    def is_over(self, now_ms: int) -> bool:
        """Whether the trader must log in again."""
        return self.left_ms(now_ms) == 0
