"""One schema, said four times: DESIGN's tables, `hub.store.tables`, the migrations, and the script for DBAs."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

import sql
from hub.store.migrations import migrate
from hub.store.tables import metadata
from tests.services.fixtures import Stores
from tests.services.mariadb import MariaDB

SCRIPT = Path(sql.__file__).parent / "mysql.sql"

TABLES = {
    "users": "id username password status expire_at created_at updated_at role session_id",
    "orders": "id time_increments symbol_name direction valid_duration status created_at updated_at created_by"
    " idempotency_key targets",
    "order_assignments": "id order_id user_id assigned_at executed_at execution_result device_id acked_at outcome",
}
UNIQUE = {("users", "username"), ("orders", "idempotency_key"), ("order_assignments", "order_id,user_id")}
INDEXED = {
    ("users", "status"),
    ("users", "expire_at"),
    ("orders", "status"),
    ("orders", "created_at"),
    ("order_assignments", "user_id"),
    ("order_assignments", "assigned_at"),
}

SCHEMA = {
    "tables": "SELECT table_name, engine, table_collation FROM information_schema.tables WHERE table_schema = '{0}'",
    "columns": "SELECT table_name, column_name, ordinal_position, column_type, is_nullable, column_default, extra,"
    " character_set_name, collation_name FROM information_schema.columns WHERE table_schema = '{0}'",
    "indices": "SELECT table_name, index_name, non_unique, seq_in_index, column_name FROM"
    " information_schema.statistics WHERE table_schema = '{0}'",
    "constraints": "SELECT table_name, constraint_name, constraint_type FROM information_schema.table_constraints"
    " WHERE table_schema = '{0}'",
    "foreign keys": "SELECT table_name, constraint_name, referenced_table_name, delete_rule FROM"
    " information_schema.referential_constraints WHERE constraint_schema = '{0}'",
    "revision": "SELECT version_num FROM {0}.alembic_version",
}


@pytest.fixture
def migrated(mariadb: MariaDB) -> str:
    """A database that `hub migrate` made."""
    name = mariadb.create_database()
    migrate(mariadb.url(name))
    return name


def test_the_script_for_dbas_is_the_one_that_the_migrations_print() -> None:
    printed = subprocess.run([sys.executable, "-m", "sql"], capture_output=True, text=True, check=True).stdout
    assert printed == SCRIPT.read_text()


def test_the_script_makes_what_the_migrations_make(mariadb: MariaDB, migrated: str) -> None:
    piped = mariadb.create_database()
    with SCRIPT.open() as script:
        subprocess.run([*mariadb.client_command(), piped], stdin=script, check=True)
    for what, query in SCHEMA.items():
        assert _sorted(mariadb, query.format(piped)) == _sorted(mariadb, query.format(migrated)), what


def test_migrating_twice_changes_nothing(mariadb: MariaDB, migrated: str) -> None:
    before = {what: _sorted(mariadb, query.format(migrated)) for what, query in SCHEMA.items()}
    migrate(mariadb.url(migrated))
    assert {what: _sorted(mariadb, query.format(migrated)) for what, query in SCHEMA.items()} == before


@pytest.mark.parametrize("table", TABLES)
def test_the_tables_have_the_columns_of_the_design(mariadb: MariaDB, migrated: str, table: str) -> None:
    query = (
        "SELECT column_name FROM information_schema.columns"
        f" WHERE table_schema = '{migrated}' AND table_name = '{table}' ORDER BY ordinal_position"
    )
    assert set(TABLES[table].split()) <= set(mariadb.execute(query).split())


def test_times_are_kept_in_microseconds(mariadb: MariaDB, migrated: str) -> None:
    query = (
        "SELECT DISTINCT column_type FROM information_schema.columns"
        f" WHERE table_schema = '{migrated}' AND column_name LIKE '%\\_at'"
    )
    assert mariadb.execute(query).split() == ["datetime(6)"]


def test_the_unique_keys_indices_and_cascades_of_the_design_are_there(mariadb: MariaDB, migrated: str) -> None:
    grouped = (
        "SELECT table_name, GROUP_CONCAT(column_name ORDER BY seq_in_index) FROM information_schema.statistics"
        f" WHERE table_schema = '{migrated}' AND non_unique = {{0}} GROUP BY table_name, index_name"
    )
    assert set(_sorted(mariadb, grouped.format(0))) >= UNIQUE
    assert set(_sorted(mariadb, grouped.format(1))) >= INDEXED
    cascading = (
        "SELECT referenced_table_name FROM information_schema.referential_constraints"
        f" WHERE constraint_schema = '{migrated}' AND table_name = 'order_assignments' AND delete_rule = 'CASCADE'"
    )
    assert sorted(mariadb.execute(cascading).split()) == ["orders", "users"]


def test_the_definition_in_the_hub_is_what_the_migrations_make(stores: Stores) -> None:
    migrate(stores.database_url)
    assert asyncio.run(_look(stores.database_url)) == []


def test_a_second_row_for_the_same_order_and_user_is_refused_by_the_database(mariadb: MariaDB, migrated: str) -> None:
    now = "UTC_TIMESTAMP(6)"
    mariadb.execute(
        f"INSERT INTO users (username, password, status, created_at, updated_at, role)"
        f" VALUES ('ann', '-', 1, {now}, {now}, 'trader'), ('Ann', '-', 1, {now}, {now}, 'trader');"
        f"INSERT INTO orders (time_increments, symbol_name, direction, valid_duration, status, created_at, updated_at)"
        f" VALUES ('TEN_MINUTE', 'BTCUSDT', 'LONG', 5, 1, {now}, {now})",
        migrated,
    )
    row = f"INSERT INTO order_assignments (order_id, user_id, assigned_at, device_id) VALUES (1, 1, {now}, 'a')"
    mariadb.execute(row, migrated)
    with pytest.raises(RuntimeError, match="Duplicate entry"):
        mariadb.execute(row, migrated)
    mariadb.execute("DELETE FROM orders", migrated)
    assert mariadb.execute("SELECT count(*) FROM order_assignments", migrated).strip() == "0"


def _sorted(mariadb: MariaDB, query: str) -> list[tuple[str, ...]]:
    return sorted(tuple(line.split("\t")) for line in mariadb.execute(query).splitlines())


def _differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, metadata))


async def _look(database_url: str) -> list[object]:
    engine = create_async_engine(database_url)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_differences)
    finally:
        await engine.dispose()
