"""A resync ends only when every step has succeeded after the request."""

import pytest

from hub.errors import Unavailable
from hub.sessions.resync import Resync


async def test_a_process_begins_with_one_and_a_failing_step_leaves_it_pending() -> None:
    done: list[str] = []
    is_away = True

    async def recheck() -> None:
        done.append("recheck")

    async def announce() -> None:
        if is_away:
            raise Unavailable("Redis", "refused")
        done.append("announce")

    resync = Resync(recheck, announce)
    assert resync.is_pending
    with pytest.raises(Unavailable):
        await resync.run()
    assert resync.is_pending
    is_away = False
    await resync.run()
    assert not resync.is_pending
    await resync.run()
    assert done == ["recheck", "recheck", "announce"]


async def test_what_is_requested_while_it_runs_is_done_again() -> None:
    runs = 0

    async def step() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            resync.request("an event was missed meanwhile")

    resync = Resync(step)
    await resync.run()
    assert (runs, resync.is_pending) == (2, False)
