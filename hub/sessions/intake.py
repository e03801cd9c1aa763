"""What a connection says and is not heard yet: a long piece of the stream, heard bit by bit, or one that has to wait.

The invariants: in one turn of the loop all such connections together are heard for about `TURN_S`, so that everybody
else gets their turn; the peer is not read from while something of it waits here; and bytes keep their order.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

PIECE: Final = 1_024
"""Bytes that are heard at a time: some ten messages, or 170 of the shortest frames."""
TURN_S: Final = 0.001


class Turns:
    """Whose piece is heard next, of all connections of a process."""

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()
        self._is_called = False

    def ask(self, loop: asyncio.AbstractEventLoop, hear: Callable[[], None]) -> None:
        """Calls it when its turn comes."""
        self._waiting.append(hear)
        if not self._is_called:
            self._is_called = True
            loop.call_soon(self._take, loop)

    def _take(self, loop: asyncio.AbstractEventLoop) -> None:
        until = time.perf_counter() + TURN_S
        try:
            while self._waiting and time.perf_counter() < until:
                self._waiting.popleft()()
        finally:
            self._is_called = bool(self._waiting)
            if self._is_called:
                loop.call_soon(self._take, loop)


class Reading(Protocol):
    """What pauses and resumes the reading of a connection."""

    def is_closing(self) -> bool: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


class Intake:
    """What waits of one connection. `hear` takes a piece; `done` is called when nothing waits and nothing holds."""

    __slots__ = ("_done", "_has_asked", "_hear", "_is_held", "_loop", "_paused", "_reading", "_turns", "_waiting")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        turns: Turns,
        reading: Reading,
        hear: Callable[[bytes], None],
        done: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._turns = turns
        self._reading = reading
        self._hear = hear
        self._done = done
        self._waiting = bytearray()
        self._has_asked = False
        self._is_held = False
        self._paused: asyncio.TimerHandle | None = None

    def take(self, data: bytes) -> None:
        """Keeps it until its turn."""
        self._waiting += data
        if not self._reading.is_closing():
            self._reading.pause_reading()
        self._ask()

    def hold(self, is_held: bool) -> None:
        """Hears nothing more while it is held."""
        self._is_held = is_held
        self._ask()

    def pause(self, wait_s: float) -> None:
        """Hears nothing more for so long."""
        if self._paused is None:
            self._paused = self._loop.call_later(wait_s, self._go_on)

    def end(self) -> None:
        """The connection is over."""
        self._waiting.clear()
        self._is_held = True
        if self._paused is not None:
            self._paused.cancel()

    def _go_on(self) -> None:
        self._paused = None
        self._ask()

    def _ask(self) -> None:
        if not (self._is_held or self._paused or self._has_asked):
            self._has_asked = True
            self._turns.ask(self._loop, self._turn)

    def _turn(self) -> None:
        self._has_asked = False
        if self._is_held or self._paused:
            return
        if self._waiting:
            piece = bytes(self._waiting[:PIECE])
            del self._waiting[:PIECE]
            self._hear(piece)
        if self._waiting:
            self._ask()
        elif not (self._is_held or self._paused):
            self._done()
            if not self._reading.is_closing():
                self._reading.resume_reading()
