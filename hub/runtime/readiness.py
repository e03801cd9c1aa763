"""Whether this process can do its work, part by part: what `/readyz` answers.

The invariant: ready means that a publish now would be stored, claimed and spread. Each part is set by what tries it,
with a write of its own every two seconds, so that asking costs nothing and a hundred balancers are no load.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
import structlog

from hub.clock import now_ms
from hub.errors import Unavailable
from hub.runtime import metrics
from hub.runtime.supervisor import Down

PROBE_S: Final = 2.0
STORES: Final = {"database": "database", "Redis": "redis"}
"""Parts that are a store each, and their label in the metrics."""
STARTING: Final = "it was not tried yet"

log = structlog.get_logger(__name__)


class PartState(msgspec.Struct, frozen=True):
    """`since_ms`: since when it is as it is, in epoch milliseconds. `why`: in words what is wrong, None when nothing
    is."""

    name: str
    is_ready: bool
    since_ms: int
    why: str | None


class Readiness:
    """The parts of one process: stores, stream, family, orders; and the services that are down."""

    def __init__(self, parts: tuple[str, ...], down: Callable[[], list[Down]]) -> None:
        self._parts = {name: PartState(name, False, now_ms(), STARTING) for name in parts}
        self._down = down

    def is_good(self, name: str) -> None:
        """The part was tried and works."""
        before = self._parts[name]
        if not before.is_ready:
            self._parts[name] = PartState(name, True, now_ms(), None)
            if before.why != STARTING:
                log.info("ready again", part=name, after_s=(now_ms() - before.since_ms) // 1_000)

    def is_bad(self, name: str, why: object) -> None:
        """The part was tried and does not work."""
        before = self._parts[name]
        since_ms = now_ms() if before.is_ready else before.since_ms
        if before.is_ready:
            log.warning("not ready", part=name, why=str(why))
        self._parts[name] = PartState(name, False, since_ms, str(why))

    def parts(self) -> list[PartState]:
        """Every part as it is now."""
        services = [PartState(f"service {down.name}", False, down.since_ms, down.why) for down in self._down()]
        return [*self._parts.values(), *services]

    async def tried(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Awaits what tries the part, and sets it. Raises what that raises."""
        began = time.perf_counter()
        try:
            await run()
        except Unavailable as error:
            self.is_bad(name, error)
            raise
        except Exception as error:
            self.is_bad(name, type(error).__name__)
            raise
        else:
            self.is_good(name)
        finally:
            self._measure(name, time.perf_counter() - began)

    def _measure(self, name: str, seconds: float) -> None:
        if store := STORES.get(name):
            metrics.STORE_SECONDS.labels(store).observe(seconds)
            metrics.STORE_UP.labels(store).set(self._parts[name].is_ready)
