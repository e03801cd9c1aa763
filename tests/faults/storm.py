"""Kill storms: orders are published while hubs are killed, Redis comes back from its snapshot or empty, clocks are
stepped and traders change computers. `python -m tests.faults.storm --minutes 10 --claims fast --seed 7`.

Checked afterwards, from the paper exchanges' own files and the database: no order twice, none late by the true clock,
none without an outcome, none called what it was not. Invariant: the order of the faults is the seed's alone; only how
long each takes is the machine's.
"""

import argparse
import asyncio
import random
import secrets
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal
from uuid import uuid4

import aiohttp

from hub.store.migrations import migrate
from tests.kit.admin import Admin, Books, books_of
from tests.kit.people import enrol
from tests.services.hub_process import HubSettings
from tests.services.mariadb import MariaDB, make_template
from tests.services.redis_server import RedisServer
from tests.services.waiting import eventually

from .homes import Request, Trader
from .stepped_hub import SteppedHub

Mode = Literal["fast", "strict"]
Fault = Literal[
    "hub killed",
    "Redis from its snapshot",
    "Redis empty",
    "Redis flushed",
    "hub's clock stepped",
    "agents' clocks stepped",
    "traders move",
]
FAULTS: Final[tuple[tuple[Fault, int], ...]] = (
    ("hub killed", 4),
    ("Redis from its snapshot", 2),
    ("Redis empty", 1),
    ("Redis flushed", 2),
    ("hub's clock stepped", 2),
    ("agents' clocks stepped", 2),
    ("traders move", 3),
)
"""What befalls, and how often."""
WINDOWS_S: Final = (4, 8, 15)
LATEST_S: Final = 0.25
"""How long after an order was published the fault comes, at the latest."""
STEP_MS: Final = 6_000
GRACE_S: Final = 3
ENDED_WITHIN_S: Final = 90
PUBLISHED_WITHIN_S: Final = 60


@dataclass(frozen=True)
class Round:
    """One order, and the fault that meets it."""

    fault: Fault
    hub: int
    step_ms: int
    window_s: int
    after_s: float
    who: int
    """Which of the traders, by remainder."""

    def __str__(self) -> str:
        return f"{self.fault} (hub {self.hub}, {self.step_ms:+} ms) {self.after_s * 1_000:.0f} ms after an order"


def rounds_of(seed: int, windows_s: Sequence[int] = WINDOWS_S) -> Iterator[Round]:
    """The rounds of a seed, without end."""
    draw = random.Random(seed)
    faults, weights = zip(*FAULTS, strict=True)
    while True:
        yield Round(
            draw.choices(faults, weights)[0],
            draw.randrange(2),
            draw.choice((-STEP_MS, 0, STEP_MS)),
            draw.choice(windows_s),
            draw.random() * LATEST_S,
            draw.randrange(3),
        )


@dataclass
class Verdict:
    """What came of a storm. `broken`: the promises that were."""

    rounds: int = 0
    orders: int = 0
    submissions: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    connections: int = 0
    broken: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        outcomes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(self.outcomes.items()))
        return (
            f"{self.rounds} rounds, {self.orders} orders, {self.connections} connections, "
            f"{self.submissions} submissions; {outcomes}; broken promises: {len(self.broken)}"
        )


class Storm:
    """Two hubs on MariaDB and Redis, and traders with two computers each."""

    def __init__(
        self,
        hubs: list[SteppedHub],
        redis: RedisServer,
        http: aiohttp.ClientSession,
        books: Books,
        traders: list[Trader],
    ) -> None:
        self._hubs = hubs
        self._redis = redis
        self._http = http
        self._books = books
        self._traders = traders
        self._orders: list[int] = []
        self._snapshots = 0

    async def blow(self, rounds: Iterator[Round], until: float) -> int:
        """Round after round until that moment of the monotonic clock, or until there are no more; how many."""
        for trader in self._traders:
            trader.computer.start()
        await eventually(lambda: all(t.computer.connections for t in self._traders), "all are connected", 60)
        count = 0
        for this in rounds:
            if time.monotonic() >= until:
                break
            count += 1
            print(f"{count}: {this}", flush=True)
            await self._live_through(this)
        return count

    async def judge(self, rounds: int) -> Verdict:
        """Lets everything end that can, then looks."""
        for trader in self._traders:
            for computer in trader.computers:
                computer.clock.off_ms = 0
        for _ in range(2):  # each computer hands in what it has
            for trader in self._traders:
                trader.move()
            await eventually(self._are_connected, "all are connected", 60)
        await self._is_over()
        verdict = Verdict(rounds, len(self._orders))
        verdict.connections = sum(computer.connections for t in self._traders for computer in t.computers)
        await self._look(verdict)
        return verdict

    def _are_connected(self) -> bool:
        for trader in self._traders:
            trader.computer.start()  # it may have ended since, as one whose login was replaced
        return all(trader.computer.is_connected for trader in self._traders)

    async def _live_through(self, this: Round) -> None:
        publishing = asyncio.create_task(self._publish(this))
        await asyncio.sleep(this.after_s)  # the moment of the fault is what is drawn, no bet
        await self._befall(this)
        self._orders.append(await publishing)

    async def _publish(self, this: Round) -> int:
        """As a careful publisher: under one key, at either hub, until there is an answer."""
        key, to = uuid4().hex, [trader.person.id for trader in self._traders]
        hub = this.hub

        async def answered() -> int:
            nonlocal hub
            admin = Admin(self._http, self._hubs[hub].url, self._hubs[hub].admin_token)
            hub = 1 - hub
            try:
                async with asyncio.timeout(10):
                    answer = await admin.try_publish(to, this.window_s, key)
            except (aiohttp.ClientError, TimeoutError):
                return 0
            return int(answer.data["order_id"]) if answer.status == 200 else 0

        return await eventually(answered, "the order is published", PUBLISHED_WITHIN_S)

    async def _befall(self, this: Round) -> None:
        hub = self._hubs[this.hub]
        match this.fault:
            case "hub killed":
                await asyncio.to_thread(hub.kill)
                await asyncio.to_thread(hub.start)
            case "Redis from its snapshot":
                await asyncio.to_thread(self._restart_redis, keeps=True)
            case "Redis empty":
                await asyncio.to_thread(self._restart_redis, keeps=False)
            case "Redis flushed":
                await asyncio.to_thread(self._redis.flush)
            case "hub's clock stepped":
                hub.step_to(this.step_ms)
            case "agents' clocks stepped":
                for trader in self._traders[this.who :: 3]:
                    trader.computer.clock.off_ms = this.step_ms
            case "traders move":
                for trader in self._traders[this.who :: 3]:
                    trader.move()

    def _restart_redis(self, *, keeps: bool) -> None:
        """Its snapshot is that of the last time that this happened: all claims since then are not in it."""
        snapshot = self._redis.directory / "dump.rdb"
        kept = snapshot.read_bytes() if snapshot.exists() else None
        if keeps:
            with self._redis.client() as client:
                client.save()
        newer = snapshot.read_bytes() if keeps else None
        self._redis.kill()
        if keeps and kept is not None:
            snapshot.write_bytes(kept)
        elif not keeps:
            snapshot.unlink(missing_ok=True)
        self._redis.start()
        if newer is not None:
            snapshot.write_bytes(newer)

    async def _is_over(self) -> None:
        ids = ", ".join(map(str, self._orders)) or "0"
        query = f"SELECT count(*) FROM order_assignments WHERE outcome IS NULL AND order_id IN ({ids})"
        open_orders = f"SELECT count(*) FROM orders WHERE status IN (1, 2) AND id IN ({ids})"

        async def is_so() -> bool:
            return not await self._books.value(open_orders) and not await self._books.value(query)

        try:
            await eventually(is_so, "every assignment has an outcome", ENDED_WITHIN_S)
        except AssertionError as error:
            print(error, flush=True)  # the judge names them
        await asyncio.gather(*(trader.stop() for trader in self._traders))

    async def _look(self, verdict: Verdict) -> None:
        rows = {(row.user_id, row.order_id): row.outcome for row in await self._books.rows(*self._orders)}
        expires_ms = await self._books.expiries(*self._orders)
        requests = [request for trader in self._traders for request in trader.requests()]
        verdict.submissions = len(requests)
        verdict.outcomes.update(outcome or "none" for outcome in rows.values())
        asked = Counter((request.user_id, request.order_id) for request in requests)
        verdict.broken += [f"user {u}, order {o}: submitted {n} times" for (u, o), n in asked.items() if n > 1]
        verdict.broken += [str(request) + " is late" for request in requests if _is_late(request, expires_ms)]
        verdict.broken += [f"user {u}, order {o}: no outcome" for (u, o), outcome in rows.items() if outcome is None]
        for user, order in asked:
            if rows.get((user, order)) not in ("success", "unknown"):
                verdict.broken.append(f"user {user}, order {order}: stands, and is called {rows.get((user, order))}")
        for (user, order), outcome in rows.items():
            if outcome == "success" and not asked[user, order]:
                verdict.broken.append(f"user {user}, order {order}: called success, and was never submitted")


def _is_late(request: Request, expires_ms: dict[int, int]) -> bool:
    return request.at_ms >= expires_ms[request.order_id]


@asynccontextmanager
async def storm_on(directory: Path, mariadb: MariaDB, claims: Mode, people: int) -> AsyncIterator[Storm]:
    """A storm's site, on a MariaDB that is there, with a Redis of its own."""
    database_url = mariadb.url(await asyncio.to_thread(mariadb.create_database))
    await asyncio.to_thread(migrate, database_url)
    async with AsyncExitStack() as stack:
        redis = RedisServer(directory / "redis")
        settings = HubSettings(
            database_url,
            redis.url(),
            secrets.token_hex(32),
            secrets.token_hex(32),
            {"HUB_CLAIMS": claims, "HUB_RESULT_GRACE_S": str(GRACE_S)},
        )
        hubs = [SteppedHub(directory / f"hub-{n}", settings) for n in range(2)]
        for server in (redis, *hubs):
            stack.callback(server.kill)
            await asyncio.to_thread(server.start)
        http = await stack.enter_async_context(aiohttp.ClientSession())
        books = await stack.enter_async_context(books_of(database_url))
        homes = directory / "homes"
        traders = [Trader(homes, [hub.url for hub in hubs], one) for one in await enrol(database_url, people)]
        for trader in traders:
            stack.push_async_callback(trader.stop)
        yield Storm(hubs, redis, http, books, traders)


async def weather(
    directory: Path, mariadb: MariaDB, claims: Mode, people: int, rounds: Iterator[Round], minutes: float
) -> Verdict:
    """One storm from beginning to end."""
    async with storm_on(directory, mariadb, claims, people) as storm:
        return await storm.judge(await storm.blow(rounds, time.monotonic() + minutes * 60))


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill storms: see the head of this module.")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--claims", choices=("fast", "strict"), default="fast")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--people", type=int, default=12)
    options = parser.parse_args()
    options.seed = random.SystemRandom().randrange(10_000) if options.seed is None else options.seed
    print(f"seed {options.seed}, {options.claims}, {options.minutes:g} min", flush=True)
    memory = Path("/dev/shm")
    with TemporaryDirectory(prefix="bn-auto-storm-", dir=memory if memory.is_dir() else None) as room:
        directory = Path(room)
        mariadb = MariaDB(directory / "mariadb", make_template(directory / "template"))
        try:
            mariadb.start()
            verdict = asyncio.run(
                weather(directory, mariadb, options.claims, options.people, rounds_of(options.seed), options.minutes)
            )
        finally:
            mariadb.kill()
    print(f"seed {options.seed}, {options.claims}: {verdict}")
    for broken in verdict.broken:
        print("  BROKEN:", broken)
    return 1 if verdict.broken else 0


if __name__ == "__main__":
    sys.exit(main())
