"""What weakens a promise is a warning with the command that mends it, and no failure."""

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from hub.cli.doctor import Check
from hub.cli.doctor_promises import (
    append_check,
    clock_check,
    descriptors_check,
    flush_checks,
    is_clock_kept,
    promise_checks,
    readable_checks,
)
from hub.config import Settings
from tests.services.fixtures import Stores
from tests.services.redis_server import RedisServer

from .conftest import Hub


def is_warning_with(check: Check, command: str) -> bool:
    return check.ok and check.weakens and command in check.advice


async def test_real_servers_are_asked(server_stores: Stores, own_redis: Callable[[], RedisServer], home: Path) -> None:
    server = own_redis()
    settings = Settings(database_url=server_stores.database_url, redis_url=server.url())
    found = {check.name: check for check in await promise_checks(settings, 1, 10)}
    assert is_warning_with(found["Redis append-only file"], "redis-cli config set appendonly yes")
    assert found["database flush"] == Check("database flush", True, "each COMMIT is on disk when it is answered")
    with server.client() as client:
        client.config_set("appendonly", "yes")
    found = {check.name: check for check in await promise_checks(settings, 1, 10)}
    assert is_warning_with(found["Redis append-only file"], "redis-cli config set appendfsync always")


async def test_what_is_away_is_another_checks_to_say(home: Path) -> None:
    settings = Settings(database_url="mysql+asyncmy://a:b@127.0.0.1:1/x", redis_url="redis://127.0.0.1:1/0")
    names = [check.name for check in await promise_checks(settings, 1, None)]
    assert names == ["clock", "file descriptors", "encryption"]


def test_a_database_without_our_tables_is_no_trace(hub: Hub, home: Path) -> None:
    (home / "data").mkdir(mode=0o700)
    with contextlib.closing(sqlite3.connect(home / "data" / "hub.db")) as database:
        database.execute("CREATE TABLE somebody_elses (a)")
    run = hub("doctor")
    assert run.code == 1
    assert "there are no tables yet" in run.out
    assert "file descriptors: " in run.out


def test_what_innodb_does_not_flush_is_said() -> None:
    assert is_warning_with(flush_checks(2, 0, 0)[0], "SET GLOBAL innodb_flush_log_at_trx_commit = 1")
    assert is_warning_with(flush_checks(1, 1, 0)[0], "SET GLOBAL sync_binlog = 1")
    assert [check.weakens for check in flush_checks(1, 0, 0)] == [False]


def test_what_redis_keeps_is_no_matter_where_claims_are_rows_first() -> None:
    assert not append_check(True, is_kept=False, fsync="no").weakens
    assert not append_check(False, is_kept=True, fsync="always").weakens
    assert not append_check(False, is_kept=True, fsync=None).weakens


def test_a_clock_that_nothing_keeps_is_said() -> None:
    assert is_warning_with(clock_check(False), "timedatectl set-ntp true")
    assert not clock_check(True).weakens
    assert not clock_check(None).weakens
    assert is_clock_kept() in (True, False, None)


def test_descriptors_are_reckoned_for_each_process() -> None:
    assert not descriptors_check(4_096, 1, 1_500).weakens
    assert is_warning_with(descriptors_check(4_096, 1, 5_000), "ulimit -n 10128")
    assert not descriptors_check(4_096, 4, 5_000).weakens
    assert not descriptors_check(None, 1, 10**6).weakens


def test_what_others_can_read_on_the_way_is_said() -> None:
    at_home = "http://127.0.0.1:8000"
    assert not readable_checks(Settings(), at_home)[0].weakens
    assert is_warning_with(readable_checks(Settings(host="0.0.0.0"), at_home)[0], "HUB_HOST=127.0.0.1")
    assert not readable_checks(Settings(host="0.0.0.0", trusted_proxies="10.0.0.5"), at_home)[0].weakens
    (away,) = readable_checks(Settings(), "http://hub.example:8000")
    assert is_warning_with(away, "export HUB_URL=https://hub.example:8000")


@pytest.mark.parametrize("command", [("users", "list"), ("login", "--user", "ann")], ids=" ".join)
def test_no_token_or_password_goes_readable_to_another_machine_unless_it_is_meant(
    hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("HUB_URL", "http://192.0.2.1:8000")
    monkeypatch.setenv("HUB_ADMIN_TOKEN", "t" * 40)
    run = hub(*command)
    assert (run.code, run.out) == (2, "")
    assert "can be read on the way" in run.err
    assert "--insecure-http" in run.err


def test_insecure_http_is_said_before_the_command_or_in_the_settings(
    hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_URL", "http://hub.invalid:8000")  # a name that nobody has: no packet leaves
    monkeypatch.setenv("HUB_ADMIN_TOKEN", "t" * 40)
    assert hub("--insecure-http", "users", "list").code == 3
    monkeypatch.setenv("HUB_INSECURE_HTTP", "true")
    assert hub("users", "list").code == 3
