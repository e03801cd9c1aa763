"""What weakens a promise though everything works: each a warning with the command that mends it.

The invariant: looking changes nothing, and what cannot be asked is said to be so and is no warning.
"""

import asyncio
import math
import os
import sys
from typing import Final

from redis.exceptions import ResponseError
from sqlalchemy import literal_column, select

from hub.cli.access import access, is_local
from hub.cli.doctor import WAIT_S, Check
from hub.clock import now_ms
from hub.cluster.redis import connect, guarded
from hub.config import Settings
from hub.errors import Rejected, Unavailable
from hub.language import _
from hub.store import Store
from hub.store.database import Database
from hub.store.migrations import head, revision

OF_ITS_OWN: Final = 64
"""Descriptors that a process needs beside its connections: log, stores, listeners."""
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
TIME_ERROR: Final = 5
"""What adjtimex(2) returns for a clock that nothing keeps right."""
TIMEX_BYTES: Final = 512
"""More than `struct timex` has anywhere; all zero it asks and sets nothing."""


async def promise_checks(settings: Settings, workers: int, agents: int | None) -> list[Check]:
    """Of the stores, this machine and the way to the hub. `agents`: how many are expected; None: as many as there are
    traders."""
    innodb, redis, traders = await asyncio.gather(_innodb(settings), _redis(settings), _traders(settings))
    expected = traders if agents is None else agents
    return [
        *innodb,
        *redis,
        clock_check(is_clock_kept()),
        descriptors_check(hard_limit(), workers, expected),
        *readable_checks(settings, access().url),
    ]


def _weak(name: str, detail: str, advice: str) -> Check:
    return Check(name, True, detail, advice, weakens=True)


async def _traders(settings: Settings) -> int:
    """How many may connect; 0 where the database cannot say."""
    if settings.is_database_file and not os.path.exists(settings.database_url.partition(":///")[2]):  # noqa: ASYNC240
        return 0
    database, store = Database(settings.database_url), Store(settings.database_url)
    try:
        async with database.reading() as connection:
            is_there = await connection.run_sync(revision) == head()
        return (await store.users.may_trade(None, now_ms()))[0] if is_there else 0
    except (Unavailable, Rejected):
        return 0
    finally:
        await database.close()
        await store.close()


async def _innodb(settings: Settings) -> list[Check]:
    """Whether a COMMIT is on disk before the publisher is told so."""
    if settings.is_database_file:
        return []
    database = Database(settings.database_url)
    names = ("innodb_flush_log_at_trx_commit", "log_bin", "sync_binlog")
    try:
        async with database.reading() as connection:
            found = (await connection.execute(select(*[literal_column(f"@@{name}") for name in names]))).one()
    except (Unavailable, Rejected):
        return []  # said by another check
    finally:
        await database.close()
    return flush_checks(*map(int, found))


def flush_checks(flush: int, has_log: int, sync: int) -> list[Check]:
    """InnoDB's and the binary log's settings, as the server has them."""
    name = _("database flush")
    found = []
    if flush != 1:
        detail = _("innodb_flush_log_at_trx_commit is {value}: a power cut takes the last second's orders")
        mend = _("Run in the database: {command}; and set it in my.cnf.")
        command = "SET GLOBAL innodb_flush_log_at_trx_commit = 1"
        found.append(_weak(name, detail.format(value=flush), mend.format(command=command)))
    if has_log and sync != 1:
        detail = _("sync_binlog is {value}: a replica can lack orders that this server has")
        mend = _("Run in the database: {command}; and set it in my.cnf.")
        found.append(_weak(name, detail.format(value=sync), mend.format(command="SET GLOBAL sync_binlog = 1")))
    return found or [Check(name, True, _("each COMMIT is on disk when it is answered"))]


async def _redis(settings: Settings) -> list[Check]:
    """Whether a claim can outlive Redis and a hub that die together."""
    if settings.is_redis_embedded:
        return []
    try:
        client = connect(settings.redis_url, WAIT_S)
    except Unavailable:
        return []  # said by another check
    try:
        with guarded():
            is_kept = bool((await client.info("persistence")).get("aof_enabled"))
        try:
            with guarded():
                fsync = (await client.config_get("appendfsync")).get("appendfsync")
        except ResponseError:
            fsync = None
    except Unavailable:
        return []
    finally:
        await client.aclose()
    return [append_check(settings.effective_claims == "strict", is_kept, fsync)]


def append_check(is_strict: bool, is_kept: bool, fsync: str | None) -> Check:
    """Of an append-only file, and when it is written through. `fsync` None: the server does not say."""
    name = _("Redis append-only file")
    if is_strict:
        return Check(name, True, _("is no matter: claims are rows before they leave (HUB_CLAIMS=strict)"))
    either = _("Run: {command}; then `redis-cli config rewrite`. Or set HUB_CLAIMS=strict.")
    if not is_kept:
        detail = _("there is none: claims are lost when Redis and a hub die within the same moments")
        return _weak(name, detail, either.format(command="redis-cli config set appendonly yes"))
    if fsync is None:
        return Check(name, True, _("is kept; when it is written through, this Redis does not say"))
    if fsync != "always":
        detail = _("appendfsync is {value}: the last claims are lost when Redis and a hub die within the same moments")
        return _weak(name, detail.format(value=fsync), either.format(command="redis-cli config set appendfsync always"))
    return Check(name, True, _("is written through with each claim"))


def is_clock_kept() -> bool | None:
    """Whether something keeps this machine's clock right, as its kernel says; None where it cannot be asked."""
    if not sys.platform.startswith("linux"):
        return None
    import ctypes

    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(TIMEX_BYTES))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != TIME_ERROR


def clock_check(is_kept: bool | None) -> Check:
    name = _("clock")
    if is_kept is None:
        return Check(name, True, _("whether NTP keeps it cannot be asked here"))
    if is_kept:
        return Check(name, True, _("is kept by NTP"))
    detail = _("nothing keeps it right: a clock off by two seconds makes orders late")
    return _weak(name, detail, _("Run: {command}").format(command="timedatectl set-ntp true"))


def hard_limit() -> int | None:
    """How many descriptors a process may have, None where there is no such limit."""
    try:
        import resource
    except ImportError:
        return None
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return None if hard == resource.RLIM_INFINITY else hard


def descriptors_check(limit: int | None, workers: int, agents: int) -> Check:
    """Half of a process's descriptors are for agents: who is not known yet may have the other half."""
    name = _("file descriptors")
    needed = 2 * (math.ceil(agents / workers) + OF_ITS_OWN)
    if limit is None or limit >= needed:
        detail = _("{limit} a process, for {agents} agents at {workers} processes")
        return Check(name, True, detail.format(limit=limit or "∞", agents=agents, workers=workers))
    detail = _("{limit} a process: {agents} agents at {workers} processes need {needed}")
    return _weak(
        name,
        detail.format(limit=limit, agents=agents, workers=workers, needed=needed),
        _("Start it after: {command}; or set LimitNOFILE={needed} in its unit.").format(
            command=f"ulimit -n {needed}", needed=needed
        ),
    )


def readable_checks(settings: Settings, url: str) -> list[Check]:
    """Whether passwords and orders can be read on their way."""
    name = _("encryption")
    found = []
    if settings.host not in LOOPBACK and not settings.proxies:
        detail = _("the hub listens at {host} without TLS: passwords and orders can be read on the way")
        advice = _("Put a proxy with TLS before it: HUB_HOST=127.0.0.1, HUB_TRUSTED_PROXIES; see hub/docs/running.md.")
        found.append(_weak(name, detail.format(host=settings.host), advice))
    if url.startswith("http://") and not is_local(url):
        detail = _("HUB_URL is {url}: this command line's token can be read on the way")
        advice = _("Run: {command}").format(command=f"export HUB_URL=https://{url.removeprefix('http://')}")
        found.append(_weak(name, detail.format(url=url), advice))
    return found or [Check(name, True, _("nothing goes readable to another machine from here"))]
