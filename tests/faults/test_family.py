"""Hubs that share a database but not a Redis, or a data directory that is itself a store: no order goes out twice."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from tests.kit.admin import ask
from tests.kit.agents import ScriptedAgent
from tests.kit.people import enrol
from tests.services.hub_process import HubProcess, HubSettings
from tests.services.process import ProcessDied
from tests.services.redis_server import RedisServer
from tests.services.waiting import eventually

from .site import Servers, Site, redis_users, site_on

USERS: Final = 10
ORDERS: Final = 200
SWITCHED_AT: Final = 50
BACK_AT: Final = 150
PUBLISH_EVERY_S: Final = 0.05
"""So that the two hundred take longer than the two beats in which a split is found."""
WINDOW_S: Final = 120
FOUND_WITHIN_S: Final = 5


@dataclass
class User:
    """An agent at the first hub, and a program that polls the second one under the same login."""

    agent: ScriptedAgent
    polled: Counter[int] = field(default_factory=Counter)

    def got(self) -> Counter[int]:
        return self.polled + Counter(self.agent.orders())


@pytest.mark.faults
async def test_the_second_hub_refuses_to_start_on_another_redis(
    servers: Servers, own_redis: Callable[[], RedisServer], tmp_path: Path
) -> None:
    other = own_redis()
    async with site_on(servers) as site:
        same = site.hubs[0].settings
        settings = HubSettings(site.database_url, other.url(), same.jwt_secret, same.admin_token)
        second = HubProcess(tmp_path / "second", settings)
        with pytest.raises(ProcessDied) as died:
            await asyncio.to_thread(second.start)
        assert second.exit_code == 1
        assert "Compare HUB_REDIS_URL and HUB_DATABASE_URL" in str(died.value)
        assert "Traceback" not in second.log()
        assert site.hubs[0].is_ready()


@pytest.mark.timeout(240)
@pytest.mark.faults
@pytest.mark.parametrize("claims", ["fast", "strict"])
async def test_a_hub_whose_redis_is_switched_under_it_hands_no_order_out_twice(
    servers: Servers, running: Callable[..., RedisServer], claims: str
) -> None:
    other = running(lambda directory: RedisServer(directory, *redis_users(2)))
    async with site_on(servers, (0, 0), HUB_CLAIMS=claims) as site:
        users = await _users(site)
        async with _polling(site, users):
            order_ids = await _publish_while_switched(site, users, other)
            wanted = set(order_ids)
            await eventually(lambda: all(wanted <= set(user.got()) for user in users), "everyone has all", 60)
        for user in users:
            assert [order_id for order_id, times in user.got().items() if times > 1] == []
            assert user.agent.closed is None
        assert all(hub.is_running() for hub in site.hubs)


async def test_two_hubs_on_one_data_directory_are_one_too_many(start_hub: Callable[[], HubProcess]) -> None:
    first = start_hub()
    second = HubProcess(first.directory)
    with pytest.raises(ProcessDied) as died:
        await asyncio.to_thread(second.start)
    assert second.exit_code == 1
    assert str(first.data_dir) in str(died.value)
    assert await asyncio.to_thread(first.is_ready)


async def _users(site: Site) -> list[User]:
    people = await enrol(site.database_url, USERS)
    users = [User(await site.desk.trader(site.hubs[0].url, person, acts=True)) for person in people]
    await asyncio.gather(*(user.agent.connect() for user in users))
    return users


async def _publish_while_switched(site: Site, users: list[User], other: RedisServer) -> list[int]:
    """The ids of those that were taken, by either hub in turn."""
    targets = [user.agent.person.id for user in users]
    way, order_ids = site.ways[1], []
    for turn in range(ORDERS):
        if turn == SWITCHED_AT:
            way.to_redis.lead_to(other.port)
        if turn == BACK_AT:
            await eventually(lambda: _is_split(site), "the hubs find out that they have two Redis", FOUND_WITHIN_S)
            way.to_redis.lead_to(site.redis.port)
        answer = await site.admin_at(turn % 2).try_publish(targets, WINDOW_S)
        assert answer.status in (200, 503), answer.message
        if answer.status == 200:
            order_ids.append(answer.data["order_id"])
        await asyncio.sleep(PUBLISH_EVERY_S)  # the rhythm of publishing, no bet on anything
    return order_ids


async def _is_split(site: Site) -> bool:
    """A hub is not ready for it, and says what to compare."""
    async with site.http.get(f"{site.hubs[1].url}/readyz") as answer:
        return answer.status == 503 and "HUB_REDIS_URL" in await answer.text()


@asynccontextmanager
async def _polling(site: Site, users: list[User]) -> AsyncIterator[None]:
    """Everyone's program asks the second hub again and again; a 503 is asked again too."""

    async def poll(user: User) -> None:
        while True:
            url = f"{site.hubs[1].url}/api/orders/pull"
            answer = await ask(site.http, "GET", url, user.agent.token)
            assert answer.status in (200, 503), answer.message
            order = answer.data["order"] if answer.status == 200 else None
            if order is None:
                await asyncio.sleep(PUBLISH_EVERY_S)
            else:
                user.polled[order["id"]] += 1

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(poll(user)) for user in users]
        yield
        for task in tasks:
            task.cancel()
