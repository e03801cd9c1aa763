"""The loop: DESK.md's points about qasync, one test each."""

import asyncio
import contextvars
import gc
import time

import pytest
from PyQt6.QtCore import QObject, pyqtSignal
from PyQt6.QtWidgets import QDialog

from agent.ui.loop import LagMeter, Slots

from .conftest import Run


@pytest.mark.parametrize("delay", [0.0004, 0.0101, 0.05, 0.3009])
def test_a_timer_never_rings_early(run: Run, delay: float) -> None:
    async def wait() -> float:
        began = time.monotonic()
        await asyncio.sleep(delay)
        return time.monotonic() - began

    assert delay <= run(wait()) < delay + 0.25


def test_a_timeout_of_seconds_is_not_rounded_to_coarse_ones(run: Run) -> None:
    async def wait() -> float:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.13):
                await asyncio.Event().wait()
        return time.monotonic() - began

    assert 2.13 <= run(wait()) < 2.4


def test_a_wait_of_a_month_does_not_ring_at_once(run: Run) -> None:
    async def wait() -> bool:
        rang = asyncio.Event()
        handle = asyncio.get_running_loop().call_later(30 * 24 * 3600, rang.set)
        await asyncio.sleep(0.05)
        handle.cancel()
        return rang.is_set()

    assert run(wait()) is False


def test_a_cancelled_timer_does_not_ring(run: Run) -> None:
    async def wait() -> list[str]:
        rang: list[str] = []
        asyncio.get_running_loop().call_later(0.01, rang.append, "cancelled").cancel()
        asyncio.get_running_loop().call_later(0.01, rang.append, "kept")
        await asyncio.sleep(0.05)
        return rang

    assert run(wait()) == ["kept"]


def test_what_a_thread_calls_keeps_its_context(run: Run) -> None:
    name: contextvars.ContextVar[str] = contextvars.ContextVar("name", default="nobody")

    async def ask() -> str:
        heard: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        loop = asyncio.get_running_loop()

        def in_thread() -> None:
            name.set("thread")
            loop.call_soon_threadsafe(lambda: heard.set_result(name.get()))

        await asyncio.to_thread(in_thread)
        return await heard

    assert run(ask()) == "thread"


class _Button(QObject):
    pressed = pyqtSignal(str)


def test_a_slot_keeps_its_task_and_shows_what_it_raised(run: Run) -> None:
    async def press() -> list[str]:
        shown: list[BaseException] = []
        slots, button = Slots(shown.append), _Button()

        async def answer(word: str) -> None:
            await asyncio.sleep(0.01)
            raise ValueError(word)

        slots.connect(button.pressed, answer)
        button.pressed.emit("wrong")
        gc.collect()  # a task that nobody holds goes with it
        await asyncio.sleep(0.1)
        return [str(error) for error in shown]

    assert run(press()) == ["wrong"]


def test_slots_end_with_what_is_still_running_cancelled(run: Run) -> None:
    async def press() -> bool:
        slots = Slots(lambda error: None)
        task = slots.run(asyncio.Event().wait())
        await asyncio.sleep(0)
        await slots.end()
        return task.cancelled()

    assert run(press()) is True


def test_a_dialog_that_is_opened_in_a_task_lets_tasks_run(run: Run) -> None:
    async def ask() -> int:
        dialog = QDialog()
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        dialog.finished.connect(answer.set_result)
        dialog.open()
        await asyncio.sleep(0.01)
        asyncio.get_running_loop().call_later(0.01, dialog.accept)
        return await answer

    assert run(ask()) == 1


def test_the_meter_sees_a_blocked_loop(run: Run) -> None:
    async def block() -> LagMeter:
        meter = LagMeter()
        meter.start()
        await asyncio.sleep(0.2)
        time.sleep(0.15)  # noqa: ASYNC251 the loop is blocked on purpose
        await asyncio.sleep(0.1)
        meter.stop()
        return meter

    meter = run(block())
    assert max(meter.late_ms) >= 100
    assert meter.at(0.5) < 60
    assert LagMeter().at(0.99) == 0
