"""One hub, each illness of each of its stores."""

import pytest

from .conftest import RunRow
from .database_illnesses import DATABASE
from .illness import NETWORK, Illness, rows
from .redis_illnesses import REDIS, WRONG_TYPES

IN_SHORT = {"database: talks HTTP", "Redis: replica of an empty one"}


@pytest.mark.parametrize("illness", rows([*NETWORK, *DATABASE, *REDIS, *WRONG_TYPES], IN_SHORT))
async def test_a_hub_outlives_what_befalls_a_store_and_makes_up_for_it(run_row: RunRow, illness: Illness) -> None:
    await run_row(illness.title, illness)
