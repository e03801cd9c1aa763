"""Schedules that broke a promise once, each with one or two ordinary faults, on real hubs, MariaDB and Redis.

At most once: what one computer of a trader was given, the other one never gets, whatever the stores forget. Never late:
a window that is over for one hub is over for all. Nothing lost: every assignment ends in a name.
"""

import asyncio
import re
from collections.abc import Callable, Sequence

import pytest

from tests.kit.admin import Row
from tests.kit.agents import ScriptedAgent
from tests.kit.people import Person, enrol
from tests.services.redis_server import RedisServer
from tests.services.waiting import eventually

from .site import Servers, Site, redis_users, site_on

TWO: Sequence[float] = (0, 0)


async def newcomer(site: Site, hub: int = 0, person: Person | None = None) -> ScriptedAgent:
    """A device that is connected, of a new trader or of this one, by a login of its own."""
    if person is None:
        [person] = await enrol(site.database_url, 1)
    agent = await site.desk.trader(site.hubs[hub].url, person)
    await agent.connect()
    return agent


async def gets_only_the_next(site: Site, person: Person, hub: int) -> None:
    """This person's other computer is given what is published from now on, and nothing from before."""
    laptop = await newcomer(site, hub, person)
    order_id = await eventually(lambda: published(site, hub, person), "an order is published")
    await laptop.gets(order_id)
    assert laptop.orders() == [order_id]


async def published(site: Site, hub: int, person: Person) -> int:
    answer = await site.admin_at(hub).try_publish([person.id], 60)
    return int(answer.data["order_id"]) if answer.status == 200 else 0


async def row_of(site: Site, order_id: int) -> Row | None:
    rows = await site.books.rows(order_id)
    return rows[0] if rows else None


# at most once


async def test_a_redis_that_comes_back_from_its_snapshot_gives_no_order_to_a_second_computer(servers: Servers) -> None:
    """The snapshot has the mark that claims are complete, and not the claims that were made since."""
    async with site_on(servers, TWO, HUB_CLAIMS="fast") as site:
        phone = await newcomer(site)
        with servers.redis.client() as client:
            client.save()
        order_id = await site.admin_at(0).publish([phone.person.id])
        await phone.gets(order_id)
        await eventually(lambda: row_of(site, order_id), "its row is written")
        await asyncio.to_thread(servers.redis.kill)
        await asyncio.to_thread(servers.redis.start)
        await gets_only_the_next(site, phone.person, hub=1)


@pytest.mark.faults
async def test_nor_does_a_replica_that_was_promoted_before_it_had_the_claims(
    servers: Servers, running: Callable[..., RedisServer]
) -> None:
    replica = running(lambda directory: RedisServer(directory, *redis_users(2)))
    async with site_on(servers, TWO, HUB_CLAIMS="fast") as site:
        phone = await newcomer(site)
        with replica.client() as client:
            client.replicaof("127.0.0.1", servers.redis.port)
            await eventually(lambda: client.exists("hub:claims:complete"), "it follows")
            client.replicaof("NO", "ONE")
        order_id = await site.admin_at(0).publish([phone.person.id])
        await phone.gets(order_id)
        await eventually(lambda: row_of(site, order_id), "its row is written")
        for way in site.ways:
            way.to_redis.lead_to(replica.port)
        await gets_only_the_next(site, phone.person, hub=1)


@pytest.mark.faults
async def test_what_a_killed_hub_had_not_written_is_written_from_its_claims_before_redis_forgets_them(
    servers: Servers,
) -> None:
    async with site_on(servers, TWO, HUB_CLAIMS="fast") as site:
        phone = await newcomer(site)
        await site.ways[0].to_database.become("never answers")
        order_id = await site.admin_at(1).publish([phone.person.id])
        await phone.gets(order_id)
        await asyncio.to_thread(site.hubs[0].kill)
        assert await site.books.rows(order_id) == []
        await site.ways[0].to_database.become("passes")
        await asyncio.to_thread(site.hubs[0].start)
        await eventually(lambda: row_of(site, order_id), "its row is there again")
        await asyncio.to_thread(servers.redis.flush)
        await gets_only_the_next(site, phone.person, hub=1)


@pytest.mark.faults
async def test_a_publisher_without_a_key_who_is_told_not_known_learns_with_the_hubs_key_what_is_true(
    servers: Servers,
) -> None:
    """The database's answer to the COMMIT does not come, and goes on not coming."""
    async with site_on(servers) as site:
        phone = await newcomer(site)
        await site.ways[0].to_database.become("freezes in the middle")
        answer = await site.admin_at(0).try_publish([phone.person.id])
        assert answer.status == 503
        await site.ways[0].to_database.become("passes")
        found = re.search(r"Idempotency-Key: (\S+)", answer.message)
        key = found.group(1) if found else ""
        told = await site.admin_at(0).try_publish([phone.person.id], key=key)
        assert told.status == 200, told.message
        await phone.gets(told.data["order_id"])
        assert await site.books.value("SELECT count(*) FROM orders") == 1


@pytest.mark.faults
@pytest.mark.timeout(120)
async def test_an_emptied_redis_gives_nothing_out_while_rows_wait_in_a_hub_that_cannot_even_say_so(
    servers: Servers,
) -> None:
    """It is cut off from the database until it counts as dead there; it is heard of in Redis."""
    async with site_on(servers, TWO, HUB_CLAIMS="fast") as site:
        phone = await newcomer(site)
        await site.ways[0].to_database.become("never answers")
        order_id = await site.admin_at(1).publish([phone.person.id], 120)
        await phone.gets(order_id)
        alive = "SELECT count(*) FROM hub_processes WHERE seen_at > UTC_TIMESTAMP(6) - INTERVAL 6 SECOND"

        async def is_cut_off() -> bool:
            return bool(await site.books.value(alive) == 1)

        await eventually(is_cut_off, "it counts as dead in the database")
        await asyncio.to_thread(servers.redis.flush)
        laptop = await newcomer(site, 1, phone.person)
        await eventually(lambda: asyncio.to_thread(lambda: not site.hubs[1].is_ready()), "the other one waits")
        await site.ways[0].to_database.become("passes")
        await eventually(lambda: row_of(site, order_id), "its row is written")
        await eventually(lambda: asyncio.to_thread(site.hubs[1].is_ready), "the other one goes on")
        second = await site.admin_at(1).publish([phone.person.id])
        await laptop.gets(second)
        assert laptop.orders() == [second]


async def test_after_a_cancel_was_confirmed_nothing_is_handed_out_by_a_hub_that_hears_of_it_late(
    servers: Servers,
) -> None:
    async with site_on(servers, TWO) as site:
        agent = await newcomer(site)
        await site.ways[0].to_redis.become("never answers")
        order_id = await site.admin_at(1).publish([agent.person.id])
        assert (await site.admin_at(1).cancel(order_id, "wrong way")).status == 200
        await site.ways[0].to_redis.become("passes")
        second = await eventually(lambda: published(site, 1, agent.person), "an order is published")
        await agent.gets(second)
        assert agent.orders() == [second]


# never late


@pytest.mark.parametrize("ahead_s", [8, pytest.param(-8, marks=pytest.mark.faults)])
async def test_hubs_whose_clocks_are_8_s_apart_agree_on_what_is_over(servers: Servers, ahead_s: int) -> None:
    async with site_on(servers, (0, ahead_s)) as site:
        early, late = await newcomer(site, hub=1), await newcomer(site, hub=1)
        await late.drop()
        both = [early.person.id, late.person.id]
        short, long = await site.admin_at(0).publish(both, 2), await site.admin_at(0).publish([early.person.id])
        await early.gets(short)
        await early.gets(long)
        assert (await site.admin_at(1).cancel(long, "wrong way")).status == 200
        await eventually(lambda: early.cancels() == [long], "the cancel comes")

        async def is_swept() -> bool:
            return bool((await site.admin_at(1).order(short))["status"] == 3)

        await eventually(is_swept, "the window is over")
        for hub in (0, 1):
            await late.connect(site.hubs[hub].url)
            assert site.hubs[hub].is_ready()
        second = await site.admin_at(0).publish([late.person.id])
        await late.gets(second)
        assert late.orders() == [second]


# nothing lost


async def test_rows_that_were_left_open_while_no_hub_ran_over_a_weekend_get_their_names(servers: Servers) -> None:
    async with site_on(servers) as site:
        agent = await newcomer(site)
        order_ids = [await site.admin_at(0).publish([agent.person.id], seconds) for seconds in (60, 61, 62)]
        for order_id in order_ids:
            await agent.gets(order_id)
            await eventually(lambda order_id=order_id: row_of(site, order_id), "its row is written")  # type: ignore[misc]
        await site.admin_at(0).cancel(order_ids[0], "wrong way")
        await asyncio.to_thread(site.hubs[0].kill)
        await site.sql(
            "UPDATE orders SET created_at = created_at - INTERVAL 3 DAY;"
            f"UPDATE order_assignments SET execution_result = '{{\"sent\":false}}' WHERE order_id = {order_ids[2]}"
        )
        await asyncio.to_thread(site.hubs[0].start)
        wanted = dict(zip(order_ids, ("unknown", "unknown", "expired"), strict=True))

        async def are_named() -> bool:
            return {row.order_id: row.outcome for row in await site.books.rows(*order_ids)} == wanted

        await eventually(are_named, "each has its outcome")


@pytest.mark.faults
async def test_in_strict_a_user_who_was_deleted_costs_nobody_else_the_order(servers: Servers) -> None:
    async with site_on(servers, HUB_CLAIMS="strict") as site:
        agents = [await newcomer(site) for _ in range(5)]
        await site.sql(f"DELETE FROM users WHERE id = {agents[2].person.id}")
        answer = await site.admin_at(0).try_publish([], targets=None)
        assert answer.status == 200, answer.message
        for agent in agents[:2] + agents[3:]:
            await agent.gets(answer.data["order_id"])
        assert agents[2].orders() == []
