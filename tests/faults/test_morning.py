"""Sixty true agents log in at once and come back at once, with nobody doing anything. `tests.operation.morning` is the
same with a thousand."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.operation.morning import morning
from tests.services.mariadb import MariaDB


@pytest.fixture
def room(services_dir: Path) -> Iterator[Path]:
    with TemporaryDirectory(prefix="morning-", dir=services_dir) as directory:
        yield Path(directory)


@pytest.mark.faults
async def test_sixty_agents_that_log_in_at_once_are_in_within_a_minute_and_come_back_unasked(
    room: Path, mariadb: MariaDB
) -> None:
    assert await morning(room, mariadb, 60) == []
