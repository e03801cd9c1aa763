"""Rolling restart: a hub that is told to end lets its agents go, writes what is behind, and nobody loses anything."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect

from agent.model.events import Disconnected
from hub.cluster.redis import PROCESSES
from hub.config import Settings
from protocol import closes
from protocol.messages import SUBPROTOCOL
from tests.bench.tokens import make_tokens
from tests.kit.cluster import Cluster, Trial
from tests.kit.crowd import crowd_in
from tests.services.hub_process import HubProcess
from tests.services.waiting import eventually

from .balancer import balancer_before
from .line import Line

ENDS_WITHIN_S = 10
AGENTS = 8
A_FEW_MS = 100
"""So few come back within so little."""
UNREAD = 3_000
CROWD = 200
FEW_QUERIES = CROWD // 2
"""A hub asks the database a handful of things a second anyway; a query an agent would be two hundred and more."""


@pytest.fixture(autouse=True)
def in_time(pair_cluster: Cluster) -> None:
    for hub in pair_cluster.hubs:
        hub.stopped_within_s = ENDS_WITHIN_S


async def test_real_agents_live_through_the_restart_of_one_hub_after_the_other(
    pair: Trial, operation_dir: Path
) -> None:
    people = await pair.enrol(AGENTS)
    everyone = [person.id for person in people]
    ports = [hub.port for hub in pair.cluster.hubs]
    async with balancer_before(ports) as balancer, crowd_in(operation_dir / "agents") as crowd:
        await asyncio.gather(*(crowd.join(balancer.url, person) for person in people))
        order_ids = [await pair.admin.publish(everyone)]
        for turn, hub in enumerate(pair.cluster.hubs):
            admin = pair.admin_at(1 - turn)
            order_ids.append(await admin.publish(everyone))
            ending = asyncio.create_task(asyncio.to_thread(hub.stop))
            order_ids.append(await admin.publish(everyone))
            async with _ended(hub, ending):
                order_ids.append(await admin.publish(everyone))
                await _all_succeed(pair, order_ids, everyone)
        said = [event.reason for m in crowd.members for event in m.events if isinstance(event, Disconnected)]
    assert len(said) >= AGENTS, "each was on a hub that ended"
    assert all(closes.RESTARTING.meaning in reason for reason in said), said
    for member in crowd.members:
        assert member.submissions() == dict.fromkeys(order_ids, 1)


async def test_a_hub_that_ends_says_when_to_come_back_has_written_all_and_waits_for_nobody(pair: Trial) -> None:
    hub = pair.cluster.hubs[0]
    frozen = await _line(pair, hub)
    await frozen.ask(UNREAD)
    lines = [await _line(pair, hub) for _ in range(3)]
    people = [line.person.id for line in lines]
    reading = asyncio.gather(*(line.read_until_closed() for line in lines))
    order_id = await pair.admin.publish(people)
    await _each_knows_of_the_other(pair)
    await eventually(lambda: all(line.orders() == [order_id] for line in lines), "each has the order")
    async with _ended(hub):
        assert {row.user_id for row in await pair.books.rows(order_id)} == set(people)
        assert await reading == [closes.RESTARTING.code] * len(lines)
    frozen.drop()
    for line in lines:
        assert line.orders() == [order_id]
        assert line.retry_hint_ms is not None
        assert 0 <= line.retry_hint_ms <= A_FEW_MS, "\n\n".join(hub.log_end(3_000) for hub in pair.cluster.hubs)


async def test_two_hundred_that_come_back_at_once_cost_no_query_each(pair: Trial) -> None:
    hub, mariadb = pair.cluster.hubs[0], pair.cluster.mariadb
    assert mariadb is not None
    tokens = await make_tokens(_settings(hub), CROWD, f"crowd{secrets.token_hex(3)}-")
    order_id = await _publish_to_all(pair)
    before = _questions(pair)
    sockets = await asyncio.gather(*(_come_back(hub, n, token) for n, token in enumerate(tokens)))
    after = _questions(pair)
    rows = f"SELECT count(*) FROM order_assignments WHERE order_id = {order_id}"

    async def is_written() -> bool:
        return bool(await pair.books.value(rows) == CROWD)

    await eventually(is_written, "everyone's order is on record")
    await asyncio.gather(*(socket.close() for socket in sockets))
    assert after - before < FEW_QUERIES


@asynccontextmanager
async def _ended(hub: HubProcess, ending: Awaitable[int | None] | None = None) -> AsyncIterator[None]:
    """The hub has ended well, on SIGTERM and in time; it runs again afterwards."""
    try:
        assert await (ending or asyncio.to_thread(hub.stop)) == 0, hub.log_end()
        yield
    finally:
        if not hub.is_running():
            await asyncio.to_thread(hub.start)


async def _all_succeed(trial: Trial, order_ids: list[int], user_ids: list[int]) -> None:
    wanted = {(order_id, user_id, "success") for order_id in order_ids for user_id in user_ids}

    async def is_so() -> bool:
        rows = await trial.books.rows(*order_ids)
        return {(row.order_id, row.user_id, row.outcome) for row in rows} == wanted

    await eventually(is_so, "every order of everyone has succeeded")


async def _each_knows_of_the_other(trial: Trial) -> None:
    """Each has looked who else lives, while both did: it looks after it has said that it lives itself."""
    assert trial.cluster.redis is not None
    with trial.cluster.redis.client() as redis:

        async def both_said_so_after(seconds: float) -> bool:
            return len(redis.zrange(PROCESSES, seconds, "+inf", byscore=True)) == len(trial.cluster.hubs)

        for _ in range(2):
            now_s = float(redis.time()[0])
            await eventually(partial(both_said_so_after, now_s + 1), "both hubs have looked")


async def _line(trial: Trial, hub: HubProcess) -> Line:
    trader = await trial.trader()
    line = Line(hub.url, trader.person, trader.token)
    await line.open()
    return line


async def _publish_to_all(trial: Trial) -> int:
    answer = await trial.admin.try_publish([], targets=None)
    assert answer.status == 200, answer.message
    return int(answer.data["order_id"])


async def _come_back(hub: HubProcess, n: int, token: str) -> ClientConnection:
    """One of the crowd: connected, welcomed, and it has the order."""
    socket = await connect(
        f"ws{hub.url.removeprefix('http')}/ws",
        subprotocols=[SUBPROTOCOL],  # type: ignore[list-item]
        additional_headers={"Authorization": f"Bearer {token}"},
        compression=None,
        proxy=None,
        open_timeout=30,
    )
    await socket.send(json.dumps({"type": "hello", "device_id": f"{n:036}", "version": "1", "driver": "paper"}))
    kinds: list[str] = []
    while "order" not in kinds:
        kinds.append(json.loads(await socket.recv())["type"])
    assert kinds[0] == "welcome"
    return socket


def _questions(trial: Trial) -> int:
    """How many statements the server was ever asked."""
    assert trial.cluster.mariadb is not None
    return int(trial.cluster.mariadb.execute("SHOW GLOBAL STATUS LIKE 'Questions'").split()[1])


def _settings(hub: HubProcess) -> Settings:
    given = hub.settings
    return Settings(
        data_dir=hub.data_dir,
        database_url=given.database_url,
        redis_url=given.redis_url,
        jwt_secret=given.jwt_secret,  # type: ignore[arg-type]
        admin_token=given.admin_token,  # type: ignore[arg-type]
        _env_file=None,  # type: ignore[call-arg]
    )
