"""Tasks that nobody awaits: kept alive, their failures logged, ended together.

The invariant: a service that dies of a bug does not die silently; the process ends, so that something restarts it.
"""

import asyncio
import os
import signal
from collections.abc import Coroutine
from typing import Any

import structlog

log = structlog.get_logger(__name__)


class Background:
    """The background tasks of one hub process."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        """Something that ends by itself; a failure is logged."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def serve(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Something that runs as long as the process; without it the process must not go on."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._died)

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
        if not task.cancelled() and (error := task.exception()):
            log.error("task failed", task=task.get_name(), exc_info=error)

    def _died(self, task: asyncio.Task[Any]) -> None:
        self._ended(task)
        if not task.cancelled():
            log.critical("a service ended, so does the process", task=task.get_name())
            os.kill(os.getpid(), signal.SIGTERM)
