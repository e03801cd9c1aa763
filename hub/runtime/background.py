"""Tasks that nobody awaits and that end by themselves: kept alive, their failures logged, ended together."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from hub.errors import Unavailable
from hub.runtime import metrics

log = structlog.get_logger(__name__)


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
        """Ends all. Cancelled again until they have: `asyncio.wait_for` of Python 3.11, under which redis-py sends,
        swallows a cancellation that comes as the send completes (cpython issue 86296)."""
        tasks = set(self._tasks)
        while tasks:
            for task in tasks:
                task.cancel()
            _, tasks = await asyncio.wait(tasks, timeout=0.2)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Unavailable):
            log.warning("a task waits for nothing more", task=task.get_name(), error=str(error))
        elif error is not None:
            metrics.SERVICE_FAILURES.labels("task").inc()
            log.error("a task failed", task=task.get_name(), exc_info=error)
