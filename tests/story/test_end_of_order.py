"""How an order ends: its window runs out, or the admin cancels it. Every delivery ends in a named outcome."""

import asyncio
from pathlib import Path

from agent.model.engine import Refused
from agent.trading.terms import Approved
from protocol.messages import Order
from tests.kit.cluster import Trial
from tests.kit.crowd import crowd_in
from tests.services.waiting import eventually


async def test_past_its_window_an_order_is_expired_and_what_was_sent_without_a_result_is_unknown(either: Trial) -> None:
    silent, done, absent = [await either.trader(hub=-1) for _ in range(3)]
    await asyncio.gather(silent.connect(), done.connect())
    order_id = await either.admin.publish([trader.person.id for trader in (silent, done, absent)], seconds=2)
    await asyncio.gather(silent.gets(order_id), done.gets(order_id))
    await asyncio.gather(silent.ack(order_id), done.report(order_id, "failed"))
    ids = (silent.person.id, done.person.id)

    async def is_swept() -> bool:
        return await either.books.outcomes(order_id) == dict(zip(ids, ("unknown", "failed"), strict=True))

    await eventually(is_swept, "the sweep has closed what was open")
    order = await either.admin.order(order_id)
    assert (order["status"], order["is_settled"]) == (3, True)
    assert (order["funnel"]["targeted"], order["funnel"]["not_claimed"]["not_connected"]) == (3, 1)
    assert order["funnel"]["outcomes"] == {
        "success": 0,
        "failed": 1,
        "rejected": 0,
        "expired": 0,
        "unknown": 1,
        "open": 0,
    }


async def test_a_result_that_comes_after_the_sweep_is_still_taken(either: Trial) -> None:
    trader = await either.trader()
    await trader.connect()
    order_id = await either.admin.publish([trader.person.id], seconds=1)
    await trader.gets(order_id)
    await trader.ack(order_id)

    async def is_swept() -> bool:
        return await either.books.outcomes(order_id) == {trader.person.id: "unknown"}

    await eventually(is_swept, "the sweep has closed it")
    await trader.report(order_id, "success")
    await eventually(lambda: trader.recorded() == {order_id}, "the fact is recorded")
    assert await either.books.outcomes(order_id) == {trader.person.id: "success"}


async def test_a_cancelled_order_is_rejected_by_the_agent_that_has_not_submitted_it(
    either: Trial, story_dir: Path
) -> None:
    hesitant, quick = await either.enrol(2)
    decided = asyncio.Event()

    async def decide(_order: Order, _approved: Approved) -> Refused | None:
        await decided.wait()
        return None

    async with crowd_in(story_dir / "agents") as crowd:
        waiting = await crowd.join(either.urls[-1], hesitant, decide)
        acting = await crowd.join(either.urls[0], quick)
        order_id = await either.admin.publish([hesitant.id, quick.id])

        async def is_acked() -> bool:
            return {row.user_id: row.outcome for row in await either.books.rows(order_id) if row.is_acked} == {
                hesitant.id: None,
                quick.id: "success",
            }

        await eventually(is_acked, "one has it, one has placed it")
        assert (await either.admin.cancel(order_id, "wrong way")).status == 200

        async def is_over() -> bool:
            return await either.books.outcomes(order_id) == {hesitant.id: "rejected", quick.id: "success"}

        await eventually(is_over, "it is rejected")
        decided.set()
    assert (waiting.submissions(), acting.submissions()) == ({}, {order_id: 1})
    order = await either.admin.order(order_id)
    assert (order["status"], order["is_settled"]) == (4, True)


async def test_a_cancelled_order_reaches_nobody_any_more(either: Trial) -> None:
    connected, absent = [await either.trader(hub=-1) for _ in range(2)]
    await connected.connect()
    order_id = await either.admin.publish([connected.person.id, absent.person.id])
    await connected.gets(order_id)
    assert (await either.admin.cancel(order_id, "wrong way")).status == 200
    await eventually(lambda: connected.cancels() == [order_id], "who has it is told")
    for url in either.urls:
        await absent.connect(url)
        await absent.is_idle()
        assert await absent.pull(url) is None
    assert absent.orders() == []
    assert (await either.admin_at(-1).cancel(order_id, "again")).status == 409


async def test_who_was_away_when_it_was_cancelled_hears_it_on_return(either: Trial) -> None:
    trader = await either.trader(acts=False)
    await trader.connect()
    order_id = await either.admin.publish([trader.person.id])
    await trader.gets(order_id)
    trader.keep(order_id)
    await trader.drop()
    assert (await either.admin.cancel(order_id, "wrong way")).status == 200
    await trader.connect(either.urls[-1])
    await eventually(lambda: trader.cancels() == [order_id], "the cancel comes")


async def test_an_order_past_its_window_cannot_be_cancelled(either: Trial) -> None:
    [person] = await either.enrol()
    order_id = await either.admin.publish([person.id], seconds=1)

    async def is_expired() -> bool:
        return bool((await either.admin.order(order_id))["status"] == 3)

    await eventually(is_expired, "the window is over")
    assert (await either.admin.cancel(order_id, "too late")).status == 409
