"""Tasks that nobody awaits and that end by themselves: kept alive, their failures logged, ended together."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

import structlog

from hub.errors import Unavailable
from hub.runtime import metrics

log = structlog.get_logger(__name__)


async def end_all(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancelled again until they have ended: `asyncio.wait_for` of Python 3.11, under which redis-py sends, swallows a
    cancellation that comes as the send completes (cpython issue 86296)."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=0.2)


class Background:
    """The background tasks of one hub process."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        """Begins something that ends by itself; a failure is logged and counted."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Ends all."""
        await end_all(self._tasks)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Unavailable):
            log.warning("a task waits for nothing more", task=task.get_name(), error=str(error))
        elif error is not None:
            metrics.SERVICE_FAILURES.labels("task").inc()
            log.error("a task failed", task=task.get_name(), exc_info=error)
