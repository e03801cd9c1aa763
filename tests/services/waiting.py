"""Waiting for a condition, never for a time. Used by the services and by any test.

A wait that fails says what it waited for. The pause between two looks is a courtesy to the two cores, not a
bet on how long something takes.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

LOOK_EVERY_S = 0.02


class WaitedTooLong(AssertionError):
    """The condition did not come true in time."""


def wait_until(condition: Callable[[], T], what: str, timeout_s: float = 30) -> T:
    """The first truthy answer of `condition`. Raises WaitedTooLong, or what the condition raises."""
    deadline = time.monotonic() + timeout_s
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise WaitedTooLong(f"not in {timeout_s:g} s: {what}")
        time.sleep(LOOK_EVERY_S)
    return answer


async def eventually(condition: Callable[[], T | Awaitable[T]], what: str, timeout_s: float = 30) -> T:
    """`wait_until` for tests on the loop of what they wait for; `condition` may be a coroutine function."""
    deadline = time.monotonic() + timeout_s
    while not (answer := await _answer(condition)):
        if time.monotonic() > deadline:
            raise WaitedTooLong(f"not in {timeout_s:g} s: {what}")
        await asyncio.sleep(LOOK_EVERY_S)
    return answer


async def _answer(condition: Callable[[], T | Awaitable[T]]) -> T:
    answer = condition()
    return await answer if isinstance(answer, Awaitable) else answer
