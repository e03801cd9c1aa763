"""Inside its window an order reaches whoever comes; outside it nobody, and the funnel says why."""

from hub.clock import now_ms
from protocol import closes
from tests.kit.cluster import Trial
from tests.services.waiting import eventually


async def test_who_is_connected_gets_the_order(either: Trial) -> None:
    trader = await either.trader(hub=-1, acts=True)
    await trader.connect()
    order_id = await either.admin.publish([trader.person.id])
    await eventually(lambda: trader.recorded() == {order_id}, "the result is recorded")
    assert trader.orders() == [order_id]
    assert await either.books.outcomes(order_id) == {trader.person.id: "success"}
    order = await either.admin.order(order_id)
    assert (order["status"], order["is_settled"]) == (2, True)


async def test_who_connects_inside_the_window_gets_the_order(either: Trial) -> None:
    trader = await either.trader(hub=-1, acts=True)
    order_id = await either.admin.publish([trader.person.id])
    assert (await either.admin.funnel(order_id))["not_claimed"]["waiting"] == 1
    await trader.connect()
    await eventually(lambda: trader.recorded() == {order_id}, "the result is recorded")


async def test_who_connects_after_the_window_gets_nothing_and_the_funnel_says_not_connected(either: Trial) -> None:
    trader = await either.trader(hub=-1, acts=True)
    order_id = await either.admin.publish([trader.person.id], seconds=1)
    await eventually(lambda: _is_expired(either, order_id), "the window is over")
    await trader.connect()
    await trader.is_idle()
    assert await trader.pull() is None
    assert trader.orders() == []
    funnel = await either.admin.funnel(order_id)
    assert (funnel["targeted"], funnel["claimed"]) == (1, 0)
    assert funnel["not_claimed"] == {"not_connected": 1, "account_expired": 0, "account_disabled": 0, "waiting": 0}


async def test_accounts_that_may_not_trade_get_nothing_and_the_funnel_says_so(either: Trial) -> None:
    disabled = await either.trader()
    await disabled.connect()
    assert (await either.admin.disable(disabled.person.id)).status == 200
    [expired] = await either.enrol(expire_ms=now_ms() - 1_000)
    order_id = await either.admin.publish([disabled.person.id, expired.id])
    await eventually(lambda: disabled.closed == closes.ACCOUNT_DISABLED, "the session feels it")
    assert disabled.orders() == []
    not_claimed = (await either.admin.funnel(order_id))["not_claimed"]
    assert (not_claimed["account_disabled"], not_claimed["account_expired"]) == (1, 1)


async def test_an_account_that_runs_out_while_connected_is_shown_the_door_and_marked(either: Trial) -> None:
    [person] = await either.enrol(expire_ms=now_ms() + 1_500)
    trader = await either.desk.trader(either.urls[-1], person)
    await trader.connect()
    await eventually(lambda: trader.closed == closes.ACCOUNT_EXPIRED, "the session feels it")
    order_id = await either.admin.publish([person.id])
    status = f"SELECT status FROM users WHERE id = {person.id}"

    async def is_marked() -> bool:
        return bool(await either.books.value(status) == 2)

    await eventually(is_marked, "status 2 is written", 5)
    assert (await either.admin.funnel(order_id))["not_claimed"]["account_expired"] == 1


async def test_the_same_device_gets_an_order_again_until_it_acks(either: Trial) -> None:
    trader = await either.trader()
    await trader.connect()
    order_id = await either.admin.publish([trader.person.id])
    await trader.gets(order_id)
    await trader.drop()
    await trader.connect(either.urls[-1])
    await eventually(lambda: trader.orders() == [order_id, order_id], "the order comes again")
    await trader.ack(order_id)

    async def is_acked() -> bool:
        return [row.is_acked for row in await either.books.rows(order_id)] == [True]

    await eventually(is_acked, "the ack is on disk")
    for url in either.urls:
        await trader.drop()
        await trader.connect(url)
        await trader.is_idle()
        await trader.report(order_id) if url == either.urls[-1] else None
    await eventually(lambda: trader.recorded() == {order_id}, "the result of the earlier connection is recorded")
    assert trader.orders() == [order_id, order_id]


async def test_another_device_does_not_get_what_the_first_one_claimed(either: Trial) -> None:
    first = await either.trader()
    await first.connect()
    order_id = await either.admin.publish([first.person.id], seconds=2)
    await first.gets(order_id)
    await first.drop()
    second = either.desk.device(either.urls[-1], first.person, first.token)
    await second.connect()
    await second.is_idle()
    assert await second.pull() is None
    funnel = await either.admin.funnel(order_id)
    assert (funnel["claimed"], funnel["sent"], funnel["acked"], funnel["not_acked"]) == (1, 1, 0, 1)

    async def is_over() -> bool:
        return await either.books.outcomes(order_id) == {first.person.id: "unknown"}

    await eventually(is_over, "the sweep says unknown", 10)
    assert second.orders() == []
    await second.report(order_id)
    await second.is_idle()
    assert await either.books.outcomes(order_id) == {first.person.id: "unknown"}, "it is not the second device's"


async def _is_expired(trial: Trial, order_id: int) -> bool:
    return bool((await trial.admin.order(order_id))["status"] == 3)
