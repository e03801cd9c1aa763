"""Kill storms, short and long: no promise breaks whatever befalls hubs, Redis, clocks and traders. See `storm`."""

import itertools
import random
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.services.mariadb import MariaDB

from .storm import Mode, rounds_of, weather

FOUND_SEED = random.SystemRandom().randrange(10_000)
LONG_MINUTES = 1.5
SHORT_WINDOWS_S = (3,)


@pytest.fixture
def room(services_dir: Path) -> Iterator[Path]:
    with TemporaryDirectory(prefix="storm-", dir=services_dir) as directory:
        yield Path(directory)


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("claims", "seed"), [("fast", 20), ("strict", 17)])
async def test_a_gust(room: Path, mariadb: MariaDB, claims: Mode, seed: int) -> None:
    rounds = itertools.islice(rounds_of(seed, SHORT_WINDOWS_S), 5)
    verdict = await weather(room, mariadb, claims, people=4, rounds=rounds, minutes=1)
    assert verdict.broken == []
    assert verdict.submissions > 0


@pytest.mark.faults
@pytest.mark.timeout(600)
@pytest.mark.parametrize("claims", ["fast", "strict"])
async def test_a_storm_of_a_seed_that_is_drawn(room: Path, mariadb: MariaDB, claims: Mode) -> None:
    verdict = await weather(room, mariadb, claims, people=12, rounds=rounds_of(FOUND_SEED), minutes=LONG_MINUTES)
    print(f"seed {FOUND_SEED}, {claims}: {verdict}")
    assert verdict.broken == [], f"python -m tests.faults.storm --claims {claims} --seed {FOUND_SEED}"


def test_a_seed_gives_the_same_rounds() -> None:
    once, again = (list(itertools.islice(rounds_of(3), 50)) for _ in range(2))
    assert once == again
    assert {this.fault for this in once} >= {"hub killed", "Redis from its snapshot", "Redis empty"}
