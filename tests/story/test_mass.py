"""Every user gets every order once, whatever else they try at the same time."""

from pathlib import Path

import pytest

from tests.kit.cluster import Trial
from tests.kit.crowd import crowd_in

from .storm import Storm

ORDERS = 20
LATEST_S = 30


@pytest.mark.parametrize("people", [80, pytest.param(200, marks=pytest.mark.faults)])
async def test_many_agents_on_two_hubs(pair: Trial, story_dir: Path, people: int) -> None:
    await _weather(pair, story_dir, people, seconds=15)


async def test_30_agents_on_a_laptop(laptop: Trial, story_dir: Path) -> None:
    await _weather(laptop, story_dir, people=30, seconds=8)


async def test_20_agents_where_rows_are_committed_before_frames_leave(strict: Trial, story_dir: Path) -> None:
    await _weather(strict, story_dir, people=20, seconds=4)


async def _weather(trial: Trial, directory: Path, people: int, seconds: int) -> None:
    async with crowd_in(directory / "agents") as crowd:
        storm = Storm(trial, crowd)
        await storm.gather(people)
        await storm.blow(ORDERS, seconds)
        await storm.settle(seconds + LATEST_S)
    rows = await trial.books.rows(*storm.order_ids)
    assert len(rows) == people * ORDERS
    outcome_of = {(row.order_id, row.user_id): row for row in rows}
    assert len(outcome_of) == len(rows)
    for user in storm.users:
        for order_id in storm.order_ids:
            row = outcome_of[order_id, user.person.id]
            assert user.submissions(order_id) == (1 if row.outcome == "success" else 0)
            # A busy machine may hand an order to a device too late, which then says so itself; what nobody says
            # anything of can only have been left by the device that was replaced.
            left = ("unknown", user.first.device_id)
            assert row.outcome in ("success", "expired") or (row.outcome, row.device_id) == left
    assert sum(row.outcome == "success" for row in rows) > len(rows) / 2
