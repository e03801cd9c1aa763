"""`hub doctor`: what it finds on real servers, sound and not, and that it changes nothing."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hub.cli.doctor import Check, checks, clock_check
from hub.config import Settings
from hub.store import Store
from hub.store.migrations import head, migrate
from tests.services.fixtures import Stores
from tests.services.mariadb import MariaDB
from tests.services.process import free_port
from tests.services.redis_server import RedisServer

from .conftest import Hub


def settings_of(stores: Stores) -> Settings:
    return Settings(database_url=stores.database_url, redis_url=stores.redis_url)


async def check_of(settings: Settings, name: str) -> Check:
    return next(check for check in await checks(settings) if check.name == name)


@pytest.mark.usefixtures("home")
async def test_what_is_sound_is_ok(stores: Stores) -> None:
    await asyncio.to_thread(migrate, stores.database_url)
    settings = settings_of(stores)
    settings.bootstrap_token()
    settings.signing_secret()
    found = await checks(settings)
    assert [check for check in found if not check.ok or check.advice] == []
    names = [check.name for check in found]
    assert names[:4] == ["database", "schema", "database clock", "Redis"]
    assert names[-2:] == ["HUB_JWT_SECRET", "HUB_ADMIN_TOKEN"]


@pytest.mark.usefixtures("home")
async def test_the_embedded_redis_is_reported_as_such(embedded_stores: Stores) -> None:
    redis = await check_of(settings_of(embedded_stores), "Redis")
    assert redis.ok
    assert "embedded" in redis.detail


async def test_a_database_that_is_not_made_is_not_made_by_looking(home: Path) -> None:
    database = await check_of(Settings(), "database")
    assert not database.ok
    assert "hub migrate" in database.advice
    assert not (home / "data").exists()


@pytest.mark.usefixtures("home")
async def test_an_empty_database_wants_a_migration(server_stores: Stores) -> None:
    schema = await check_of(settings_of(server_stores), "schema")
    assert not schema.ok
    assert "hub migrate" in schema.advice


@pytest.mark.usefixtures("home")
async def test_a_schema_of_another_revision_is_named(server_stores: Stores, mariadb: MariaDB) -> None:
    await asyncio.to_thread(migrate, server_stores.database_url)
    mariadb.execute("UPDATE alembic_version SET version_num = '0000'", server_stores.database_url.rpartition("/")[2])
    schema = await check_of(settings_of(server_stores), "schema")
    assert not schema.ok
    assert "0000" in schema.detail
    assert head() in schema.detail


@pytest.mark.usefixtures("home")
async def test_servers_that_are_not_there_are_named_without_their_passwords() -> None:
    port = free_port()
    settings = Settings(
        database_url=f"mysql+asyncmy://hub:dontshowme@127.0.0.1:{port}/hub",
        redis_url=f"redis://:dontshowme@127.0.0.1:{port}/0",
    )
    found = await checks(settings)
    bad = {check.name: check for check in found if not check.ok}
    assert set(bad) == {"database", "Redis"}
    assert "HUB_DATABASE_URL" in bad["database"].advice
    assert "HUB_REDIS_URL" in bad["Redis"].advice
    assert "dontshowme" not in repr(found)


@pytest.mark.usefixtures("home")
async def test_a_redis_that_may_evict_is_refused(own_redis: Callable[[], RedisServer]) -> None:
    server = own_redis()
    with server.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
    eviction = await check_of(Settings(redis_url=server.url()), "Redis eviction")
    assert not eviction.ok
    assert "allkeys-lru" in eviction.detail
    assert "noeviction" in eviction.advice


@pytest.mark.parametrize(
    ("theirs", "asked", "answered", "ok"),
    [
        (10_000, 10_000, 10_000, True),
        (10_900, 10_000, 10_000, True),
        (11_001, 10_000, 10_000, False),
        (8_999, 10_000, 10_000, False),
        (13_000, 10_000, 15_000, True),  # anywhere between question and answer it may be right
        (16_001, 10_000, 15_000, False),
    ],
)
def test_a_clock_may_be_off_by_a_second(theirs: int, asked: int, answered: int, ok: bool) -> None:
    check = clock_check("clock", theirs, asked, answered)
    assert check.ok == ok
    assert bool(check.advice) != ok


async def test_a_secret_that_others_can_read_is_found(home: Path) -> None:
    settings = Settings()
    settings.bootstrap_token()
    kept = home / "data" / "admin_token"
    kept.chmod(0o644)
    secret = await check_of(settings, "HUB_ADMIN_TOKEN")
    assert not secret.ok
    assert secret.advice == f"chmod 600 {kept}"
    assert kept.read_text() not in repr(secret)


async def test_a_kept_secret_that_is_too_short_is_found(home: Path) -> None:
    (home / "data").mkdir()
    (home / "data" / "jwt_secret").write_text("short")
    secret = await check_of(Settings(), "HUB_JWT_SECRET")
    assert not secret.ok
    assert "32" in secret.detail
    assert "short" not in secret.detail


async def test_settings_files_that_others_can_read_are_found(home: Path) -> None:
    (home / ".env").write_text("HUB_PORT=8001\n")
    (home / ".env").chmod(0o640)
    assert not (await check_of(Settings(), ".env")).ok


def test_the_command_on_a_sound_machine(hub: Hub) -> None:
    assert hub("migrate").out.startswith("The database is at revision ")
    run = hub("doctor")
    assert (run.code, run.err) == (0, "")
    # This machine's clock is whatever it is.
    assert all(line.startswith("ok  ") for line in run.out.splitlines() if "clock: " not in line)
    as_json = json.loads(hub("doctor", "--json").out)
    assert [set(check) for check in as_json] == [{"name", "ok", "detail", "advice", "weakens"}] * len(
        run.out.splitlines()
    )


def test_a_restored_database_goes_on_with_ids_that_no_agent_knows(hub: Hub) -> None:
    hub("migrate")
    url = Settings().database_url

    async def agent_knows(order_id: int) -> None:
        store = Store(url)
        await store.restoration.note_reported(order_id)
        await store.close()

    asyncio.run(agent_knows(61))
    run = hub("doctor")
    assert run.code == 1
    assert "agents know order 61, here the newest is 0" in run.out
    run = hub("doctor", "--restored", "--json")
    assert (run.code, run.err.strip()) == (
        0,
        "Epoch 1: the next order is 1000001. Restart the hub, so that its agents come anew.",
    )
    assert "order ids" in {check["name"] for check in json.loads(run.out) if check["ok"]}


def test_the_command_where_something_is_wrong(hub: Hub) -> None:
    run = hub("doctor")
    assert run.code == 1
    assert "!!  database: " in run.out
    assert "→ Run `hub migrate`." in run.out
    assert hub("doctor", "--json").code == 1


def test_a_migration_without_a_database_is_3(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_DATABASE_URL", f"mysql+asyncmy://hub:dontshowme@127.0.0.1:{free_port()}/hub")
    run = hub("migrate")
    assert (run.code, run.out) == (3, "")
    assert "hub doctor" in run.err
    assert "dontshowme" not in run.err


def test_a_hub_that_cannot_be_served_says_why(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    run = hub("serve", "--workers", "2")
    assert (run.code, run.out) == (1, "")
    assert "embedded" in run.err
    monkeypatch.setenv("HUB_DATABASE_URL", f"mysql+asyncmy://hub:dontshowme@127.0.0.1:{free_port()}/hub")
    run = hub("serve")
    assert (run.code, run.out) == (1, "")
    assert "--alone" in run.err
    run = hub("serve", "--alone", "--port", "0")
    assert (run.code, run.out) == (3, "")
    assert "dontshowme" not in run.err


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("HUB_DATABASE_URL", "dontshowme"),
        ("HUB_DATABASE_URL", "oracle9://hub:dontshowme@127.0.0.1/hub"),
        ("HUB_DATABASE_URL", "sqlite:///dontshowme.db"),
        ("HUB_REDIS_URL", "http://:dontshowme@127.0.0.1"),
    ],
)
@pytest.mark.parametrize("command", ["serve", "migrate", "doctor"])
def test_a_url_that_is_none_is_2(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, command: str, setting: str, value: str
) -> None:
    monkeypatch.setenv(setting, value)
    run = hub(command)
    assert (run.code, run.out) == (2, "")
    assert setting in run.err
    assert "dontshowme" not in run.err
