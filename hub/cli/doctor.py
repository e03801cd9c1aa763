"""Is this machine fit to run the hub? One `Check` a line: what was looked at, what was found, what to do.

Imported by `hub.cli.server` when it runs. The invariant: looking changes nothing (`raise_ids` alone does), and what
can't be checked is a check that failed, not an error; no secret is ever in a line.
"""

import asyncio
import os
import stat
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import URL
from sqlalchemy.engine import make_url

from hub.clock import now_ms
from hub.cluster.redis import connect, guarded, try_redis
from hub.config import SECRET_BYTES, Settings
from hub.errors import Unavailable, Unfit
from hub.language import _
from hub.runtime.fitness import sentence
from hub.store.database import Connection, Database
from hub.store.fitness import try_database
from hub.store.installation import CLOCK
from hub.store.migrations import head, revision
from hub.store.restoration import Restoration

CLOCK_TOLERANCE_MS: Final = 1_000

WAIT_S: Final = 2.0
"""For each of a Redis's answers, which is asked for three times: a person waits."""


class Check(msgspec.Struct, frozen=True):
    """One line. `advice` says what to do; empty where there is nothing to do. `weakens`: it works, and weakens a
    promise."""

    name: str
    ok: bool
    detail: str
    advice: str = ""
    weakens: bool = False


async def checks(settings: Settings) -> list[Check]:
    """All that can be looked at from here, in the order in which a person would mend it."""
    database, redis = await asyncio.gather(database_checks(settings), redis_checks(settings))
    return [
        *database,
        *redis,
        secret_check(settings, "jwt_secret"),
        secret_check(settings, "admin_token"),
        *(mode_check(path) for path in (Path(".env"), Path("hub.yaml")) if path.exists()),
    ]


async def database_checks(settings: Settings) -> list[Check]:
    """Whether it answers and a hub can work with it; if so, its tables and its clock."""
    url = make_url(settings.database_url)
    name = _("database")
    if _is_not_made(url):
        # Opening it would make it, and a doctor changes nothing.
        return [Check(name, False, _("{path} does not exist yet").format(path=url.database), _make_it())]
    database = Database(settings.database_url)
    try:
        async with database.writing() as connection:
            schema = await _schema_check(connection)
            if schema.ok:
                await try_database(connection)
            return [
                Check(name, True, _("{url} answers").format(url=database.name)),
                schema,
                await _database_clock_check(connection),
                *(await _restored_check(Restoration(database)) if schema.ok else ()),
            ]
    except Unfit as error:
        return [Check(name, False, *sentence(error, settings))]
    except Unavailable as error:
        return [Check(name, False, f"{database.name}: {error.why}", _("Is it running? Check HUB_DATABASE_URL."))]
    finally:
        await database.close()


def _is_not_made(url: URL) -> bool:
    return url.get_backend_name() == "sqlite" and not Path(url.database or "").exists()


async def _schema_check(connection: Connection) -> Check:
    name = _("schema")
    found = await connection.run_sync(revision)
    if found is None:
        return Check(name, False, _("there are no tables yet"), _make_it())
    if found != head():
        detail = _("is at revision {found}, this hub wants {head}").format(found=found, head=head())
        return Check(name, False, detail, _("Run `hub migrate`; is the revision newer, update this hub instead."))
    return Check(name, True, _("is at revision {found}").format(found=found))


async def _database_clock_check(connection: Connection) -> Check:
    name = _("database clock")
    if connection.dialect.name == "sqlite":
        return Check(name, True, _("is this machine's own"))
    before = now_ms()
    theirs = await connection.scalar(CLOCK)
    return clock_check(name, int(theirs or 0), before, now_ms())


async def _restored_check(restoration: Restoration) -> list[Check]:
    """Only where an agent has ever known more orders than the database."""
    reported, newest = await restoration.newest_reported(), await restoration.newest()
    if reported is None:
        return []
    if reported <= newest:
        return [Check(_("order ids"), True, _("are past all that agents know"))]
    detail = _("agents know order {reported}, here the newest is {newest}: the database is an older copy").format(
        reported=reported, newest=newest
    )
    return [Check(_("order ids"), False, detail, _("Run `hub doctor --restored`, then restart the hub."))]


async def raise_ids(database_url: str) -> tuple[int, int]:
    """After a restoration from a backup: a new epoch, its number and its first order id. Raises Unavailable."""
    database = Database(database_url)
    try:
        return await Restoration(database).raise_ids(now_ms())
    finally:
        await database.close()


def clock_check(name: str, theirs_ms: int, asked_ms: int, answered_ms: int) -> Check:
    """Another clock against ours, which read `asked_ms` before and `answered_ms` after theirs was read."""
    off_ms = max(theirs_ms - answered_ms, asked_ms - theirs_ms, 0)
    detail = _("is within {ms} ms of this machine's").format(ms=max(off_ms, answered_ms - asked_ms))
    if off_ms <= CLOCK_TOLERANCE_MS:
        return Check(name, True, detail)
    detail = _("differs from this machine's by {seconds:.1f} s").format(seconds=off_ms / 1_000)
    return Check(name, False, detail, _("Let both machines take their time from NTP (chrony, systemd-timesyncd)."))


async def redis_checks(settings: Settings) -> list[Check]:
    """Whether it answers; if so, its version, its eviction policy and its clock."""
    if settings.is_redis_embedded:
        return [Check("Redis", True, _("embedded: inside the hub's one process, nothing on disk"))]
    try:
        client = connect(settings.redis_url, WAIT_S)
    except Unavailable as error:
        return [Check("Redis", False, error.why, _("Check HUB_REDIS_URL."))]
    try:
        await try_redis(client)
        with guarded():
            facts = await client.info()
            before = now_ms()
            seconds, micros = await client.time()
    except Unfit as error:
        return [Check("Redis", False, *sentence(error, settings))]
    except Unavailable as error:
        return [Check("Redis", False, error.why, _("Is it running? Check HUB_REDIS_URL."))]
    finally:
        await client.aclose()
    theirs = int(seconds) * 1_000 + int(micros) // 1_000
    return [
        Check("Redis", True, _("version {version} answers").format(version=facts["redis_version"])),
        eviction_check(facts),
        clock_check(_("Redis clock"), theirs, before, now_ms()),
    ]


def eviction_check(facts: dict[str, Any]) -> Check:
    """An evicted claim is a lost barrier against a second delivery, so nothing may be evicted."""
    policy = str(facts.get("maxmemory_policy", "noeviction"))
    if policy == "noeviction":
        return Check(_("Redis eviction"), True, policy)
    return Check(
        _("Redis eviction"),
        False,
        _("{policy}: Redis may drop claims when it is full").format(policy=policy),
        _("Run: {command}; then `redis-cli config rewrite`.").format(
            command="redis-cli config set maxmemory-policy noeviction"
        ),
    )


def secret_check(settings: Settings, name: str) -> Check:
    """A secret from the settings was measured when they were read; a kept one is measured here."""
    label = f"HUB_{name.upper()}"
    if getattr(settings, name) is not None:
        return Check(label, True, _("is given in the settings"))
    path = settings.data_dir / name
    try:
        length = len(path.read_text().strip().encode())
    except FileNotFoundError:
        return Check(label, True, _("is not made yet; `hub serve` makes it"))
    except (OSError, UnicodeDecodeError) as error:
        return Check(label, False, f"{path}: {type(error).__name__}", _("Let the hub's user own and read it."))
    if length < SECRET_BYTES:
        detail = _("{path} holds {length} bytes, fewer than {least}").format(
            path=path, length=length, least=SECRET_BYTES
        )
        return Check(label, False, detail, _("Delete it; `hub serve` makes a new one, and everybody logs in again."))
    return msgspec.structs.replace(mode_check(path), name=label)


def mode_check(path: Path) -> Check:
    """Whether only its owner can read a file. Windows has no such modes."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if os.name == "nt" or not mode & 0o077:
        return Check(path.name, True, _("{path} is its owner's alone").format(path=path))
    detail = _("{path} can be read by others (mode {mode:04o})").format(path=path, mode=mode)
    return Check(path.name, False, detail, f"chmod 600 {path}")


def _make_it() -> str:
    return _("Run `hub migrate`.")
