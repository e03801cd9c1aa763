"""A store that answers and refuses: each kind is a sentence of its own with exit code 1, before anything is ready."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from hub import server
from hub.store.migrations import migrate
from tests.operation.thread_hub import make_certificate
from tests.services.mariadb import MariaDB
from tests.services.process import free_port
from tests.services.redis_server import RedisServer

from .conftest import Hub

PASSWORD: Final = "w0nderfa11"
USERS: Final = f"""
CREATE OR REPLACE USER nobody IDENTIFIED BY '{PASSWORD}', reader IDENTIFIED BY '{PASSWORD}';
CREATE OR REPLACE USER locked IDENTIFIED BY '{PASSWORD}' ACCOUNT LOCK;
GRANT SELECT ON {{database}}.* TO reader;
"""
DATABASES: Final = {
    "nobody:w0nder@{server}/{database}": "The database refuses the login of user nobody (error 1045: ",
    "stranger:w0nderfa11@{server}/{database}": "The database refuses the login of user stranger (error 1045: ",
    "locked:w0nderfa11@{server}/{database}": "The database refuses the login of user locked (error 4151: ",
    "root@{server}/nowhere": "The database server has no database nowhere (error 1049: ",
    "nobody:w0nderfa11@{server}/{database}": "User nobody has not enough rights on the database {database} (error 1044",
    "reader:w0nderfa11@{server}/{database}": "User reader has not enough rights on the database {database} (error 1142",
}
ACL: Final = (
    f"--user default on >{PASSWORD} ~* &* +@all --user reader on >{PASSWORD} ~* &* +@read +info "
    f"--user other on >{PASSWORD} ~other:* &* +@all"
)
REDISES: Final = {
    "redis://:w0nder@{plain}/0": "Redis refuses the login of user default (",
    "redis://{plain}/0": "Redis refuses the login of user default (",
    "redis://reader:w0nderfa11@{plain}/0": "User reader has not enough rights on Redis (",
    "redis://other:w0nderfa11@{plain}/0": "User other has not enough rights on Redis (",
    "redis://:w0nderfa11@{plain}/99": "Redis has no database 99 (DB index is out of range).",
    "redis://:w0nderfa11@{tls}/0": "Redis takes encrypted connections only (",
    "rediss://:w0nderfa11@{tls}/0": "The certificate of Redis is not trusted here (",
    "redis://:w0nderfa11@{mysql}/0": "What answers there is no Redis (",
    "redis://{cluster}/0": "This Redis is part of a cluster (redis_mode cluster).",
}


@dataclass(frozen=True)
class Stores:
    """Their addresses, and the database's name."""

    names: dict[str, str]

    def database_url(self, pattern: str) -> str:
        return "mysql+asyncmy://" + pattern.format(**self.names)


@pytest.fixture(scope="module")
def database(mariadb: MariaDB) -> Stores:
    name = mariadb.create_database()
    migrate(mariadb.url(name))
    mariadb.execute(USERS.format(database=name))
    return Stores({"server": f"127.0.0.1:{mariadb.port}", "database": name})


@pytest.fixture(scope="module")
def redis(services_dir: Path, mariadb: MariaDB) -> Iterator[dict[str, str]]:
    """One Redis with several users and both kinds of port, and one of a cluster."""
    folder = services_dir / "unfit"
    folder.mkdir()
    certificate = make_certificate(folder)
    tls = free_port()
    keys = ("--tls-cert-file", str(certificate.file), "--tls-key-file", str(certificate.key_file))
    guarded = _Guarded(folder / "acl", *ACL.split(), "--tls-port", str(tls), "--tls-auth-clients", "no", *keys)
    cluster = RedisServer(folder / "cluster", "--cluster-enabled", "yes")
    try:
        guarded.start()
        cluster.start()
        ports = {"plain": guarded.port, "tls": tls, "mysql": mariadb.port, "cluster": cluster.port}
        yield {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    finally:
        guarded.kill()
        cluster.kill()


class _Guarded(RedisServer):
    """One that answers to nobody without a password."""

    def client(self, timeout_s: float = 5) -> Redis:
        return Redis(port=self.port, password=PASSWORD, socket_timeout=timeout_s, retry=Retry(NoBackoff(), 0))


@pytest.fixture(autouse=True)
def never_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub that would listen after all ends here, with another code."""
    monkeypatch.setattr(server, "_serve", lambda *_arguments: 99)


@pytest.mark.parametrize("pattern", DATABASES)
def test_a_database_that_refuses_is_said_in_its_kind(
    pattern: str, hub: Hub, database: Stores, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_DATABASE_URL", database.database_url(pattern))
    monkeypatch.setenv("HUB_REDIS_URL", redis_server.url())
    _is_said_by_all(hub, DATABASES[pattern].format(**database.names))


@pytest.mark.parametrize("pattern", REDISES)
def test_a_redis_that_refuses_is_said_in_its_kind(
    pattern: str, hub: Hub, database: Stores, redis: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_DATABASE_URL", database.database_url("root@{server}/{database}"))
    monkeypatch.setenv("HUB_REDIS_URL", pattern.format(**redis))
    _is_said_by_all(hub, REDISES[pattern])


def _is_said_by_all(hub: Hub, sentence: str) -> None:
    started, looked = hub("serve", "--port", "0"), hub("doctor")
    assert (started.code, looked.code) == (1, 1)
    assert started.err.startswith(f"Error: {sentence}")
    assert f": {sentence}" in looked.out
    assert len(started.err.splitlines()) == 2
    said = started.out + started.err + looked.out + looked.err
    assert [sign for sign in (PASSWORD, "w0nder", "Traceback") if sign in said] == []


@pytest.mark.parametrize("pattern", [one for one in DATABASES if not one.startswith("reader")])
def test_migrate_says_the_same(pattern: str, hub: Hub, database: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_DATABASE_URL", database.database_url(pattern))
    run = hub("migrate")
    assert run.code == 1
    assert run.err.startswith(f"Error: {DATABASES[pattern].format(**database.names)}")


def test_stores_that_a_hub_may_write_are_taken(
    hub: Hub, database: Stores, redis: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_DATABASE_URL", database.database_url("root@{server}/{database}"))
    monkeypatch.setenv("HUB_REDIS_URL", f"redis://:{PASSWORD}@{redis['plain']}/0")
    assert hub("serve", "--port", "0").code == 99


def test_a_file_that_nobody_may_write_is_said(hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write any file, so what forbids it here is the database's own mode."""
    path = home / "hub.db"
    migrate(f"sqlite+aiosqlite:///{path}")
    monkeypatch.setenv("HUB_DATABASE_URL", f"sqlite+aiosqlite:///file:{path}?mode=ro&uri=true")
    run = hub("serve", "--port", "0")
    assert run.code == 1
    assert run.err.startswith("Error: The database file:")
    assert "takes no writes (attempt to write a readonly database)" in run.err


@pytest.mark.faults
def test_a_database_that_is_too_old_is_said(
    hub: Hub,
    running: Callable[[Callable[[Path], MariaDB]], MariaDB],
    mariadb_template: Path,
    redis_server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Old(MariaDB):
        def command(self) -> list[str]:
            return [*super().command(), "--version=10.3.39-MariaDB"]

    old = running(lambda directory: Old(directory, mariadb_template))
    url = old.url(old.create_database())
    migrate(url)
    monkeypatch.setenv("HUB_DATABASE_URL", url)
    monkeypatch.setenv("HUB_REDIS_URL", redis_server.url())
    _is_said_by_all(hub, "The database is version 10.3.39-MariaDB: the hub takes MySQL 8.0, MariaDB 10.6 or newer.")
