"""PURE: a row of the exchange's lists, and whether it is one of our orders.

The invariants: a row is ours only where amount, symbol, direction, increment and time all agree, and no other row and
no other order of ours could be meant; that nothing is found is never a no.
"""

from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import Any

import msgspec

from agent.drivers.binance import answers
from agent.drivers.binance.facts import Facts, Timing
from agent.model.engine import Entry


class Position(msgspec.Struct, frozen=True):
    """A contract as the exchange lists it. `profit` None: it still runs, or it is not told."""

    id: str
    stake: Decimal
    symbol: str
    direction: str
    increment: str
    opened_ms: int
    entry_price: Decimal | None = None
    profit: Decimal | None = None


def position(row: dict[str, Any], facts: Facts) -> Position | None:
    """A row taken apart; None where one of the five marks, or the id, is missing or strange."""
    fields = facts.fields
    number, stake = answers.first(row, fields.order_id), answers.decimal(answers.first(row, fields.stake))
    symbol, direction = answers.first(row, fields.symbol), answers.first(row, fields.direction)
    increment, opened = answers.first(row, fields.increment), answers.decimal(answers.first(row, fields.opened))
    texts = (symbol, direction, increment)
    if stake is None or opened is None or number in (None, "") or not all(isinstance(text, str) for text in texts):
        return None
    price, profit = answers.first(row, fields.entry_price), answers.first(row, fields.profit)
    return Position(
        str(number),
        stake,
        symbol.upper(),
        direction.upper(),
        increment.upper(),
        int(opened),
        answers.decimal(price),
        answers.decimal(profit),
    )


def is_like(one: Position, entry: Entry) -> bool:
    """Whether everything but the time agrees."""
    order = entry.order
    return (one.stake, one.symbol, one.direction, one.increment) == (
        entry.stake,
        order.symbol_name,
        order.direction,
        order.time_increments,
    )


def is_near(opened_ms: int, entry: Entry, timing: Timing) -> bool:
    """Whether a time of the exchange agrees with one of the two times at which it was submitted."""
    return any(
        -timing.match_before_s * 1000 <= opened_ms - at_ms <= timing.match_after_s * 1000
        for at_ms in (entry.submitted_ms, entry.submitted_wall_ms)
        if at_ms is not None
    )


def ours(listed: Iterable[Position], entry: Entry, taken: Collection[str], timing: Timing) -> Position | None:
    """The one position that is this entry's; None for none and for more than one. `taken` are ids of other entries."""
    by_id = {
        one.id: one
        for one in listed
        if one.id not in taken and is_like(one, entry) and is_near(one.opened_ms, entry, timing)
    }
    return next(iter(by_id.values())) if len(by_id) == 1 else None


def are_rivals(one: Entry, other: Entry, timing: Timing) -> bool:
    """Whether one position could be either's: nothing but the number of the order sets them apart."""
    if one.order.id == other.order.id or one.stake != other.stake:
        return False
    marks = [(entry.order.symbol_name, entry.order.direction, entry.order.time_increments) for entry in (one, other)]
    span_ms = (timing.match_before_s + timing.match_after_s) * 1000
    apart_ms = abs((one.submitted_wall_ms or 0) - (other.submitted_wall_ms or 0))
    return marks[0] == marks[1] and apart_ms <= span_ms
