"""What a connection's ASGI application has not received yet.

uvicorn's own is an `asyncio.Queue`, which with its waiters takes 3.3 KiB a connection, an eighth of all, and is
empty nearly always: texts are heard where they are parsed (`wire`). The invariant: events are received in the order in
which they were put, by one reader at a time.
"""

import asyncio
from typing import Generic, TypeVar

T = TypeVar("T")


class Inbox(Generic[T]):
    """As much of a queue as uvicorn's protocol asks for."""

    __slots__ = ("_events", "_reader")

    def __init__(self) -> None:
        self._events: list[T] = []
        self._reader: asyncio.Future[None] | None = None

    def empty(self) -> bool:
        return not self._events

    def put_nowait(self, event: T) -> None:
        """Wakes the reader, if one waits."""
        self._events.append(event)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def get(self) -> T:
        """The oldest event, as soon as there is one. Raises RuntimeError where another reader waits."""
        if self._reader is not None:
            raise RuntimeError("a connection's events are received by one reader")
        while not self._events:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self._events.pop(0)
