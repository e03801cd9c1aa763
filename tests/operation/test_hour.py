"""An hour of two hubs' life, sped up: a real Prometheus watches, and the eight queries of the page say what is so.

A minute lasts until its order has reached whom it can reach. In the hour people come and go, some refuse or say
nothing, somebody guesses passwords, one hub loses its Redis for a while, and is killed later; the database is
slow for a moment.
"""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import pytest
from websockets.exceptions import ConnectionClosed

from hub.clock import now_ms
from protocol.messages import Order, Outcome
from tests.faults.site import Servers, Site, redis_users, site_on
from tests.kit.agents import ScriptedAgent
from tests.kit.people import Person, enrol, log_in
from tests.services.mariadb import MariaDB
from tests.services.process import ROOT
from tests.services.redis_server import RedisServer
from tests.services.waiting import WaitedTooLong, eventually

from .prometheus import Prometheus

PAGE: Final = (ROOT / "hub/docs/metrics.md").read_text()
SICK, UNKNOWN, NOT_ACKED, AGENTS, LATE, PUBLISHED, WAITS, LOGINS = re.findall(r"```promql\n(.*?)\n```", PAGE, re.DOTALL)
TODAY: Final = "FROM order_assignments WHERE assigned_at > UTC_TIMESTAMP() - INTERVAL 1 DAY"
MINUTES: Final = 60
WINDOW_S: Final = 8
LATE_S: Final = 3.0
WELL, ILL = 0, 1
"""The hub that stays well, where everybody logs in, and the other one."""
Kind = Literal["success", "failed", "rejected", "late", "silent", "deaf"]
CROWD: Final[dict[Kind, int]] = {"success": 12, "failed": 2, "rejected": 2, "late": 2, "silent": 1, "deaf": 1}
"""`late` acks after three seconds, the middle of a bucket, `silent` acks and reports nothing, `deaf` not even that."""
ENDS: Final[dict[Kind, Outcome]] = {"success": "success", "failed": "failed", "rejected": "rejected", "late": "success"}
STRANGERS: Final = 4


class Trader(ScriptedAgent):
    """One of a kind."""

    kind: Kind = "success"

    def is_at(self, hub_url: str) -> bool:
        """Whether it is connected there."""
        return self.hub_url == hub_url and self._reader is not None and not self._reader.done()

    async def _act(self, order: Order) -> None:
        if self.kind == "late":
            asyncio.get_running_loop().call_later(LATE_S, lambda: asyncio.ensure_future(self._answer(order)))
        elif self.kind != "deaf":
            await self._answer(order)

    async def _answer(self, order: Order) -> None:
        with suppress(ConnectionClosed):
            await self.ack(order.id)
            if self.kind != "silent":
                await self.report(order.id, ENDS[self.kind])


@dataclass
class Life:
    """What happens in the hour."""

    site: Site
    prometheus: Prometheus
    traders: list[Trader] = field(default_factory=list)
    strangers: list[Person] = field(default_factory=list)
    guesses: Counter[str] = field(default_factory=Counter)
    is_ill: bool = False

    async def begin(self) -> None:
        """Everybody is there, half of them at either hub."""
        kinds = [kind for kind, count in CROWD.items() for _ in range(count)]
        people = await enrol(self.site.database_url, len(kinds))
        self.strangers = await enrol(self.site.database_url, STRANGERS)
        for n, (kind, person) in enumerate(zip(kinds, people, strict=True)):
            token = await log_in(self.site.http, self.url(WELL), person)
            trader = Trader(self.site.http, self.url(n % 2), person, token, acts=True)
            trader.kind = kind
            self.traders.append(trader)
            await trader.connect()

    def url(self, hub: int) -> str:
        return self.site.hubs[hub].url

    async def minute(self, n: int) -> None:
        """Somebody goes or comes back, somebody guesses a password, an order is out."""
        goes = self.traders[n // 5 * 7 % len(self.traders)]
        if n % 5 == 1:
            await goes.drop()
        if n % 5 == 4:
            await goes.connect(self.url(self.some_hub(n)))
        if n % 7 == 3:
            await self.guess(self.strangers[n // 7 % STRANGERS])
        await self.order(self.some_hub(n))

    def some_hub(self, n: int) -> int:
        return WELL if self.is_ill else n % 2

    async def guess(self, person: Person) -> None:
        body = {"username": person.username, "password": "not this one"}
        async with self.site.http.post(f"{self.url(WELL)}/api/auth/login", json=body) as answer:
            self.guesses[{401: "refused", 429: "limited"}[answer.status]] += 1

    async def order(self, at: int) -> None:
        """For all; returns when those whose hub is well have it, or it is over."""
        order_id = await self.site.admin_at(at).publish([trader.person.id for trader in self.traders], WINDOW_S)
        over_ms = now_ms() + WINDOW_S * 1_000
        hubs = [self.url(WELL)] if self.is_ill else [self.url(WELL), self.url(ILL)]
        reached = [trader for trader in self.traders if any(map(trader.is_at, hubs))]
        await eventually(
            lambda: now_ms() > over_ms or all(order_id in trader.orders() for trader in reached), "it has come"
        )

    async def redis_is_away(self) -> None:
        """From the one hub."""
        self.is_ill = True
        await self.site.ways[ILL].to_redis.become("refuses")
        await self.is_named_sick("redis")
        for n in range(5):
            await self.minute(n)
        await self.site.ways[ILL].to_redis.become("passes")
        await self.comes_right()

    async def hub_is_killed(self) -> None:
        """Its people go to the other; it starts again, and some come back in the minutes after."""
        self.is_ill = True
        await asyncio.to_thread(self.site.hubs[ILL].kill)
        await self.is_named_sick("up")
        lost = [trader for trader in self.traders if trader.hub_url == self.url(ILL)]
        for trader in lost:
            await trader.drop()
            await trader.connect(self.url(WELL))
        for n in range(5):
            await self.minute(n)
        await asyncio.to_thread(self.site.hubs[ILL].start)
        await self.comes_right()

    async def comes_right(self) -> None:
        await eventually(lambda: asyncio.to_thread(self.site.hubs[ILL].is_ready), "it is ready again", 60)
        await self.becomes(lambda: self.ask(SICK), {})
        self.is_ill = False

    async def database_is_slow(self) -> None:
        """Facts wait, and it is seen; then they are written. An order's take seconds, and each is asked for once a
        second: another order waits where nobody was asked in time."""
        await self.site.sql("CREATE TRIGGER slow BEFORE INSERT ON order_assignments FOR EACH ROW DO SLEEP(0.25)")

        async def is_seen() -> bool:
            return await self.number(WAITS) > 0

        for _order in range(3):
            await self.order(WELL)
            with suppress(WaitedTooLong):
                await eventually(is_seen, "facts wait", 15)
                break
        else:
            raise AssertionError("nobody saw that facts wait")
        await self.site.sql("DROP TRIGGER slow")
        await self.becomes(lambda: self.number(WAITS), 0.0)

    async def is_named_sick(self, sign: str) -> None:
        """Returns once the query names the ill hub for this, and the other for nothing."""
        ill, well = (f"127.0.0.1:{self.site.hubs[hub].port}" for hub in (ILL, WELL))

        async def is_so() -> bool:
            said = await self.ask(SICK)
            return any(ill in names and sign in names for names in said) and not any(well in names for names in said)

        await eventually(is_so, f"the second hub is sick: {sign}", 60)

    async def ask(self, query: str) -> dict[tuple[str, ...], float]:
        return await asyncio.to_thread(self.prometheus.ask, query)

    async def number(self, query: str) -> float:
        return await asyncio.to_thread(self.prometheus.number, query)

    async def says(self, query: str, sql: str) -> None:
        """Returns once Prometheus says what the database says in the same moment."""
        await self.becomes(lambda: self.number(query), lambda: self.site.books.value(sql))

    async def becomes(self, left: Callable[[], Awaitable[object]], right: object) -> None:
        said: list[object] = []

        async def is_so() -> bool:
            said[:] = [await left(), await right() if callable(right) else right]
            return said[0] == said[1]

        try:
            await eventually(is_so, "both say the same", 60)
        except WaitedTooLong as error:
            raise AssertionError(f"Prometheus says {said[0]}, the database {said[1]}") from error


@pytest.fixture(scope="module")
def servers(services_dir: Path, mariadb_template: Path) -> Iterator[Servers]:
    directory = services_dir / "hour"
    with ExitStack() as stack:
        mariadb = MariaDB(_room(directory / "mariadb"), mariadb_template)
        redis = RedisServer(_room(directory / "redis"), *redis_users(2))
        for server in (mariadb, redis):
            stack.callback(server.kill)
            server.start()
        yield Servers(directory, mariadb, redis)


def _room(directory: Path) -> Path:
    directory.mkdir(parents=True)
    return directory


@asynccontextmanager
async def hour(servers: Servers) -> AsyncIterator[Life]:
    """Two hubs and a Prometheus; at the end everybody goes home."""
    async with site_on(servers, (0, 0), HUB_RESULT_GRACE_S="1") as site:
        prometheus = Prometheus(_room(servers.directory / "prometheus"), [hub.port for hub in site.hubs])
        life = Life(site, prometheus)
        try:
            await asyncio.to_thread(prometheus.start)
            yield life
        finally:
            await asyncio.gather(*(trader.drop() for trader in life.traders))
            await asyncio.to_thread(prometheus.kill)


@pytest.mark.faults
async def test_the_eight_queries_say_what_the_database_says_after_an_hour_of_two_hubs(servers: Servers) -> None:
    async with hour(servers) as life:
        await life.begin()
        await life.becomes(lambda: life.ask(SICK), {})
        for n in range(MINUTES):
            await life.minute(n)
            if n in HAPPENINGS:
                await HAPPENINGS[n](life)
        books = life.site.books
        await life.becomes(lambda: books.value(f"SELECT COUNT(*) {TODAY} AND outcome IS NULL"), 0)

        assert await books.value(f"SELECT COUNT(DISTINCT outcome) {TODAY}") >= 4
        await life.says(UNKNOWN, f"SELECT COUNT(*) {TODAY} AND outcome = 'unknown'")
        await life.says(NOT_ACKED, f"SELECT COUNT(*) {TODAY} AND acked_at IS NULL")
        await life.says(PUBLISHED, "SELECT COUNT(*) FROM orders")
        await life.becomes(lambda: life.ask(SICK), {})
        await life.becomes(lambda: life.number(WAITS), 0.0)
        connected = len(await life.site.admin_at(WELL).devices())
        await life.becomes(lambda: _total(life, AGENTS), float(connected))
        await _late_is_as_the_database_says(life)

        who_is_in = "SELECT COUNT(*) FROM users WHERE session_id IS NOT NULL"
        logins = await life.ask(LOGINS)
        assert logins[("success",)] == await books.value(who_is_in) == len(life.traders)
        assert {name: logins[(name,)] for name in life.guesses} == life.guesses
        assert life.guesses["refused"] >= STRANGERS


HAPPENINGS: Final[dict[int, Callable[[Life], Awaitable[None]]]] = {
    20: Life.redis_is_away,
    30: Life.database_is_slow,
    40: Life.hub_is_killed,
}


async def _total(life: Life, query: str) -> float:
    return sum((await life.ask(query)).values())


async def _late_is_as_the_database_says(life: Life) -> None:
    """Within the bounds of a histogram: the answer lies in the bucket of the database's own percentile, give or take
    what a killed hub took with it."""
    microseconds = "TIMESTAMPDIFF(MICROSECOND, o.created_at, a.acked_at)"
    acked = f"SELECT {microseconds} AS late FROM order_assignments a JOIN orders o ON o.id = a.order_id"
    ranked = f"SELECT late, PERCENT_RANK() OVER (ORDER BY late) AS part FROM ({acked} WHERE a.acked_at IS NOT NULL) l"
    low, high = [
        float(await life.site.books.value(f"SELECT MIN(late) FROM ({ranked}) r WHERE part >= {part}")) / 1e6
        for part in (0.98, 0.997)
    ]
    named = await life.ask("sum by (le) (bn_hub_publish_to_acked_seconds_bucket)")
    bounds = sorted(float(le) for (le,) in named)
    below = max((bound for bound in bounds if bound <= low), default=0.0)
    above = min(bound for bound in bounds if bound >= high)
    assert low > 2, "somebody was late"
    assert below <= await life.number(LATE) <= above
