"""The private MariaDB keeps its data and its port over any end."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from .mariadb import MariaDB
from .waiting import wait_until


def test_each_test_gets_an_empty_database_in_utf8mb4(mariadb: MariaDB) -> None:
    first, second = mariadb.create_database(), mariadb.create_database()
    assert first != second
    assert mariadb.execute("SHOW TABLES", first) == ""
    assert mariadb.execute("SELECT @@character_set_database", first).strip() == "utf8mb4"


def test_it_commits_durably_and_uses_no_well_known_port(mariadb: MariaDB) -> None:
    assert mariadb.execute("SELECT @@innodb_flush_log_at_trx_commit").strip() == "1"
    assert mariadb.port != 3306


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_what_was_committed_is_there_after_the_server_came_back(own_mariadb: Callable[[], MariaDB], end: str) -> None:
    server = own_mariadb()
    port, database = server.port, server.create_database()
    server.execute("CREATE TABLE t (word VARCHAR(9)); INSERT INTO t VALUES ('下单')", database)
    getattr(server, end)()
    assert not server.is_running()
    server.start()
    assert server.port == port
    assert server.execute("SELECT word FROM t", database) == "下单\n"


def test_paused_it_can_still_be_stopped(own_mariadb: Callable[[], MariaDB]) -> None:
    server = own_mariadb()
    server.pause()
    wait_until(lambda: _state(server.pid) == "T", "the server is stopped, in the sense of SIGSTOP")
    assert server.stop() == 0


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


async def test_sqlalchemy_reaches_it(database_url: str) -> None:
    engine = create_async_engine(database_url)
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT 1"))).scalar() == 1
    await engine.dispose()
