"""The commands of both READMEs are the same ones, and they work: on a real MariaDB, Redis, hub and agent."""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.readme import (
    HUB_PORT,
    INSTALL,
    LANGUAGES,
    MARIADB_PORT,
    MARKS,
    NOT_RUN,
    REDIS_PORT,
    STAYS_UP,
    Reading,
    blocks,
    copy_checkout,
    make_home,
    read,
    type_all,
)
from tests.services.hub_process import clean_environment
from tests.services.mariadb import MariaDB
from tests.services.process import free_port
from tests.services.redis_server import RedisServer

BY_HAND = re.compile(r"<[a-z -]+>|your-|changeme|…|\.\.\.")
"""What a reader would have to put something else for."""


@pytest.mark.parametrize("readme", LANGUAGES)
def test_each_block_is_run_or_says_why_not(readme: str) -> None:
    found = list(blocks(readme))
    assert found
    assert [block.commands for block in found if block.mark not in MARKS] == []
    assert [block.commands for block in found if block.mark in (NOT_RUN, STAYS_UP) and len(block.more) < 3] == []


@pytest.mark.parametrize("readme", LANGUAGES)
def test_no_command_has_to_be_edited(readme: str) -> None:
    assert [block.commands for block in blocks(readme) if BY_HAND.search(block.commands)] == []


def test_both_languages_hold_the_same_commands() -> None:
    english, chinese = ([(block.mark, block.commands) for block in blocks(readme)] for readme in LANGUAGES)
    assert english == chinese


def assert_done(reading: Reading) -> None:
    assert set(reading.codes) == {0}, reading.transcript
    assert re.search(r"(success|下单成功)\D+1\b", reading.transcript), "the trader's order of the README was taken"
    assert reading.offered == []


def test_the_commands_work_from_the_first_to_the_last(
    tmp_path: Path, own_mariadb: Callable[[], MariaDB], own_redis: Callable[[], RedisServer]
) -> None:
    mariadb = own_mariadb()
    ports = {MARIADB_PORT: mariadb.port, REDIS_PORT: own_redis().port, HUB_PORT: free_port()}
    environment = clean_environment(make_home(tmp_path / "home", mariadb)) | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    }
    typed = [block for block in blocks("README.md") if block.mark not in (INSTALL, NOT_RUN)]
    assert_done(type_all(typed, copy_checkout(tmp_path / "bn-auto"), environment, ports))


@pytest.mark.faults
@pytest.mark.parametrize("readme", LANGUAGES)
def test_typed_on_a_bare_machine_a_readme_installs_and_runs_all_that_it_says(tmp_path: Path, readme: str) -> None:
    """`python -m tests.readme` prints the transcript."""
    assert_done(read(readme, tmp_path, lambda _well_known: free_port()))
