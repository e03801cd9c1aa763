"""How many tries a login has: of an account, of an address, of all strangers. Counted in Redis, so that all hubs count
together; in this process while Redis is away.

The invariants: a try is counted before its password is hashed, and given back if it was right; no account takes more
than 20 wrong tries in any minute; and nobody's wrong tries shut out whoever comes from a device that has logged in
before, nor, but for a delay, from an address that has not tried a wrong password of late.
"""

import hashlib
import math
import time
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from limits import RateLimitItem, parse
from redis.asyncio import Redis

from hub.access.counters import Counters, Limiters
from hub.cluster.redis import guarded, login_device_key
from hub.errors import Refusal, Unavailable
from hub.model.networks import network_of

KNOWN: Final = parse("8 per minute")
"""Wrong tries of an account from devices that have logged in to it."""
FRESH: Final = parse("6 per minute")
"""From addresses that have tried no wrong password, of any account, in the last ten minutes."""
STALE: Final = parse("6 per minute")
"""From all others."""
PER_ADDRESS: Final = parse("60 per minute")
"""Wrong ones: a thousand traders behind one address log in undisturbed."""
IN_ALL: Final = parse("600 per minute")
"""Of all stale addresses, over all accounts."""
MARK: Final = parse("1 per 10 minute")
"""A wrong try makes its address stale for so long."""
KNOWN_FOR_S: Final = 90 * 86_400
REMEMBERED: Final = 20_000


class Try(msgspec.Struct, frozen=True):
    """One try: whose account, from which network, on what device; `lane` counts it for the account."""

    account: str
    network: str
    device: str
    lane: RateLimitItem


class LoginLimit:
    """The tries of all logins."""

    def __init__(self, redis: Redis, counters: Counters) -> None:
        self._redis = redis
        self._counters = counters
        self._known: dict[tuple[str, str], None] = {}

    async def count(self, user_id: int | None, username: str, address: str, device_id: str) -> Try:
        """Counts one try before it is made. Refuses 429, with the seconds to wait."""
        account = f"user {user_id}" if user_id else f"name {hashlib.sha256(username.encode()).hexdigest()[:32]}"
        network = network_of(address)
        device = device_id or f"at {network}"
        if await self._is_known(account, device):
            made = Try(account, network, device, KNOWN)
        else:
            is_fresh = await self._counters.ask(lambda by: by.fixed.test(MARK, "mark", network))
            made = Try(account, network, device, FRESH if is_fresh else STALE)
        await self._count_network(made)
        if not await self._hit_lane(made):
            await self._give_back(made)
            raise await self._too_many(lambda by: by.moving.get_window_stats(made.lane, _lane(made.lane), account))
        return made

    async def was_wrong(self, made: Try) -> None:
        """It stays counted, and its address is a stale one."""
        if made.lane is not KNOWN:
            await self._counters.ask(lambda by: by.fixed.hit(MARK, "mark", made.network))

    async def was_right(self, made: Try) -> None:
        """Given back, and the device is known from now on."""
        await self._give_back(made)
        self._clear_here(made.lane.key_for(_lane(made.lane), made.account))
        await self._counters.in_redis(lambda by: by.moving.clear(made.lane, _lane(made.lane), made.account))
        await self._remember(made.account, made.device)

    async def _count_network(self, made: Try) -> None:
        if made.lane is KNOWN:
            return
        if not await self._counters.ask(lambda by: by.fixed.hit(PER_ADDRESS, "network", made.network)):
            await self._counters.ask(lambda by: by.fixed.hit(PER_ADDRESS, "network", made.network, cost=-1))
            raise await self._too_many(lambda by: by.fixed.get_window_stats(PER_ADDRESS, "network", made.network))
        if made.lane is STALE and not await self._counters.ask(lambda by: by.fixed.hit(IN_ALL, "all")):
            await self._give_back(made)
            raise await self._too_many(lambda by: by.fixed.get_window_stats(IN_ALL, "all"))

    async def _give_back(self, made: Try) -> None:
        if made.lane is not KNOWN:
            await self._counters.ask(lambda by: by.fixed.hit(PER_ADDRESS, "network", made.network, cost=-1))
        if made.lane is STALE:
            await self._counters.ask(lambda by: by.fixed.hit(IN_ALL, "all", cost=-1))

    async def _too_many(self, ask: Callable[[Limiters], Awaitable[tuple[float, int]]]) -> Refusal:
        reset, _ = await self._counters.ask(ask)
        wait_s = min(60, max(1, math.ceil(reset - time.time())))
        return Refusal("too_many", f"too many wrong passwords: try again in {wait_s} s", wait_s)

    def _clear_here(self, key: str) -> None:
        """MemoryStorage's own `clear` takes the list away from under its expiry task, which then fails (limits 5)."""
        if key in self._counters.memory.events:
            self._counters.memory.events[key] = []

    async def _hit_lane(self, made: Try) -> bool:
        """Counts it for the account here and in Redis: what this process refuses need not be asked there, and where
        Redis comes and goes neither count is forgotten."""
        key = (_lane(made.lane), made.account)
        if not await self._counters.here.moving.hit(made.lane, *key):
            return False
        return await self._counters.in_redis(lambda by: by.moving.hit(made.lane, *key)) is not False

    async def _is_known(self, account: str, device: str) -> bool:
        if (account, device) in self._known:
            return True
        try:
            return bool(await self._on_redis(self._redis.exists(login_device_key(account, device))))
        except Unavailable:
            return False

    async def _remember(self, account: str, device: str) -> None:
        self._known.pop((account, device), None)
        self._known[account, device] = None
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]
        try:
            await self._on_redis(self._redis.set(login_device_key(account, device), b"1", ex=KNOWN_FOR_S))
        except Unavailable:
            return

    async def _on_redis(self, command: Awaitable[object]) -> object:
        with guarded():
            return await command


def _lane(item: RateLimitItem) -> str:
    return "known" if item is KNOWN else "fresh" if item is FRESH else "stale"
