"""The tasks of one executor: an order's life each, and what else waits for something.

The invariants: a task that runs is held; what one of them raised is kept, and tells the agent that it cannot go on.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Lives:
    """`broke` is set when a task has failed: a journal that cannot be written, or a bug."""

    def __init__(self) -> None:
        self._orders: dict[int, asyncio.Task[None]] = {}
        self._others: set[asyncio.Task[None]] = set()
        self.broke = asyncio.Event()
        self.failure: BaseException | None = None

    def begin(self, order_id: int, life: Coroutine[Any, Any, None]) -> None:
        """An order is under way from now on."""
        task = asyncio.create_task(life, name=f"order {order_id}")
        self._orders[order_id] = task
        task.add_done_callback(lambda done: self._left(order_id, done))

    def keep(self, life: Coroutine[Any, Any, None]) -> None:
        """Something that belongs to no order under way."""
        task = asyncio.create_task(life)
        self._others.add(task)
        task.add_done_callback(self._others.discard)
        task.add_done_callback(self._notice)

    def is_under_way(self, order_id: int) -> bool:
        """Whether the order has a life of its own now."""
        return order_id in self._orders

    def cancel(self, order_id: int) -> None:
        """End an order's life, if it has one."""
        task = self._orders.get(order_id)
        if task is not None:
            task.cancel()

    async def end(self, seconds: float) -> None:
        """Wait so long for the orders under way, then end everything."""
        if self._orders:
            await asyncio.wait(self._orders.values(), timeout=seconds)
        left = [*self._orders.values(), *self._others]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _left(self, order_id: int, task: asyncio.Task[None]) -> None:
        if self._orders.get(order_id) is task:
            del self._orders[order_id]
        self._notice(task)

    def _notice(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self.failure = task.exception()
            self.broke.set()
