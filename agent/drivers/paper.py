"""The paper exchange: a simulator that takes orders, remembers them, and settles them after their increment.

The invariants: the same seed and the same order give the same fate, unless a market decides who wins; a position is on
disk before the exchange answers, so `find` tells the truth after a crash. Like the real one it does not notice being
asked twice: a second request is a second position.
"""

import random
import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec

from agent.drivers.market import Market, outcome
from agent.model.engine import Ambiguous, Answer, Entry, Mode, NotSent, Refused, Settlement, Submitted
from agent.model.reasons import Reason
from agent.world import REAL, World, sleep_while
from protocol.messages import INCREMENT_SECONDS, Order

FILE_NAME: Final = "paper.db"

UNDER_WAY_MS: Final = 60_000

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS requests (
    id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, refused TEXT, stake TEXT NOT NULL, payout_ratio TEXT NOT NULL,
    settles_ms INTEGER NOT NULL, won INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS requests_order ON requests (order_id);
"""

_ENTRY_PRICE: Final = "ALTER TABLE requests ADD COLUMN entry_price TEXT"
"""NULL: the seed decides who wins, not a market."""


class Simulation(msgspec.Struct, frozen=True):
    """How the paper exchange behaves. Rates are shares of one; latency is the round trip in seconds."""

    seed: int = 0
    speed: float = 1.0
    latency_s: float = 0.0
    refusal_rate: float = 0.0
    ambiguous_rate: float = 0.0


class Fate(msgspec.Struct, frozen=True):
    """What the seed has in store for an order. `lost`: on which way the connection breaks, if it does."""

    refused: bool
    lost: str | None
    won: bool


def fate(simulation: Simulation, order: Order) -> Fate:
    """Drawn from the seed and everything that makes the order what it is."""
    words = (simulation.seed, order.id, order.symbol_name, order.direction, order.time_increments, order.created_ms)
    draw = random.Random(":".join(map(str, words)))  # noqa: S311 a simulator, not a secret
    refused = draw.random() < simulation.refusal_rate
    ambiguous = draw.random() < simulation.ambiguous_rate
    way = draw.choice(("request", "answer"))
    return Fate(refused, way if ambiguous else None, draw.random() < 0.5)


class PaperExchange:
    """A `Driver` that risks no money. With a `market`, index prices decide how a position ends."""

    name = "paper"
    mode = Mode.PAPER

    def __init__(self, folder: Path, simulation: Simulation, world: World = REAL, market: Market | None = None) -> None:
        self._simulation = simulation
        self._market = market
        self._world = world
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / FILE_NAME, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.executescript(_TABLES)
        if not any(column[1] == "entry_price" for column in self._db.execute("PRAGMA table_info(requests)")):
            self._db.execute(_ENTRY_PRICE)

    async def start(self) -> None:
        """Begin to follow the market, where there is one."""
        if self._market is not None:
            await self._market.start()

    def refuses(self) -> Reason | None:
        """It takes every order."""
        return None

    async def submit(self, order: Order, stake: Decimal, payout_ratio: Decimal, within_s: float) -> Answer:
        """The request travels, the exchange decides and remembers, the answer travels."""
        if within_s <= 0:
            return NotSent(Reason("window.over"), is_late=True)
        return await self._place(order, stake, payout_ratio)

    async def find(self, entry: Entry) -> Submitted | Refused | None:
        """What it has not got it never took; but for a minute a request may still be under way to it."""
        row = self._db.execute("SELECT min(id) FROM requests WHERE order_id = ?", (entry.order.id,)).fetchone()
        if row[0] is None:
            age_ms = self._world.read().wall_ms - (entry.submitted_wall_ms or 0)
            return Refused(Reason("paper.never_came")) if age_ms > UNDER_WAY_MS else None
        return self._answer(row[0])

    async def settle(self, entry: Entry) -> Settlement | None:
        """Sleeps until the position is due by the wall clock."""
        row = self._db.execute(
            "SELECT settles_ms, won, stake, payout_ratio, entry_price FROM requests WHERE id = ? AND order_id = ?",
            (_number(entry.exchange_order_id or ""), entry.order.id),
        ).fetchone()
        if row is None:
            return None
        settles_ms, won, stake, ratio, price = row
        await sleep_while(self._world, lambda: settles_ms - self._world.read().wall_ms)
        if price is not None:
            return await self._by_market(entry.order, settles_ms, Decimal(price), Decimal(stake), Decimal(ratio))
        profit = Decimal(stake) * Decimal(ratio) if won else -Decimal(stake)
        return Settlement(settles_ms, "won" if won else "lost", "confirmed", profit)

    def positions(self, order_id: int) -> int:
        """How many requests for this order reached the exchange."""
        row = self._db.execute("SELECT count(*) FROM requests WHERE order_id = ?", (order_id,)).fetchone()
        return int(row[0])

    async def close(self) -> None:
        """Give the file back, and leave the market."""
        self._db.close()
        if self._market is not None:
            await self._market.close()

    async def _by_market(
        self, order: Order, ends_ms: int, price: Decimal, stake: Decimal, ratio: Decimal
    ) -> Settlement | None:
        """By the index at its end; an end that nobody saw stays open."""
        end = None if self._market is None else await self._market.at(order.symbol_name, ends_ms)
        if end is None:
            return None
        result, profit = outcome(order.direction, price, end, stake, ratio)
        return Settlement(ends_ms, result, "confirmed", profit)

    async def _place(self, order: Order, stake: Decimal, payout_ratio: Decimal) -> Answer:
        coming = fate(self._simulation, order)
        await self._travel()
        if coming.lost == "request":
            return Ambiguous(Reason("paper.silent"))
        price = None if self._market is None else self._market.price(order.symbol_name)
        if self._market is not None and price is None:
            return Refused(Reason("paper.no_price", {"symbol": order.symbol_name}))
        number = self._take(order, stake, payout_ratio, coming, price)
        await self._travel()
        if coming.lost == "answer":
            return Ambiguous(Reason("paper.silent"))
        return self._answer(number)

    async def _travel(self) -> None:
        if self._simulation.latency_s > 0:
            await self._world.sleep(self._simulation.latency_s / 2)

    def _take(self, order: Order, stake: Decimal, payout_ratio: Decimal, coming: Fate, price: Decimal | None) -> int:
        seconds = INCREMENT_SECONDS[order.time_increments] / self._simulation.speed
        refused = "paper.refused" if coming.refused else None
        settles_ms = self._world.read().wall_ms + round(seconds * 1000)
        done = self._db.execute(
            """INSERT INTO requests (order_id, refused, stake, payout_ratio, settles_ms, won, entry_price)
            VALUES (?, ?, ?, ?, ?, ?, ?)""",
            (
                order.id,
                refused,
                str(stake),
                str(payout_ratio),
                settles_ms,
                coming.won,
                None if price is None else str(price),
            ),
        )
        return int(done.lastrowid or 0)

    def _answer(self, number: int) -> Submitted | Refused:
        row = self._db.execute(
            "SELECT refused, stake, payout_ratio, settles_ms, entry_price FROM requests WHERE id = ?", (number,)
        ).fetchone()
        refused, stake, ratio, settles_ms, price = row
        if refused:
            return Refused(Reason("paper.refused"))
        data = {"exchange_order_id": f"P{number}", "stake": stake, "payout_ratio": ratio, "settles_ms": settles_ms}
        return Submitted(f"P{number}", data, None if price is None else Decimal(price))


def _number(exchange_order_id: str) -> int:
    digits = exchange_order_id.removeprefix("P")
    return int(digits) if digits.isdecimal() else 0
