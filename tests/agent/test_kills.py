"""SIGKILL between any two steps of an order's life, as often as the seed says, while the hub sends it again and again.

KILL_RUNS says how many seeds; each is a run of its own. The promises: an order is one request at most, what stands is
never called refused, what does not stand is never called taken, and in the end every order has an outcome at the hub.
"""

import asyncio
import contextlib
import json
import multiprocessing
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import msgspec
import pytest

from agent.drivers.binance.facts import FILE_NAME
from protocol.messages import Order, OrderMessage
from tests.exchange.server import Exchange
from tests.exchange.witness import Seen
from tests.services.waiting import eventually

from .hub_on_loopback import HubOnLoopback
from .killed import Job, main

RUNS = int(os.environ.get("KILL_RUNS", "20"))
MOST_KILLS = 3
LAST_STEP = 60
QUICK = {"timing": {"answer_s": 0.5, "connect_s": 2.0}}

MARKS = [
    (symbol, direction, increment)
    for increment in ("TEN_MINUTE", "THIRTY_MINUTE")
    for symbol in ("BTCUSDT", "ETHUSDT")
    for direction in ("LONG", "SHORT")
]
"""No two orders of a run are alike, so the witness can tell them apart."""

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.agent.killed"])


@pytest.fixture
async def exchange(request: pytest.FixtureRequest) -> AsyncIterator[Exchange]:
    async with Exchange(rate=0.3, seed=request.node.callspec.params["seed"]) as exchange:
        exchange.api.slow_s = 0.1
        yield exchange


def order_of(seen: Seen) -> tuple[str, str, str]:
    """Which one of MARKS a place-order request is, also one that was cut."""
    body = json.loads(seen.body if seen.is_whole else seen.body.partition("\r\n\r\n")[2])
    return body["symbolName"], body["direction"], body["timeIncrements"]


@pytest.mark.parametrize("seed", range(RUNS))
async def test_an_agent_that_is_killed_anywhere_sends_no_order_twice(
    hub: HubOnLoopback, exchange: Exchange, tmp_path: Path, seed: int
) -> None:
    draw = random.Random(seed)
    (tmp_path / FILE_NAME).write_text(json.dumps(QUICK))
    marks = dict(enumerate(draw.sample(MARKS, 3), 1))
    hub.after_welcome = [_message(hub, number, *mark) for number, mark in marks.items()]
    job = Job(hub.url, hub.password, exchange.url, msgspec.json.encode(exchange.log_in()).decode(), str(tmp_path), None)
    kills = [draw.randint(1, LAST_STEP) for _ in range(draw.randint(1, MOST_KILLS))]
    for dies_at in kills:
        await _live(msgspec.structs.replace(job, dies_at=dies_at), hub, set(marks))
    await _live(job, hub, set(marks))

    requests = Counter(order_of(seen) for seen in exchange.witness.orders)
    standing = {(one.symbol, one.direction, one.increment) for one in exchange.account.positions}
    for number, mark in marks.items():
        outcomes = {result.outcome for result in hub.results[number]}
        told = f"order {number}: {outcomes}, {requests[mark]} requests, stands: {mark in standing}, killed at {kills}"
        assert requests[mark] <= 1, told
        assert outcomes, told
        if mark in standing:
            assert outcomes <= {"success", "unknown"}, told
        else:
            assert "success" not in outcomes, told


def _message(hub: HubOnLoopback, number: int, symbol: str, direction: str, increment: str) -> OrderMessage:
    order: Order = hub.order(number, valid_s=600, symbol_name=symbol, direction=direction, time_increments=increment)
    return OrderMessage(order, hub.now_ms())


async def _live(job: Job, hub: HubOnLoopback, orders: set[int]) -> None:
    """One life of the agent: until it is dead, or every order has a result in this life or an earlier one."""
    child = _processes.Process(target=main, args=(job,))
    child.start()
    try:
        await eventually(lambda: not child.is_alive() or orders <= hub.results.keys(), "it dies or is done", 60)
    finally:
        await _end(child)


async def _end(child: BaseProcess) -> None:
    child.terminate()
    with contextlib.suppress(AssertionError):
        await eventually(lambda: not child.is_alive(), "it has ended", 10)
    child.kill()
    await asyncio.to_thread(child.join, 10)
    child.close()
