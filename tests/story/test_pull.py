"""Polling works side by side with push: the same claim, so a user who does both still gets each order once."""

import asyncio

from tests.kit.agents import ScriptedAgent
from tests.kit.cluster import Trial
from tests.services.waiting import eventually

CONCURRENT = 200


async def test_of_two_hundred_concurrent_pulls_of_one_order_one_gets_it(either: Trial) -> None:
    trader = await either.trader()
    order_id = await either.admin.publish([trader.person.id])
    urls = either.urls
    for url in urls:
        await _is_known(either, url)
    pulled = await asyncio.gather(*(trader.pull(urls[n % len(urls)]) for n in range(CONCURRENT)))
    assert [got for got in pulled if got is not None] == [order_id]
    [row] = await either.books.rows(order_id)
    assert (row.user_id, row.is_acked) == (trader.person.id, True)


async def test_pull_and_push_race_and_one_of_them_has_the_order(either: Trial) -> None:
    traders = [await either.trader(hub=n % len(either.urls)) for n in range(10)]
    await asyncio.gather(*(trader.connect() for trader in traders))
    everyone = [trader.person.id for trader in traders]
    for turn in range(5):
        admin = either.admin_at(turn % len(either.urls))
        publishing = asyncio.create_task(admin.publish(everyone))
        pulls = [trader.pull(either.urls[-1]) for trader in traders for _ in range(3)]
        pulled = await asyncio.gather(*pulls)
        order_id = await publishing
        for n, trader in enumerate(traders):
            by_pull = pulled[3 * n : 3 * n + 3].count(order_id)
            if not by_pull:
                await trader.gets(order_id)
            await trader.is_idle()
            assert trader.orders().count(order_id) + by_pull == 1


async def test_a_polling_clients_day(either: Trial) -> None:
    trader = await either.trader(hub=-1)
    assert await trader.pull() is None
    order_id = await either.admin.publish([trader.person.id])
    await eventually(lambda: _pulled(trader, order_id), "the order is pulled")
    assert await trader.pull() is None
    assert (await trader.hand_in(order_id, "failed")).status == 200
    funnel = await either.admin.funnel(order_id)
    assert (funnel["claimed"], funnel["acked"], funnel["outcomes"]["failed"]) == (1, 1, 1)


async def test_an_order_whose_pull_died_between_claim_and_row_is_not_lost(pair: Trial) -> None:
    """A hub killed there, or an answer of Redis that never came, leaves the claim and no row: nobody has the order."""
    trader = await pair.trader()
    order_id = await pair.admin.publish([trader.person.id])
    assert pair.cluster.redis is not None
    with pair.cluster.redis.client() as client:
        client.set(f"order:assigned:{order_id}:{trader.person.id}", f"poll:{trader.person.id}", ex=3_660)
    pulled = await asyncio.gather(*(trader.pull(pair.urls[n % 2]) for n in range(20)))
    assert [got for got in pulled if got is not None] == [order_id]


async def _pulled(trader: ScriptedAgent, order_id: int, url: str | None = None) -> bool:
    return await trader.pull(url) == order_id


async def _is_known(either: Trial, url: str) -> None:
    """Returns when the hub at this address knows what was published before: it knows what was published after."""
    other = await either.trader()
    order_id = await either.admin.publish([other.person.id])
    await eventually(lambda: _pulled(other, order_id, url), "this hub hears the doorbell")
