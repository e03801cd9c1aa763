"""Sessions brought in line with the stores after events may have been missed.

The invariant: a request ends only when everyone here was held against the database *and* announced to the others, after
it was made; whatever fails in between, it stands.
"""

from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger(__name__)


class Resync:
    """`steps` are done in their order. A process begins with a request: it knows of nothing that was before."""

    def __init__(self, *steps: Callable[[], Awaitable[None]]) -> None:
        self._steps = steps
        self._requested = 1
        self._done = 0

    @property
    def is_pending(self) -> bool:
        return self._done < self._requested

    def request(self, why: str) -> None:
        """Events may have been missed."""
        if not self.is_pending:
            log.info("sessions are held against the stores", why=why)
        self._requested += 1

    async def run(self) -> None:
        """Does what was requested. Raises Unavailable, and stays pending."""
        while self.is_pending:
            requested = self._requested
            for step in self._steps:
                await step()
            self._done = requested
