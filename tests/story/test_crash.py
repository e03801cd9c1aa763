"""A hub killed at any moment: what was published is delivered in its window, once, and ends in an outcome."""

import asyncio
import random
from uuid import uuid4

import aiohttp

from tests.kit.agents import ScriptedAgent
from tests.kit.cluster import Trial
from tests.services.hub_process import HubProcess
from tests.services.waiting import eventually

TRADERS = 12
LATEST_KILL_S = 0.06


async def test_two_hubs_killed_in_turn_at_random_moments(pair: Trial) -> None:
    await _survives(pair, rounds=4, seed=1)


async def test_the_same_where_rows_are_committed_before_frames_leave(strict: Trial) -> None:
    await _survives(strict, rounds=2, seed=2)


async def test_a_laptops_hub_killed_at_random_moments_and_its_redis_with_it(laptop: Trial) -> None:
    await _survives(laptop, rounds=2, seed=3)


async def test_a_claim_whose_row_died_with_the_hub_is_the_devices_when_it_comes_back(pair: Trial) -> None:
    trader = await pair.trader(hub=1, acts=True)
    order_id = await pair.admin.publish([trader.person.id])
    assert pair.cluster.redis is not None
    with pair.cluster.redis.client() as client:
        client.set(f"order:assigned:{order_id}:{trader.person.id}", trader.device_id, ex=3_660)
    await trader.connect()
    await eventually(lambda: trader.recorded() == {order_id}, "its result is recorded")
    assert trader.submissions == {order_id: 1}


async def test_what_a_laptops_hub_had_handed_out_when_it_was_killed_stays_with_its_device(laptop: Trial) -> None:
    """The default: claims die with the hub, so the rows are there first. And a result that comes late is taken."""
    phone = await laptop.trader()
    await phone.connect()
    order_id = await laptop.admin.publish([phone.person.id])
    await phone.gets(order_id)
    [hub] = laptop.cluster.hubs
    await asyncio.to_thread(hub.kill)
    await asyncio.to_thread(hub.start)
    other = await laptop.desk.trader(hub.url, phone.person)
    await other.connect()
    second = await laptop.admin.publish([phone.person.id])
    await other.gets(second)
    assert other.orders() == [second]
    assert (await phone.hand_in(order_id)).status == 200
    assert await laptop.books.outcomes(order_id) == {phone.person.id: "success"}


async def _survives(trial: Trial, rounds: int, seed: int) -> None:
    moments, hubs = random.Random(seed), trial.cluster.hubs
    traders = [await trial.trader(hub=n % len(hubs), acts=True) for n in range(TRADERS)]
    await asyncio.gather(*(trader.connect() for trader in traders))
    order_ids = [
        await _killed_while_publishing(trial, hubs[turn % len(hubs)], traders, moments) for turn in range(rounds)
    ]
    everyone = {trader.person.id: "success" for trader in traders}
    for order_id in order_ids:
        rows = await trial.books.rows(order_id)
        assert len(rows) == TRADERS
        assert {row.user_id: row.outcome for row in rows} == everyone
    for trader in traders:
        assert trader.submissions == dict.fromkeys(order_ids, 1)


async def _killed_while_publishing(
    trial: Trial, hub: HubProcess, traders: list[ScriptedAgent], moments: random.Random
) -> int:
    """Publishes, kills the hub somewhere on the way of the order, starts it again; returns when all is recorded."""
    key = uuid4().hex
    publishing = asyncio.create_task(_publish(trial, traders, key))
    killed = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(moments.random() * LATEST_KILL_S, lambda: killed.set_result(hub.kill()))
    await killed
    await asyncio.to_thread(hub.start)
    order_id = await publishing
    away = [trader for trader in traders if trader.hub_url == hub.url]
    await eventually(lambda: all(trader.closed for trader in away), "the connections are known to be broken")
    await asyncio.gather(*(trader.connect() for trader in away))
    await eventually(lambda: all(order_id in trader.recorded() for trader in traders), "all is recorded")
    return order_id


async def _publish(trial: Trial, traders: list[ScriptedAgent], key: str) -> int:
    """As a careful publisher: asks under one key until there is an answer."""
    everyone = [trader.person.id for trader in traders]

    async def answered() -> int:
        try:
            answer = await trial.admin.try_publish(everyone, key=key)
        except aiohttp.ClientError:
            return 0
        return int(answer.data["order_id"]) if answer.status == 200 else 0

    return await eventually(answered, "the order is published")
