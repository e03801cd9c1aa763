"""The paper exchange: the same luck every time, and an honest memory."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from agent.drivers.paper import PaperExchange, Simulation, fate
from agent.model.engine import Ambiguous, Entry, Mode, NotSent, Refused, State, Submitted
from agent.model.reasons import Reason
from agent.world import REAL, Reading, World
from protocol.messages import Order

STAKE, RATIO = Decimal(7), Decimal("0.85")

Open = Callable[..., PaperExchange]


def order(order_id: int = 1) -> Order:
    return Order(order_id, "TEN_MINUTE", "BTCUSDT", "LONG", 60, 1_000, 61_000)


def entry(order_id: int = 1, exchange_order_id: str | None = None) -> Entry:
    state = State.SUBMITTING if exchange_order_id is None else State.DONE
    return Entry(order(order_id), state, 1_000, 1, "paper", Mode.PAPER, exchange_order_id=exchange_order_id)


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Open]:
    opened: list[PaperExchange] = []

    def open_one(now: int | None = None, **simulation: float) -> PaperExchange:
        world = REAL if now is None else World(lambda: Reading(now, now), asyncio.sleep, Random(0))
        opened.append(PaperExchange(tmp_path, Simulation(**simulation), world))  # type: ignore[arg-type]
        return opened[-1]

    yield open_one
    for one in opened:
        asyncio.run(one.close())


def test_the_same_seed_gives_the_same_fate() -> None:
    simulation = Simulation(seed=5, refusal_rate=0.3, ambiguous_rate=0.3)
    fates = [fate(simulation, order(number)) for number in range(1, 200)]
    assert fates == [fate(simulation, order(number)) for number in range(1, 200)]
    assert {one.won for one in fates} == {one.refused for one in fates} == {True, False}
    assert {one.lost for one in fates} == {None, "request", "answer"}
    other = Simulation(seed=6, refusal_rate=0.3, ambiguous_rate=0.3)
    assert fates != [fate(other, order(number)) for number in range(1, 200)]


async def test_it_takes_an_order_and_remembers_it_over_a_restart(exchange: Open) -> None:
    taken = await exchange().submit(order(), STAKE, RATIO, 60)
    assert isinstance(taken, Submitted)
    assert await exchange().find(entry()) == taken
    assert await exchange().find(entry(2)) == Refused(Reason("paper.never_came"))


async def test_it_does_not_notice_a_second_request(exchange: Open) -> None:
    one = exchange()
    await one.submit(order(), STAKE, RATIO, 60)
    await one.submit(order(), STAKE, RATIO, 60)
    assert one.positions(1) == 2


async def test_profit_is_exact(exchange: Open) -> None:
    early, late = exchange(now=0), exchange(now=600_000)
    settled = []
    for number in range(1, 20):
        taken = await early.submit(order(number), STAKE, RATIO, 60)
        assert isinstance(taken, Submitted)
        settled.append(await late.settle(entry(number, taken.exchange_order_id)))
    assert {(one.result, one.profit, one.settled_ms) for one in settled if one is not None} == {
        ("won", Decimal("5.95"), 600_000),
        ("lost", Decimal(-7), 600_000),
    }


async def test_speed_divides_the_time(exchange: Open) -> None:
    taken = await exchange(now=0, speed=600).submit(order(), STAKE, RATIO, 60)
    assert isinstance(taken, Submitted)
    assert taken.data is not None
    assert taken.data["settles_ms"] == 1_000


async def test_a_position_that_it_does_not_have_cannot_settle(exchange: Open) -> None:
    assert await exchange().settle(entry(1, "P9")) is None
    assert await exchange().settle(entry(1, "something else")) is None


async def test_refusals_and_lost_answers(exchange: Open) -> None:
    assert isinstance(await exchange(refusal_rate=1).submit(order(1), STAKE, RATIO, 60), Refused)
    assert isinstance(await exchange().find(entry(1)), Refused)
    broken = exchange(ambiguous_rate=1)
    for number in range(2, 12):
        assert isinstance(await broken.submit(order(number), STAKE, RATIO, 60), Ambiguous)
    assert {broken.positions(number) for number in range(2, 12)} == {0, 1}


async def test_with_no_time_left_nothing_is_sent(exchange: Open) -> None:
    one = exchange()
    assert await one.submit(order(), STAKE, RATIO, 0) == NotSent(Reason("window.over"), is_late=True)
    assert one.positions(1) == 0


async def test_a_file_of_an_older_version_is_brought_up_to_date(tmp_path: Path, exchange: Open) -> None:
    with sqlite3.connect(tmp_path / "paper.db") as old:
        old.execute(
            """CREATE TABLE requests (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, refused TEXT,
            stake TEXT NOT NULL, payout_ratio TEXT NOT NULL, settles_ms INTEGER NOT NULL, won INTEGER NOT NULL)"""
        )
        old.execute("INSERT INTO requests VALUES (1, 1, NULL, '7', '0.85', 5, 1)")
    old.close()
    settled = await exchange().settle(entry(1, "P1"))
    assert settled is not None
    assert (settled.result, settled.profit) == ("won", Decimal("5.95"))
