"""The database is the truth, the stream is the doorbell: what Redis loses costs a moment, never an order or a login.

Redis belongs to this package's pair of hubs alone, so it may be emptied, trimmed and killed here.
"""

import asyncio

from protocol import closes
from tests.kit.agents import ScriptedAgent
from tests.kit.cluster import Trial
from tests.services.redis_server import RedisServer
from tests.services.waiting import eventually

PROMISED_S = 2
EMPTIED_S = 3
"""Until claims are made again on an emptied Redis: every process has first to say that its rows are written."""
STREAM = "hub:events"


async def test_an_order_that_no_doorbell_rang_for_is_delivered_within_two_seconds(either: Trial) -> None:
    trader = await either.trader(hub=-1, acts=True)
    await trader.connect()
    order_id = await either.books.insert_order(60, [trader.person.id])
    await trader.gets(order_id, PROMISED_S)
    await eventually(lambda: trader.recorded() == {order_id}, "the result is recorded")


async def test_a_stream_trimmed_before_the_other_hub_read_it_loses_no_order(pair: Trial) -> None:
    trader = await pair.trader(hub=1, acts=True)
    await trader.connect()
    sleeper = pair.cluster.hubs[1]
    sleeper.pause()
    try:
        order_id = await pair.admin.publish([trader.person.id])
        _trim(_redis(pair))
    finally:
        sleeper.resume()
    await trader.gets(order_id, PROMISED_S)
    assert trader.closed is None


async def test_a_redis_emptied_before_the_other_hub_read_it_loses_no_order_and_no_login(pair: Trial) -> None:
    near, far = await pair.trader(0, acts=True), await pair.trader(1, acts=True)
    await asyncio.gather(near.connect(), far.connect())
    everyone = [near.person.id, far.person.id]
    sleeper = pair.cluster.hubs[1]
    sleeper.pause()
    try:
        order_id = await pair.admin.publish(everyone)
        await near.gets(order_id)
        _redis(pair).flush()
    finally:
        sleeper.resume()
    await far.gets(order_id, PROMISED_S)
    for trader in (near, far):
        await eventually(lambda trader=trader: trader.recorded() == {order_id}, "the result is recorded")
        assert await trader.pull() is None, "logged in, and handed nothing twice"
        assert (trader.closed, trader.orders()) == (None, [order_id])


async def test_a_redis_that_ends_and_comes_back_empty_delivers_what_was_published_meanwhile(pair: Trial) -> None:
    traders = [await pair.trader(hub % 2, acts=True) for hub in range(4)]
    await asyncio.gather(*(trader.connect() for trader in traders))
    everyone = [trader.person.id for trader in traders]
    before = await pair.admin.publish(everyone)
    await asyncio.gather(*(trader.gets(before) for trader in traders))
    redis = _redis(pair)
    await asyncio.to_thread(redis.kill)
    during = await pair.admin.publish(everyone)
    await asyncio.to_thread(redis.start)
    await asyncio.gather(*(trader.gets(during, EMPTIED_S) for trader in traders))
    after = await pair.admin_at(1).publish(everyone)
    await asyncio.gather(*(trader.gets(after, PROMISED_S) for trader in traders))
    for trader in traders:
        await eventually(lambda trader=trader: trader.recorded() == {before, during, after}, "all is recorded")
        assert sorted(trader.orders()) == sorted([before, during, after])
        assert trader.closed is None


async def test_a_redis_that_hangs_delays_an_order_and_loses_none(pair: Trial) -> None:
    traders = [await pair.trader(hub, acts=True) for hub in range(2)]
    await asyncio.gather(*(trader.connect() for trader in traders))
    _redis(pair).pause()
    try:
        order_id = await pair.admin.publish([trader.person.id for trader in traders])
    finally:
        _redis(pair).resume()
    await asyncio.gather(*(trader.gets(order_id, PROMISED_S) for trader in traders))
    for trader in traders:
        await eventually(lambda trader=trader: trader.recorded() == {order_id}, "the result is recorded")
        assert trader.submissions == {order_id: 1}


async def test_nothing_is_handed_out_twice_while_redis_is_emptied_and_devices_change_hubs(pair: Trial) -> None:
    firsts = [await pair.trader(hub % 2, acts=True) for hub in range(10)]
    await asyncio.gather(*(trader.connect() for trader in firsts))
    everyone = [trader.person.id for trader in firsts]
    devices: list[ScriptedAgent] = list(firsts)
    order_ids = []
    for turn in range(6):
        order_ids.append(await pair.admin_at(turn % 2).publish(everyone))
        _redis(pair).flush()
        movers = [await _on_another_device(pair, trader, turn) for trader in firsts[turn::5]]
        devices += movers
        pulled = await asyncio.gather(*(mover.pull(pair.urls[0]) for mover in movers))
        for mover, order_id in zip(movers, pulled, strict=True):
            mover.submissions.update([order_id] if order_id else [])
    await _all_claimed(pair, order_ids, len(everyone))
    for person_id in everyone:
        mine = [device.submissions for device in devices if device.person.id == person_id]
        for order_id in order_ids:
            assert sum(submissions[order_id] for submissions in mine) <= 1
    assert [device.closed for device in devices if device.closed not in (None, closes.SESSION_REPLACED)] == []


async def test_a_cancel_whose_doorbell_was_lost_reaches_the_other_hubs_agents(pair: Trial) -> None:
    trader, late = await pair.trader(1), await pair.trader(1)
    await trader.connect()
    order_id = await pair.admin.publish([trader.person.id, late.person.id])
    await trader.gets(order_id)
    sleeper = pair.cluster.hubs[1]
    sleeper.pause()
    try:
        assert (await pair.admin.cancel(order_id, "wrong way")).status == 200
        _trim(_redis(pair))
    finally:
        sleeper.resume()
    await eventually(lambda: trader.cancels() == [order_id], "the cancel comes", PROMISED_S + 1)
    await late.connect()
    await late.is_idle()
    assert late.orders() == []


async def test_an_account_disabled_while_the_doorbell_was_lost_is_shown_the_door(pair: Trial) -> None:
    trader, other = await pair.trader(1), await pair.trader(1, acts=True)
    await asyncio.gather(trader.connect(), other.connect())
    sleeper = pair.cluster.hubs[1]
    sleeper.pause()
    try:
        assert (await pair.admin.disable(trader.person.id)).status == 200
        _trim(_redis(pair))
        order_id = await pair.admin.publish([other.person.id])
    finally:
        sleeper.resume()
    await other.gets(order_id)
    await eventually(lambda: trader.closed == closes.ACCOUNT_DISABLED, "the session feels it", PROMISED_S + 1)


async def _on_another_device(pair: Trial, trader: ScriptedAgent, turn: int) -> ScriptedAgent:
    """The same login on a new device at the other hub."""
    mover = pair.desk.device(pair.urls[(turn + 1) % 2], trader.person, trader.token, acts=True)
    await mover.connect()
    return mover


async def _all_claimed(pair: Trial, order_ids: list[int], users: int) -> None:
    async def is_so() -> bool:
        return len(await pair.books.rows(*order_ids)) == users * len(order_ids)

    await eventually(is_so, "every order has a row for everyone")


def _redis(pair: Trial) -> RedisServer:
    assert pair.cluster.redis is not None
    return pair.cluster.redis


def _trim(redis: RedisServer) -> None:
    with redis.client() as client:
        client.xtrim(STREAM, maxlen=0, approximate=False)
