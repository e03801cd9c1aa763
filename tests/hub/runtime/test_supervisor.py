"""Services and duties that fail: begun again, said to be down, and only a hopeless one ends the process."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from hub.errors import Unavailable
from hub.runtime import metrics, supervisor
from hub.runtime.supervisor import Duty, Supervisor
from tests.services.waiting import eventually


class Life:
    """A service that ends as it is told; once nothing is left to tell it runs."""

    def __init__(self, *ends: Exception) -> None:
        self.ends = list(ends)
        self.began = 0

    async def run(self) -> None:
        self.began += 1
        if self.ends:
            raise self.ends.pop(0)
        await asyncio.Event().wait()


def failures(service: str) -> float:
    return metrics.SERVICE_FAILURES.labels(service)._value.get()


@pytest.fixture
def gave_up() -> list[str]:
    return []


@pytest.fixture
async def watched(gave_up: list[str], monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    monkeypatch.setattr(supervisor, "FIRST_DELAY_S", 0.01)
    monkeypatch.setattr(supervisor, "STEADY_S", 0.1)
    return Supervisor(gave_up.append)


async def test_a_service_that_fails_is_begun_again_and_says_that_it_was_down(watched: Supervisor) -> None:
    life, before = Life(TypeError("ours"), TypeError("ours")), failures("first")
    watched.serve("first", life.run)
    await eventually(lambda: watched.down, "it is down")
    assert [(down.name, down.why) for down in watched.down] == [("first", "TypeError")]
    await eventually(lambda: not watched.down, "it is up again")
    assert (life.began, failures("first") - before) == (3, 2)
    await watched.stop()


async def test_a_store_that_is_away_is_no_failure_of_ours_and_is_waited_for(
    watched: Supervisor, gave_up: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "GIVE_UP_S", 0)
    life, before = Life(*[Unavailable("Redis", "refused")] * 5), failures("second")
    watched.serve("second", life.run)
    await eventually(lambda: watched.down, "it is down")
    assert "refused" in watched.down[0].why
    await eventually(lambda: life.began == 6, "it is begun until it stays")
    assert (failures("second"), gave_up) == (before, [])
    await watched.stop()


async def test_a_service_that_our_own_mistake_keeps_down_ends_the_process(
    watched: Supervisor, gave_up: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "GIVE_UP_S", 0.05)
    watched.serve("third", Life(*[ValueError()] * 1_000).run)
    await eventually(lambda: gave_up, "the process is given up")
    assert set(gave_up) == {"third"}
    await watched.stop()


async def test_a_slow_duty_delays_no_other_and_a_failing_one_ends_nothing(
    watched: Supervisor, gave_up: list[str]
) -> None:
    done = 0

    async def quick() -> None:
        nonlocal done
        done += 1
        if done == 2:
            raise KeyError("ours")

    async def slow() -> None:
        await asyncio.Event().wait()

    duties: list[tuple[str, Callable[[], Awaitable[None]]]] = [("slow", slow), ("quick", quick)]
    for name, run in duties:
        watched.repeat(Duty(name, 0.01, run))
    await eventually(lambda: done > 5, "the quick one goes on")
    assert (watched.down, gave_up) == ([], [])
    await watched.stop()


async def test_a_seldom_duty_that_failed_is_tried_again_soon(
    watched: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "AGAIN_S", 0.01)
    life = Life(Unavailable("the database", "no answer"))

    async def run() -> None:
        if life.ends:
            raise life.ends.pop(0)

    watched.repeat(Duty("seldom", 3_600, run))
    await eventually(lambda: not life.ends and not watched.down, "it was done again")
    await watched.stop()


async def test_a_cause_is_logged_with_its_trace_once(watched: Supervisor, capsys: pytest.CaptureFixture[str]) -> None:
    async def fails() -> None:
        raise LookupError("of ours")

    duty = Duty("fourth", 1, fails)
    for _ in range(5):
        await watched.once(duty)
    assert capsys.readouterr().out.count("Traceback") == 1
