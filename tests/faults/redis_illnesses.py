"""What can befall Redis itself, short of the network before it."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from redis import Redis
from redis.exceptions import ConnectionError as RedisUnreachable
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeout

from tests.services.redis_server import RedisServer
from tests.services.waiting import eventually

from .illness import Illness
from .site import WORD, Site, Way

KEY_LOADING_US: Final = 20_000
KEYS: Final = 200
"""Four seconds of loading."""


@asynccontextmanager
async def another_password(site: Site, ways: list[Way]) -> AsyncIterator[None]:
    for way in ways:
        await _ask(site, "ACL", "SETUSER", way.user, "resetpass", ">another")
        await _ask(site, "CLIENT", "KILL", "USER", way.user)
    yield
    for way in ways:
        await _ask(site, "ACL", "SETUSER", way.user, "resetpass", f">{WORD}")


@asynccontextmanager
async def no_right_to_write(site: Site, ways: list[Way]) -> AsyncIterator[None]:
    for way in ways:
        await _ask(site, "ACL", "SETUSER", way.user, "-@write")
    yield
    for way in ways:
        await _ask(site, "ACL", "SETUSER", way.user, "+@all")


@asynccontextmanager
async def read_only(site: Site, _ways: list[Way]) -> AsyncIterator[None]:
    """A replica whose primary is out of reach: it keeps what it has and takes no writes."""
    await _ask(site, "REPLICAOF", "127.0.0.1", "1")
    yield
    await _ask(site, "REPLICAOF", "NO", "ONE")


@asynccontextmanager
async def replica_of_an_empty_one(site: Site, _ways: list[Way]) -> AsyncIterator[None]:
    """As in a failover that went wrong: it loses all that it has, and takes no writes."""
    with tempfile.TemporaryDirectory(dir=site.redis.directory) as directory:
        empty = RedisServer(Path(directory))
        try:
            await asyncio.to_thread(empty.start)
            await _ask(site, "REPLICAOF", "127.0.0.1", str(empty.port))
            yield
            await _ask(site, "REPLICAOF", "NO", "ONE")
        finally:
            empty.kill()


@asynccontextmanager
async def full(site: Site, _ways: list[Way]) -> AsyncIterator[None]:
    await _ask(site, "CONFIG", "SET", "maxmemory", "1")
    yield
    await _ask(site, "CONFIG", "SET", "maxmemory", "0")


@asynccontextmanager
async def scripts_flushed(site: Site, _ways: list[Way]) -> AsyncIterator[None]:
    await _ask(site, "SCRIPT", "FLUSH")
    yield


@asynccontextmanager
async def flushed(site: Site, _ways: list[Way]) -> AsyncIterator[None]:
    await _ask(site, "FLUSHALL")
    yield


@asynccontextmanager
async def restarted_empty(site: Site, _ways: list[Way]) -> AsyncIterator[None]:
    """Down while it lasts, and without its data when it is back."""
    await asyncio.to_thread(site.redis.kill)
    yield
    await asyncio.to_thread(site.redis.start)


@asynccontextmanager
async def busy_script(site: Site, _ways: list[Way]) -> AsyncIterator[None]:
    """Somebody's script does not end: BUSY to everybody."""
    await _ask(site, "CONFIG", "SET", "busy-reply-threshold", "50")
    running = asyncio.create_task(asyncio.to_thread(_run_for_ever, site.redis))
    await eventually(lambda: _says(site.redis, "BUSY"), "Redis is busy")
    yield
    await _ask(site, "SCRIPT", "KILL")
    await running


@asynccontextmanager
async def loading(site: Site, _ways: list[Way]) -> AsyncIterator[None]:
    """It was killed, came back, and reads its snapshot: LOADING to everybody, and what came after the snapshot is gone.
    It is well again when it has read all."""
    redis, options = site.redis, site.redis.options
    await asyncio.to_thread(_fill, redis)
    await _ask(site, "SAVE")
    await asyncio.to_thread(redis.kill)
    redis.options = (
        *(*options, "--key-load-delay", str(KEY_LOADING_US)),
        *("--loading-process-events-interval-bytes", "1024"),
    )
    starting = asyncio.create_task(asyncio.to_thread(redis.start))
    try:
        await eventually(lambda: _says(redis, "LOADING"), "Redis is loading")
        yield
    finally:
        redis.options = options
        await starting
        (redis.directory / "dump.rdb").unlink()


def wrong_type(key: Callable[[Redis], str]) -> Callable[[Site, list[Way]], Any]:
    """Somebody has put a value of another type under a key of ours. It is deleted in the end."""

    @asynccontextmanager
    async def befalls(site: Site, _ways: list[Way]) -> AsyncIterator[None]:
        name = await asyncio.to_thread(_put_wrong, site.redis, key)
        yield
        await _ask(site, "DEL", name)

    return befalls


def _put_wrong(redis: RedisServer, key: Callable[[Redis], str]) -> str:
    with redis.client() as client:
        name = key(client)
        kind = client.type(name)
        client.delete(name)
        if kind == "list":
            client.set(name, "rubbish")
        else:
            client.rpush(name, "rubbish")
    return name


def _next_order(client: Redis) -> int:
    """The id that the next order will have: one more than the newest that was cached."""
    return 1 + max(int(str(key).rpartition(":")[2]) for key in client.scan_iter("order:cache:*"))


def _claimant(client: Redis) -> str:
    """The user of a claim that there is."""
    return str(next(iter(client.scan_iter("order:assigned:*")))).rpartition(":")[2]


WRONG_KEYS: Final[dict[str, Callable[[Redis], str]]] = {
    "hub:events": lambda _: "hub:events",
    "hub:claims:complete": lambda _: "hub:claims:complete",
    "hub:processes": lambda _: "hub:processes",
    "session:{user}": lambda client: f"session:{_claimant(client)}",
    "order:cache:{order}": lambda client: f"order:cache:{_next_order(client)}",
    "order:assigned:{order}:{user}": lambda client: f"order:assigned:{_next_order(client)}:{_claimant(client)}",
}


async def _ask(site: Site, *words: str) -> Any:
    def run() -> Any:
        with site.redis.client() as client:
            return client.execute_command(*words)

    return await asyncio.to_thread(run)


def _run_for_ever(redis: RedisServer) -> None:
    with redis.client(timeout_s=120) as client:
        try:
            client.eval("while true do end", 0)
        except ResponseError as error:
            if "killed" not in str(error).lower():
                raise


def _says(redis: RedisServer, word: str) -> bool:
    """Whether it answers everything with this error."""
    try:
        with redis.client(timeout_s=1) as client:
            client.get("any")
    except (ResponseError, RedisUnreachable, RedisTimeout) as error:
        return word in str(error) or word.lower() in type(error).__name__.lower()
    return False


def _fill(redis: RedisServer) -> None:
    with redis.client() as client:
        client.mset({f"filler:{n}": "x" * 1_024 for n in range(KEYS)})


REDIS: Final = [
    Illness("Redis", "another password", another_password),
    Illness("Redis", "no right to write", no_right_to_write),
    Illness("Redis", "read-only", read_only),
    Illness("Redis", "replica of an empty one", replica_of_an_empty_one),
    Illness("Redis", "maxmemory 1", full),
    Illness("Redis", "scripts flushed", scripts_flushed, shows=False),
    Illness("Redis", "flushed", flushed, shows=False),
    Illness("Redis", "BUSY script", busy_script),
    Illness("Redis", "loading", loading, shows=False),
    Illness("Redis", "restarted empty", restarted_empty),
]
WRONG_TYPES: Final = [
    Illness("Redis", f"{name} of a wrong type", wrong_type(key), shows=name in ("hub:events", "hub:processes"))
    for name, key in WRONG_KEYS.items()
]
