"""The limits of logins through a real nginx before two hubs: who is limited is who tries, and nobody else.

Everybody is somewhere on loopback: nginx at 127.0.0.1, whom the hubs trust, strangers and traders at addresses of
their own. The invariant: each test uses addresses and accounts of its own, since the hubs are shared.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from hub.access.login_limit import FRESH, KNOWN, PER_ADDRESS, STALE
from tests.kit.cluster import Cluster, Clusters, Trial, trial_on
from tests.kit.people import PASSWORD, Person
from tests.services.nginx import Nginx
from tests.services.waiting import eventually

MOST_A_MINUTE: Final = KNOWN.amount + FRESH.amount + STALE.amount
WRONG: Final = "a wrong password"
STRANGERS: Final = 50
TRIES: Final = 10_000
_addresses: Final = count(2)
_names: Final = count()


@pytest.fixture(scope="module")
def cluster(clusters: Clusters) -> Cluster:
    return clusters.servers(hubs=2, HUB_TRUSTED_PROXIES="127.0.0.1/32")


@pytest.fixture(scope="module")
def nginx(cluster: Cluster, operation_dir: Path) -> Iterator[Nginx]:
    server = Nginx(operation_dir / "nginx", [hub.port for hub in cluster.hubs])
    server.start()
    yield server
    server.kill()


@pytest.fixture
async def trial(cluster: Cluster) -> AsyncIterator[Trial]:
    async with trial_on(cluster) as trial:
        yield trial


@asynccontextmanager
async def somebody() -> AsyncIterator[aiohttp.ClientSession]:
    """A client at an address that nobody else has."""
    n = next(_addresses)
    connector = aiohttp.TCPConnector(local_addr=(f"127.0.{n // 250}.{n % 250 + 2}", 0))
    async with aiohttp.ClientSession(connector=connector) as http:
        yield http


async def login(
    http: aiohttp.ClientSession,
    url: str,
    name: str,
    forwarded: str = "",
    password: str = WRONG,
    device_id: str = "d",
) -> int:
    """The status. `forwarded`: what the client itself says in X-Forwarded-For."""
    body = {"username": name, "password": password, "device_id": device_id}
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    async with http.post(f"{url}/api/auth/login", json=body, headers=headers) as answer:
        assert answer.status != 429 or int(answer.headers["Retry-After"]) >= 1
        return answer.status


async def until_limited(http: aiohttp.ClientSession, url: str, forwarded: str = "") -> int:
    """Tries names that nobody has, ten at a time, until some are limited; how many were not."""
    answers: Counter[int] = Counter()
    while not answers[429]:
        said = [f"{forwarded}{len(answers)}{n}" if forwarded else "" for n in range(10)]
        names = [f"nobody-{next(_names)}" for _ in said]
        answers.update(await asyncio.gather(*(login(http, url, *who) for who in zip(names, said, strict=True))))
    return answers[401]


async def test_behind_a_proxy_each_address_has_its_own_limit_whatever_it_says_of_itself(
    trial: Trial, nginx: Nginx
) -> None:
    [person] = await trial.enrol()
    async with somebody() as stranger, somebody() as trader:
        assert await until_limited(stranger, nginx.url, forwarded="10.9.8.") == PER_ADDRESS.amount
        assert await login(stranger, nginx.url, person.username, password=PASSWORD) == 429
        assert await login(trader, nginx.url, person.username, password=PASSWORD) == 200


async def test_neighbours_of_one_ipv6_network_count_as_one(trial: Trial, nginx: Nginx) -> None:
    """As a second proxy at a trusted address would say it."""
    async with aiohttp.ClientSession() as proxy:
        hub = trial.urls[0]
        assert await until_limited(proxy, hub, forwarded="2001:db8:1:2::") == PER_ADDRESS.amount
        assert await login(proxy, hub, "nobody", forwarded="2001:db8:1:3::1") == 401


async def test_an_account_takes_so_many_wrong_tries_over_all_addresses_and_both_hubs(
    trial: Trial, nginx: Nginx
) -> None:
    [person] = await trial.enrol()
    async with somebody() as own:
        assert await login(own, nginx.url, person.username, password=PASSWORD, device_id="her-device") == 200
        statuses: Counter[int] = Counter()
        for _ in range(20):
            async with somebody() as stranger:
                for _ in trial.urls:
                    statuses[await login(stranger, nginx.url, person.username)] += 1
        assert statuses[401] <= FRESH.amount + STALE.amount
        assert statuses[429] == 40 - statuses[401]
        assert await login(own, nginx.url, person.username, password=PASSWORD, device_id="her-device") == 200


async def test_with_redis_stopped_each_hub_counts_for_itself_and_right_passwords_pass(
    trial: Trial, nginx: Nginx
) -> None:
    guessed, person = await trial.enrol(2)
    redis = trial.cluster.redis
    assert redis is not None
    redis.stop()
    try:
        async with somebody() as stranger, somebody() as trader:
            statuses = Counter([await login(stranger, nginx.url, guessed.username) for _ in range(40)])
            assert 401 in statuses
            assert statuses[401] <= 2 * (FRESH.amount + STALE.amount)
            assert statuses[401] + statuses[429] == 40
            assert await login(trader, nginx.url, person.username, password=PASSWORD) == 200
    finally:
        redis.start()


@pytest.mark.faults
async def test_ten_thousand_tries_from_fifty_addresses_lock_nobody_out(trial: Trial, nginx: Nginx) -> None:
    victims = await trial.enrol(5)
    newcomer, known = await trial.enrol(2)
    hashed: list[tuple[float, str]] = []
    left = iter(range(TRIES))

    async def guess(http: aiohttp.ClientSession) -> None:
        for number in left:
            victim: Person = [*victims, known][number % 6]
            if await login(http, nginx.url, victim.username, forwarded=f"10.0.0.{number % 250}") == 401:
                hashed.append((time.monotonic(), victim.username))

    async with somebody() as hers, somebody() as new:
        assert await login(hers, nginx.url, known.username, password=PASSWORD, device_id="her-device") == 200
        async with asyncio.TaskGroup() as tasks:
            for _ in range(STRANGERS):
                tasks.create_task(_at_an_address(guess))
            waited = [await _log_in(hers, nginx.url, known.username, "her-device") for _ in range(20)]
            waited.append(await _log_in(new, nginx.url, newcomer.username, "a-new-device"))
    print(f"longest login of a known device: {max(waited):.1f} s; hashed {len(hashed)} of {TRIES} wrong tries")
    assert max(waited) < 60
    for at, name in hashed:
        assert sum(other == name and at <= then < at + 60 for then, other in hashed) <= MOST_A_MINUTE


async def _log_in(http: aiohttp.ClientSession, url: str, name: str, device_id: str) -> float:
    """How long it took, with waiting as an agent waits."""
    asked = time.monotonic()
    await eventually(lambda: _is_in(http, url, name, device_id), "it is in", 120)
    return time.monotonic() - asked


async def _is_in(http: aiohttp.ClientSession, url: str, name: str, device_id: str) -> bool:
    return await login(http, url, name, password=PASSWORD, device_id=device_id) == 200


async def _at_an_address(guess: object) -> None:
    async with somebody() as http:
        await guess(http)  # type: ignore[operator]
