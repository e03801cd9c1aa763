"""Two hubs, of which only one has the illness: the other must not catch it, and each tells the other of its changes."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from . import database_illnesses, redis_illnesses
from .conftest import RunRow
from .illness import NETWORK, Illness, of_the_network, rows
from .proxy import Mode
from .site import Site, Way


def both_stores(mode: Mode) -> Illness:
    """The hub reaches neither."""

    @asynccontextmanager
    async def befalls(site: Site, ways: list[Way]) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for store in ("database", "Redis"):
                await stack.enter_async_context(of_the_network(store, mode).befalls(site, ways))
            yield

    return Illness("database", f"and Redis: {mode}", befalls, cuts_off=True)


OF_ONE = [
    *NETWORK,
    Illness("database", "another password", database_illnesses.another_password),
    Illness("database", "rights revoked", database_illnesses.rights_revoked),
    Illness("database", "right to write revoked", database_illnesses.right_to_write_revoked),
    Illness("Redis", "another password", redis_illnesses.another_password),
    Illness("Redis", "no right to write", redis_illnesses.no_right_to_write),
    both_stores("refuses"),
    both_stores("never answers"),
]
"""What can befall one hub's ways to the stores alone."""


@pytest.mark.parametrize("illness", rows(OF_ONE, {"Redis: refuses"}))
async def test_a_hub_that_falls_ill_alone_harms_nobody(run_row: RunRow, illness: Illness) -> None:
    await run_row(f"one of two: {illness.title}", illness, (0, 0))


@pytest.mark.parametrize("skew_s", [8, -8])
@pytest.mark.parametrize("illness", rows(NETWORK, set()))
async def test_nor_where_its_clock_is_far_from_the_others(run_row: RunRow, skew_s: int, illness: Illness) -> None:
    await run_row(f"one of two, its clock {skew_s:+} s: {illness.title}", illness, (skew_s, 0))
