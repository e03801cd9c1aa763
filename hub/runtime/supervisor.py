"""Services and duties: each runs on its own, is begun again when it fails, and says while it is down.

The invariant: nothing that fails here ends the process or another service. Only a service that our own mistake keeps
down for `GIVE_UP_S` does, since a new process may do better; a store that is away is waited for, however long.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import structlog

from hub.clock import now_ms
from hub.errors import Unavailable
from hub.runtime import metrics
from hub.runtime.background import end_all

FIRST_DELAY_S: Final = 0.1
LONGEST_DELAY_S: Final = 5.0
STEADY_S: Final = 1.0
"""A service that has run for so long is up."""
GIVE_UP_S: Final = 180.0
AGAIN_S: Final = 1.0
"""When a duty that failed is tried again."""

Run = Callable[[], Awaitable[None]]

log = structlog.get_logger(__name__)


class Duty(NamedTuple):
    """Something to do again and again: `run` once, then a pause of `every_s`."""

    name: str
    every_s: float
    run: Run


class Down(NamedTuple):
    """A service or duty that failed and has not succeeded since."""

    name: str
    since_ms: int
    why: str


@dataclass(slots=True)
class _Health:
    """What is known of one service or duty."""

    down: Down | None = None
    broken_since: float | None = None
    causes: set[str] = field(default_factory=set)


class Supervisor:
    """The services and duties of one hub process. `give_up(name)` is called once, when a service cannot stay up."""

    def __init__(self, give_up: Callable[[str], None]) -> None:
        self._give_up = give_up
        self._health: dict[str, _Health] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def serve(self, name: str, run: Run) -> None:
        """Runs a service for as long as the process; `run` is called anew after each failure."""
        self._begin(name, self._serve(name, run))

    def repeat(self, duty: Duty) -> None:
        """Does a duty again and again."""
        self._begin(duty.name, self._repeat(duty))

    async def once(self, duty: Duty) -> bool:
        """Does a duty now; its failure is noted, not raised. True if it succeeded."""
        self._note(duty.name)
        try:
            await duty.run()
        except Exception as error:  # noqa: BLE001 - told apart, logged and counted below
            self._failed(duty.name, error)
            return False
        self._succeeded(duty.name)
        return True

    @property
    def down(self) -> list[Down]:
        """What is down now, the longest first."""
        return sorted([health.down for health in self._health.values() if health.down], key=lambda down: down.since_ms)

    async def stop(self) -> None:
        """Ends all."""
        await end_all(self._tasks)

    def _begin(self, name: str, life: Any) -> None:
        self._note(name)
        self._tasks.append(asyncio.create_task(life, name=name))

    def _note(self, name: str) -> None:
        if name not in self._health:
            self._health[name] = _Health()
            metrics.SERVICE_FAILURES.labels(name)

    async def _repeat(self, duty: Duty) -> None:
        while True:
            is_done = await self.once(duty)
            # A seldom duty that failed is no reason to be unready until its next turn.
            await asyncio.sleep(duty.every_s if is_done else min(duty.every_s, AGAIN_S))

    async def _serve(self, name: str, run: Run) -> None:
        delay_s = FIRST_DELAY_S
        while True:
            began = time.monotonic()
            steady = asyncio.get_running_loop().call_later(STEADY_S, self._succeeded, name)
            try:
                await run()
                raise RuntimeError("a service ended by itself")
            except Exception as error:  # noqa: BLE001 - told apart, logged and counted below
                self._failed(name, error)
            finally:
                steady.cancel()
            if time.monotonic() - began > STEADY_S:
                delay_s = FIRST_DELAY_S
            self._end_the_process_if_hopeless(name)
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, LONGEST_DELAY_S)

    def _failed(self, name: str, error: Exception) -> None:
        health = self._health[name]
        is_first = health.down is None
        since_ms = health.down.since_ms if health.down else now_ms()
        health.down = Down(name, since_ms, str(error) if isinstance(error, Unavailable) else type(error).__name__)
        if isinstance(error, Unavailable):
            health.broken_since = None
            if is_first:
                log.warning("a service waits", service=name, error=str(error))
            return
        metrics.SERVICE_FAILURES.labels(name).inc()
        health.broken_since = health.broken_since or time.monotonic()
        cause = _cause(error)
        if cause not in health.causes:
            health.causes.add(cause)
            log.error("a service failed and is begun again", service=name, exc_info=error)
        elif is_first:
            log.error("a service failed as before", service=name, error=cause)

    def _succeeded(self, name: str) -> None:
        health = self._health[name]
        if health.down is not None:
            log.info("a service is up again", service=name, after_s=(now_ms() - health.down.since_ms) // 1_000)
        health.down = health.broken_since = None

    def _end_the_process_if_hopeless(self, name: str) -> None:
        since = self._health[name].broken_since
        if since is not None and time.monotonic() - since > GIVE_UP_S:
            log.critical("a service cannot stay up, so the process ends", service=name)
            self._give_up(name)


def _cause(error: BaseException) -> str:
    """What failed, and where: the same mistake is logged with its trace once."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
    return f"{type(error).__name__} at {place.rpartition('/')[2]}"
