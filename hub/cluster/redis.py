"""The connection to Redis, embedded or real, and the names of all keys.

Adapters import it. The invariant: what the client raises because Redis is out of reach leaves as `Unavailable`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from redis.asyncio import BlockingConnectionPool, Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import AuthenticationError, BusyLoadingError, ReadOnlyError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeout
from redis.retry import Retry

from hub.config import EMBEDDED_REDIS
from hub.errors import Unavailable
from hub.runtime import metrics

EVENTS: Final = "hub:events"
CLAIMS_COMPLETE: Final = "hub:claims:complete"
PROCESSES: Final = "hub:processes"
PATIENCE_S: Final = 3.0
CONNECTIONS: Final = 50
EMBEDDED_CONNECTIONS: Final = 10_000


def claim_prefix(order_id: int) -> str:
    """What a claim's key starts with; the user's id follows."""
    return f"order:assigned:{order_id}:"


def claim_key(order_id: int, user_id: int) -> str:
    return f"{claim_prefix(order_id)}{user_id}"


def restoring_key(sign: str) -> str:
    return f"hub:claims:restoring:{sign}"


def session_key(user_id: int) -> str:
    return f"session:{user_id}"


def order_cache_key(order_id: int) -> str:
    return f"order:cache:{order_id}"


def roll_call_key(request: str) -> str:
    return f"hub:roll_call:{request}"


def connect(url: str, patience_s: float = PATIENCE_S) -> Redis:
    """A client of its own pool. `embedded://` is a Redis inside this process, with nothing on disk."""
    if url == EMBEDDED_REDIS:
        import fakeredis  # a fifth of a second that a hub on a real Redis need not wait

        return fakeredis.FakeAsyncRedis(server_type="redis", version=(7,), max_connections=EMBEDDED_CONNECTIONS)
    # Beyond its size the pool makes callers wait; redis-py's plain one would refuse the hundred-and-first.
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS,
        timeout=patience_s,
        socket_timeout=patience_s,
        socket_connect_timeout=PATIENCE_S,
        health_check_interval=30,
        retry=Retry(ExponentialBackoff(cap=0.2, base=0.02), retries=2),
        protocol=2,
    )
    return Redis.from_pool(pool)


@contextmanager
def guarded() -> Iterator[None]:
    """Turns *out of reach* into `Unavailable`; a wrong command stays what it is, a bug of ours."""
    try:
        yield
    except (RedisConnectionError, RedisTimeout, BusyLoadingError, ReadOnlyError, AuthenticationError, OSError) as error:
        raise _unavailable(error) from error
    except ResponseError as error:
        if str(error).startswith(("OOM", "MISCONF", "CLUSTERDOWN", "MASTERDOWN", "NOAUTH")):
            raise _unavailable(error) from error
        raise


def _unavailable(why: object) -> Unavailable:
    metrics.UNAVAILABLE.labels("redis").inc()
    return Unavailable("Redis", why)


__all__ = ["Redis", "RedisError", "connect", "guarded"]
