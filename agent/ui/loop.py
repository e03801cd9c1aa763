"""One asyncio loop on Qt's: precise timers, slots that keep their tasks, and a meter of how long it was blocked.

The invariants: no timer rings early; a task that a slot began lives until it is done, and what it raised is shown.
Nothing about money may follow from a timer all the same: whoever decides asks the clock.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from typing import Any, Final

import qasync
from PyQt6.QtCore import QCoreApplication, QObject, Qt, QTimer, QTimerEvent, pyqtBoundSignal
from PyQt6.QtGui import QGuiApplication

LONGEST_MS: Final = 24 * 3600 * 1000
"""Qt counts milliseconds in 32 bits: a longer wait is made of days."""

BEAT_S: Final = 0.02


class _PreciseTimer(QObject):
    """Runs asyncio's handles when they are due, by the loop's own clock, and never before."""

    def __init__(self) -> None:
        super().__init__()
        self._due: dict[int, tuple[asyncio.Handle, float]] = {}
        self._is_stopped = False

    def add_callback(self, handle: asyncio.Handle, delay: float = 0) -> asyncio.Handle:
        """Run it in that many seconds."""
        self._start(handle, time.monotonic() + max(0.0, delay) if delay > 0 else 0.0)
        return handle

    def stop(self) -> None:
        """Run nothing more."""
        self._is_stopped = True

    def set_debug(self, enabled: bool) -> None:
        """qasync asks for it; asyncio's own debug mode says more."""

    def timerEvent(self, event: QTimerEvent | None) -> None:  # noqa: N802 Qt's name
        """Qt: one of them rang."""
        if event is None:
            return
        self.killTimer(event.timerId())
        handle, due = self._due.pop(event.timerId(), (None, 0.0))
        if handle is None or self._is_stopped or handle.cancelled():
            return
        if time.monotonic() < due:
            self._start(handle, due)
        else:
            handle._run()

    def _start(self, handle: asyncio.Handle, due: float) -> None:
        left_ms = math.ceil((due - time.monotonic()) * 1000) if due else 0
        kind = Qt.TimerType.PreciseTimer
        self._due[self.startTimer(min(max(0, left_ms), LONGEST_MS), kind)] = (handle, due)


class DeskLoop(qasync.QEventLoop):  # type: ignore[misc] # qasync has no types
    """qasync's loop with timers that never ring early, and threads that keep the caller's context.

    The last window's end is not the loop's.
    """

    def __init__(self, app: QCoreApplication) -> None:
        if isinstance(app, QGuiApplication):
            app.setQuitOnLastWindowClosed(False)
        super().__init__(app)
        self._timer = _PreciseTimer()

    def call_soon_threadsafe(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """As asyncio's; qasync's own forgets the context."""
        held = context or copy_context()
        handle = asyncio.Handle(callback, args, self, context=held)
        super().call_soon_threadsafe(_run_unless_cancelled, handle)
        return handle


def _run_unless_cancelled(handle: asyncio.Handle) -> None:
    if not handle.cancelled():
        handle._run()


class Slots:
    """Coroutines as answers to signals. `show` gets what one of them raised."""

    def __init__(self, show: Callable[[BaseException], None]) -> None:
        self._show = show
        self._tasks: set[asyncio.Task[Any]] = set()

    def run(self, life: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Begin it, and hold it until it is done."""
        task = asyncio.get_event_loop().create_task(life)
        self._tasks.add(task)
        task.add_done_callback(self._left)
        return task

    def connect(self, signal: pyqtBoundSignal, make: Callable[..., Coroutine[Any, Any, Any]]) -> None:
        """Run `make(*arguments)` each time the signal comes."""
        signal.connect(lambda *arguments: self.run(make(*arguments)))

    async def end(self) -> None:
        """Cancel what is still running."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _left(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._show(error)


class LagMeter(QObject):
    """How long the loop was blocked: what each beat came later than it was due, counted in whole ms."""

    def __init__(self) -> None:
        super().__init__()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(round(BEAT_S * 1000))
        self._timer.timeout.connect(self._beat)
        self._last = 0.0
        self.late_ms: Counter[int] = Counter()

    def start(self) -> None:
        """Begin to measure."""
        self._last = time.monotonic()
        self._timer.start()

    def stop(self) -> None:
        """Measure no more."""
        self._timer.stop()

    def at(self, share: float) -> int:
        """The lateness in ms that this share of the beats stayed within; 0 without a beat."""
        wanted, seen = share * self.late_ms.total(), 0
        for late_ms, count in sorted(self.late_ms.items()):
            seen += count
            if seen >= wanted:
                return late_ms
        return 0

    def _beat(self) -> None:
        now = time.monotonic()
        self.late_ms[math.ceil(max(0.0, (now - self._last - BEAT_S) * 1000))] += 1
        self._last = now
