"""The connection to Redis, embedded or real, and the names of all keys.

The invariant: whatever the client raises leaves as `Unavailable`, except an answer that was asked for and a command
that is wrong whoever gets it, which is a bug of ours.
"""

import asyncio
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from redis.asyncio import BlockingConnectionPool, Redis, SSLConnection
from redis.backoff import ExponentialBackoff
from redis.exceptions import AuthenticationError, InvalidResponse, NoPermissionError, ResponseError
from redis.retry import Retry

from hub.config import EMBEDDED_REDIS
from hub.errors import Fault, Unavailable, Unfit
from hub.runtime import metrics

EVENTS: Final = "hub:events"
CLAIMS_COMPLETE: Final = "hub:claims:complete"
PROCESSES: Final = "hub:processes"
TIMEOUT_S: Final = 3.0
PROBE_TIMEOUT_S: Final = 2.0
CONNECTIONS: Final = 50
EMBEDDED_CONNECTIONS: Final = 10_000

EMBEDDED_IDENTITY: Final = "embedded-"
"""How the identity of a Redis inside a process begins; `claim.lua` knows it too."""
OLDEST_REDIS: Final = (7, 0)
"""The stream counts its entries (`entries-added`) since then, by which a gap is found. Valkey forked from 7.2."""

_WRONG_COMMANDS: Final = (
    "ERR wrong number of arguments",
    "ERR syntax error",
    "ERR value is not",
    "ERR Error compiling script",
    "ERR user_script",
)
"""How Redis begins its answer to a command that can never succeed."""
_FAULTS: Final[dict[str, Fault]] = {
    "DB index is out of range": "database",
    "not allowed in cluster mode": "cluster",
    "CERTIFICATE_VERIFY_FAILED": "certificate",
    "WRONG_VERSION_NUMBER": "no_tls",
}
"""What is said of an answer that comes again however often it is asked."""
TRIAL: Final = "hub:trial"
"""A stream that never comes to be: whether we might write one."""


Command = tuple[str | bytes | int, ...]
"""A command's name and its arguments."""


def claim_prefix(order_id: int) -> str:
    """What a claim's key starts with; the user's id follows."""
    return f"order:assigned:{order_id}:"


def claim_key(order_id: int, user_id: int) -> str:
    return f"{claim_prefix(order_id)}{user_id}"


def restoring_key(sign: str) -> str:
    return f"hub:claims:restoring:{sign}"


def session_key(user_id: int) -> str:
    return f"session:{user_id}"


def login_device_key(account: str, device: str) -> str:
    return f"hub:login:device:{account}:{device}"


def order_cache_key(order_id: int) -> str:
    return f"order:cache:{order_id}"


def survey_key(request: str) -> str:
    return f"hub:roll_call:{request}"


def connect(url: str, timeout_s: float = TIMEOUT_S) -> Redis:
    """A client of its own pool. `embedded://` is a Redis inside this process, with nothing on disk. Raises Unavailable
    where the URL has an option that the client does not take."""
    if url == EMBEDDED_REDIS:
        import fakeredis  # a fifth of a second that a hub on a real Redis need not wait

        return fakeredis.FakeAsyncRedis(server_type="redis", version=(7,), max_connections=EMBEDDED_CONNECTIONS)
    # Beyond its size the pool makes callers wait; redis-py's plain one would refuse the hundred-and-first.
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=timeout_s,
            socket_timeout=timeout_s,
            socket_connect_timeout=TIMEOUT_S,
            health_check_interval=30,
            retry=Retry(ExponentialBackoff(cap=0.2, base=0.02), retries=2),
            protocol=2,
        )
    except ValueError as error:  # its words name the option; those of what it is raised from, the value
        raise unavailable(error) from None
    return Redis.from_pool(pool)


async def identity(client: Redis) -> str:
    """Which server this is: its run id and its replication id, as `claim.lua` compares them. A restart, a failover and
    a promotion each change one of the two. Raises Unavailable."""
    if is_embedded(client):
        return f"{EMBEDDED_IDENTITY}{os.getpid()}-{id(client.connection_pool):x}"
    with guarded():
        server, replication = await client.info("server"), await client.info("replication")
    return f"{server.get('run_id')}:{replication.get('master_replid')}"


async def version(client: Redis) -> tuple[int, int]:
    """Major and minor version, as Redis counts: Valkey says in `redis_version` which Redis it is compatible with.
    Raises Unavailable."""
    if is_embedded(client):
        return OLDEST_REDIS
    with guarded():
        facts = await client.info("server")
    major, minor = str(facts["redis_version"]).split(".")[:2]
    return int(major), int(minor)


async def try_redis(client: Redis) -> None:
    """Whether a hub can work with it: new enough, alone, and this login may do what a hub does, on each kind of its
    keys. What is written is gone at once. Raises Unfit, Unavailable."""
    if is_embedded(client):
        return
    try:
        found = await version(client)
        if found < OLDEST_REDIS:
            raise Unfit("Redis", ".".join(map(str, found)), "old")
        await _try_rights(client)
    except Unfit:
        raise
    except Unavailable as error:
        if await _speaks_tls(client):
            raise Unfit("Redis", error.why, "tls") from error
        raise


async def _try_rights(client: Redis) -> None:
    with guarded():
        mode = (await client.info("server")).get("redis_mode")
    if mode == "cluster":
        raise Unfit("Redis", f"redis_mode {mode}", "cluster")
    with guarded():
        for key in (claim_key(0, 0), order_cache_key(0), session_key(0)):
            await client.set(key, "", px=1)
        await client.eval("return 1", 0)
        await client.xadd(TRIAL, {"trial": ""}, nomkstream=True)
        await client.xrevrange(EVENTS, count=1)


async def _speaks_tls(client: Redis) -> bool:
    """Whether TLS is what a server wants that did not answer us in the clear."""
    place = client.connection_pool.connection_kwargs
    if "host" not in place or issubclass(client.connection_pool.connection_class, SSLConnection):
        return False
    anybody = ssl.create_default_context()
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    try:
        async with asyncio.timeout(TIMEOUT_S):
            _reader, writer = await asyncio.open_connection(place["host"], place["port"], ssl=anybody)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


def is_embedded(client: Redis) -> bool:
    """Whether this Redis lives inside this process."""
    return type(client).__module__.startswith("fakeredis")


@contextmanager
def guarded() -> Iterator[None]:
    """Around calls of the client, and nothing of ours. Raises Unavailable; a wrong command stays what it is."""
    try:
        yield
    except ResponseError as error:
        if str(error).startswith(_WRONG_COMMANDS):
            raise
        raise unavailable(error) from error
    except Exception as error:
        raise unavailable(error) from error


def unavailable(why: object) -> Unavailable:
    """Counted: Redis did not do what it was asked."""
    metrics.UNAVAILABLE.labels("redis").inc()
    fault = _fault(why)
    return Unavailable("Redis", _words(why)) if fault is None else Unfit("Redis", _words(why), fault)


def _fault(why: object) -> Fault | None:
    """What is wrong with a Redis that answers; None where it may come right by itself."""
    kinds: tuple[tuple[type[Exception], Fault], ...] = (
        (AuthenticationError, "login"),
        (NoPermissionError, "rights"),
        (InvalidResponse, "stranger"),
    )
    return next(
        (fault for kind, fault in kinds if isinstance(why, kind)),
        next((fault for sign, fault in _FAULTS.items() if sign in str(why)), None),
    )


def _words(why: object) -> str:
    lines = str(why).splitlines()
    return lines[0][:300] if lines else type(why).__name__
