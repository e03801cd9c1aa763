"""Slow and dead peers: bounded outbox, SLOW_CONSUMER, heartbeat loss; nobody else notices them.

Each on `hub serve`, on the same application behind a server that lends no wire, and under TLS.
"""

import asyncio

import pytest

from protocol import closes
from tests.services.waiting import eventually

from .conftest import PATHS, Visit
from .kernel import connections_at
from .line import Line

QUESTIONS = 500
MOST_ORDERS = 60
"""With so many questions before each, many times what the sockets, the hub's kernel and the outbox hold together."""
A_ROUND = 1_400
"""Their answers are more than the hub's kernel takes at once, and less than is a reason to let go."""
ROUNDS = 3
NOTICED_S = 6
"""Two heartbeats of a second, a tick of a second, and as much again for a busy machine."""
WAITING = (1_100, 1_200, 1_300, 1_400)
"""Answers that the kernel does not take, and that are no reason to let go: how many, depends on the kernel."""
DROPPED_S = 15

patient = pytest.mark.parametrize("door", [(path, 15) for path in PATHS], indirect=True, ids=PATHS)
impatient = pytest.mark.parametrize("door", [("wire", 1), ("plain", 1)], indirect=True, ids=["wire", "plain"])


@patient
async def test_who_does_not_read_is_let_go_and_has_what_was_missed_when_it_is_back(visit: Visit) -> None:
    others = [await visit.trader() for _ in range(3)]
    frozen, slow = await visit.line(), await visit.line()
    slow.trickle()
    before = await _let_go(visit)
    targets = [other.person.id for other in others] + [frozen.person.id, slow.person.id]
    order_ids: list[int] = []
    while {frozen.person.id, slow.person.id} & set(await visit.admin.connected()):
        assert len(order_ids) < MOST_ORDERS, "the orders do not wait for ever at the hub"
        await asyncio.gather(frozen.ask(QUESTIONS), slow.ask(QUESTIONS))
        order_ids.append(await visit.admin.publish(targets))

    async def both_are_counted() -> bool:
        return await _let_go(visit) == before + 2

    await eventually(both_are_counted, "both were let go as too slow")
    await eventually(lambda: all(other.recorded() == set(order_ids) for other in others), "the others have all")
    assert [other.submissions for other in others] == [dict.fromkeys(order_ids, 1)] * len(others)
    assert set(await visit.admin.connected()) == {other.person.id for other in others}
    for line in (frozen, slow):
        assert await line.read_until_closed() in (None, closes.SLOW_CONSUMER.code)
        await _comes_back(visit, line, order_ids)
    assert len(await visit.books.rows(*order_ids)) == len(targets) * len(order_ids)


@patient
async def test_frames_stay_whole_and_in_order_where_the_socket_takes_only_a_part(visit: Visit) -> None:
    line = await visit.line()
    order_ids: list[int] = []
    for turn in range(ROUNDS):
        await line.ask(A_ROUND // 2, first=turn * A_ROUND)
        order_ids.append(await visit.admin.publish([line.person.id]))
        await line.ask(A_ROUND // 2, first=turn * A_ROUND + A_ROUND // 2)
        await line.read_until(lambda: len(line.answered()) == A_ROUND * len(order_ids))
        await line.read_until(lambda: len(line.orders()) == len(order_ids))
    assert line.answered() == list(range(A_ROUND * ROUNDS))
    assert line.orders() == order_ids


@impatient
async def test_a_peer_that_vanished_is_noticed_within_two_heartbeats(visit: Visit) -> None:
    line = await visit.line()

    async def is_gone() -> bool:
        return line.person.id not in await visit.admin.connected()

    await eventually(is_gone, "the hub counts it out", NOTICED_S)
    assert await line.read_until_closed() == closes.HEARTBEAT_LOST.code


@pytest.mark.parametrize("door", [("wire", 1), ("tls", 1)], indirect=True, ids=["wire", "tls"])
async def test_a_frozen_peer_with_frames_before_it_does_not_hold_its_connection_for_ever(visit: Visit) -> None:
    """What waits for it cannot be written, nor can the close frame after it: the hub drops the connection."""
    lines = [await visit.line() for _ in WAITING]
    await asyncio.gather(*(line.ask(count) for line, count in zip(lines, WAITING, strict=True)))
    ports = {line.local_port for line in lines}
    await eventually(lambda: ports.isdisjoint(connections_at(visit.door.port)), "all are dropped", DROPPED_S)


@pytest.mark.parametrize("door", [("plain", 1)], indirect=True, ids=["plain"])
async def test_the_plain_path_leaves_no_task_behind(visit: Visit) -> None:
    """The server may keep a frozen peer's socket; the hub keeps nothing of it, nor of one that went by itself."""
    frozen, going = await visit.line(), await visit.line()
    await frozen.ask(WAITING[-1])
    going.drop()
    thread = visit.door.thread
    assert thread is not None
    await eventually(lambda: thread.tasks("QueueOutbox") == 0, "the outboxes have ended", DROPPED_S)


async def _let_go(visit: Visit) -> float:
    return await visit.metric('bn_hub_closes_total{reason="SLOW_CONSUMER"}')


async def _comes_back(visit: Visit, line: Line, order_ids: list[int]) -> None:
    """The same device, reading again: it gets each order it has not acknowledged, once."""
    device = visit.desk.device(visit.door.url, line.person, line.token, acts=True)
    device.device_id = line.device_id
    await device.connect()
    await eventually(lambda: device.recorded() == set(order_ids), "it has what it missed")
    assert device.orders() == order_ids
