"""One clock for all processes of a family: Redis's, sampled by each as an agent samples the hub.

So a window that is over for one process is over for all, whatever their machines' clocks say and whoever puts them
right. While Redis is away the time since the last exchange is counted. The invariant: a clock that is not known to
within a second, or that the database contradicts by more, hands nothing out. A hub with an embedded Redis has its
machine's clock.
"""

from typing import Final

import structlog
from redis.asyncio import Redis

from hub.clock import Clock, now_ms, steady
from hub.cluster.redis import guarded, is_embedded
from hub.errors import Unavailable
from hub.model.offset import Offset
from hub.runtime import metrics

DOUBTFUL_MS: Final = 1_000
ALARMING_MS: Final = 100
"""A machine whose clock is off by more is said to be."""

log = structlog.get_logger(__name__)


class FamilyClock:
    """The family's time, as far as this process knows it. `machine` is this machine's time of day, `passed` counts what
    passes between exchanges."""

    def __init__(self, redis: Redis, machine: Clock = now_ms, passed: Clock | None = None) -> None:
        self._redis = redis
        self._machine = machine
        self._passed = machine if is_embedded(redis) else passed or steady()
        self._offset = Offset()
        self._offset_ms = 0
        self._database_off_ms = 0.0
        self._is_off = False

    def now(self) -> int:
        """Milliseconds since the Unix epoch."""
        return self._passed() + self._offset_ms

    @property
    def uncertainty_ms(self) -> float | None:
        """By how much `now` may be wrong; None before the first exchange."""
        bounds = self._offset.bounds(self._passed())
        return None if bounds is None else (bounds[1] - bounds[0]) / 2

    async def sample(self) -> None:
        """Asks Redis for its time. Raises Unavailable; the embedded one has this machine's."""
        if is_embedded(self._redis):
            return
        asked_ms = self._passed()
        with guarded():
            seconds, microseconds = await self._redis.time()
        theirs_ms = int(seconds) * 1_000 + int(microseconds) // 1_000
        # Reckoned here, once an exchange: `now` is read for every message.
        low, high = self._offset.sample(asked_ms, theirs_ms, self._passed())
        self._offset_ms = round((low + high) / 2)
        self._mind_alarm(self.now() - self._machine())

    def _mind_alarm(self, ahead_ms: int) -> None:
        """This machine's own time of day is used for nothing, but whoever reads its logs should know."""
        metrics.CLOCK_OFFSET.set(ahead_ms / 1_000)
        is_off = abs(ahead_ms) > ALARMING_MS
        if is_off and not self._is_off:
            log.warning("this machine's clock is off; is NTP running?", redis_is_ahead_ms=ahead_ms)
        self._is_off = is_off

    def compare(self, database_ms: int, asked_ms: int, answered_ms: int) -> None:
        """The database's clock, read between two moments of the family's."""
        if is_embedded(self._redis):
            return
        self._database_off_ms = max(database_ms - answered_ms, asked_ms - database_ms - 1, 0)

    @property
    def doubt(self) -> str | None:
        """Why nothing may be handed out by this clock; None when it may."""
        uncertainty = self.uncertainty_ms
        if uncertainty is not None and uncertainty > DOUBTFUL_MS:
            return f"Redis's clock is known to within {uncertainty / 1_000:.1f} s only"
        if self._database_off_ms > DOUBTFUL_MS:
            return f"the clocks of Redis and the database are {self._database_off_ms / 1_000:.1f} s apart"
        return None

    async def check(self) -> None:
        """Raises Unavailable while nothing may be handed out by this clock."""
        if self.doubt is not None:
            raise Unavailable("the clock", self.doubt)
