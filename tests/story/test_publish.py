"""The publisher is answered after the commit: what is answered stands, what is refused left no trace."""

import asyncio
from collections.abc import Callable
from uuid import uuid4

from tests.kit.cluster import Trial
from tests.services.mariadb import MariaDB
from tests.services.waiting import eventually

AT_ONCE = 20


async def test_what_is_answered_is_on_disk(either: Trial) -> None:
    [person] = await either.enrol()
    order_id = await either.admin.publish([person.id])
    assert await either.books.value(f"SELECT count(*) FROM orders WHERE id = {order_id}") == 1


async def test_one_key_gives_one_order_also_twenty_times_at_once(either: Trial) -> None:
    trader = await either.trader(hub=-1)
    await trader.connect()
    key = uuid4().hex
    admins = [either.admin_at(n % len(either.urls)) for n in range(AT_ONCE)]
    answers = await asyncio.gather(*(admin.try_publish([trader.person.id], key=key) for admin in admins))
    assert {answer.status for answer in answers} == {200}
    [order_id] = {answer.data["order_id"] for answer in answers}
    again = await either.admin.try_publish([trader.person.id], key=key)
    assert (again.status, again.data) == (200, {"order_id": order_id})
    await trader.gets(order_id)
    await trader.is_idle()
    assert trader.orders() == [order_id]
    assert await either.books.value(f"SELECT count(*) FROM orders WHERE idempotency_key = '{key}'") == 1


async def test_a_key_used_for_another_order_is_refused(either: Trial) -> None:
    one, other = await either.enrol(2)
    key = uuid4().hex
    assert (await either.admin.try_publish([one.id], key=key)).status == 200
    for changed in (
        {"direction": "SHORT"},
        {"symbol_name": "ETHUSDT"},
        {"valid_duration": 59},
        {"targets": [other.id]},
    ):
        answer = await either.admin_at(-1).try_publish([one.id], key=key, **changed)
        assert answer.status == 409, changed
        assert "Idempotency-Key" in answer.message


async def test_with_the_database_killed_it_is_503_and_nothing_is_announced_or_stored(strict: Trial) -> None:
    mariadb = _database(strict)
    await _refused_without_a_trace(strict, mariadb.kill, mariadb.start)


async def test_with_the_database_frozen_it_is_503_and_nothing_is_announced_or_stored(strict: Trial) -> None:
    mariadb = _database(strict)
    await _refused_without_a_trace(strict, mariadb.pause, mariadb.resume)


async def _refused_without_a_trace(trial: Trial, stop: Callable[[], object], start: Callable[[], object]) -> None:
    trader = await trial.trader(acts=True)
    await trader.connect()
    orders = await trial.books.value("SELECT count(*) FROM orders")
    announced = _announced(trial)
    key = uuid4().hex
    await asyncio.to_thread(stop)
    try:
        answer = await trial.admin.try_publish([trader.person.id], key=key)
        assert (answer.status, answer.data) == (503, None)
        assert "nothing was stored" in answer.message
        assert _announced(trial) == announced
    finally:
        await asyncio.to_thread(start)
    assert await trial.books.value("SELECT count(*) FROM orders") == orders
    await eventually(lambda: _is_published(trial, trader.person.id, key), "the same request is taken")
    await eventually(lambda: len(trader.recorded()) == 1, "its result is recorded")
    assert len(trader.orders()) == 1
    assert trader.closed is None
    assert await trial.books.value("SELECT count(*) FROM orders") == orders + 1


async def _is_published(trial: Trial, user_id: int, key: str) -> bool:
    return (await trial.admin.try_publish([user_id], key=key)).status == 200


def _announced(trial: Trial) -> int:
    """How many orders the stream tells of."""
    assert trial.cluster.redis is not None
    with trial.cluster.redis.client() as client:
        events = [fields["event"] for _, fields in client.xrange("hub:events")]
    return sum('"kind":"order"' in event for event in events)


def _database(trial: Trial) -> MariaDB:
    assert trial.cluster.mariadb is not None
    return trial.cluster.mariadb
