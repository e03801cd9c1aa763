"""PURE: what happens with the next order, what was missed and why, and the figures behind the charts.

The invariant: the sentence at the top says that an order is placed only where nothing that the window knows of would
refuse it, and its mode always with it.
"""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from math import sqrt
from typing import Final

import msgspec

from agent.model.engine import Mode
from agent.model.reasons import N_, Reason
from agent.ui.state import Placing, Row, View
from protocol.messages import Increment

Z_95: Final = 1.959964


class Tone(StrEnum):
    """What a sentence means for the person: each has a shape and a colour."""

    GOOD = "good"
    ASKS = "asks"
    PAUSED = "paused"
    HALTED = "halted"
    OFFLINE = "offline"
    NEEDS_YOU = "needs you"


class Said(msgspec.Struct, frozen=True):
    """A sentence, before anybody's language: a template, plain facts, and perhaps why."""

    tone: Tone
    template: str
    facts: dict[str, str] = msgspec.field(default_factory=dict)
    why: Reason | None = None


def next_order(view: View) -> Said:
    """What would happen with an order that came now."""
    if view.ended is not None or view.session_ends_ms is None:
        return _not_logged_in(view)
    if not view.is_connected:
        return Said(Tone.OFFLINE, N_("Nothing is placed: not connected to the hub ({why})."), {"why": view.lost})
    if view.halt is not None:
        return Said(Tone.HALTED, N_("Nothing is placed: halted by the admin ({why})."), {"why": view.halt})
    if view.placing is Placing.PAUSED:
        return Said(Tone.PAUSED, N_("Nothing is placed: paused by you."))
    refusal = view.refuses or next((bar.refuses for bar in view.bars if bar.refuses is not None), None)
    if refusal is not None:
        return Said(Tone.NEEDS_YOU, N_("Connected. The next order would be refused: {reason}."), why=refusal)
    facts = {"mode": view.mode.value, "stake": "?" if view.stake is None else f"{view.stake:f}"}
    if view.placing is Placing.CONFIRM:
        return Said(Tone.ASKS, N_("Connected. The next order asks you first: {mode}, {stake} USDT."), facts)
    return Said(Tone.GOOD, N_("Connected. The next order is placed on {mode} with {stake} USDT."), facts)


def _not_logged_in(view: View) -> Said:
    if view.ended is None:
        return Said(Tone.OFFLINE, N_("Nothing is placed: logging in."))
    return Said(Tone.NEEDS_YOU, N_("Nothing is placed: log in again."))


class Missed(msgspec.Struct, frozen=True):
    """Orders of one day that were not placed: how many, for which reasons, the commonest first."""

    count: int
    reasons: tuple[tuple[Reason, int], ...]


def missed(rows: Iterable[Row], since_ms: int) -> Missed:
    """What was received since then and not placed."""
    gone = [row for row in rows if row.received_ms >= since_ms and row.outcome in ("failed", "rejected", "expired")]
    codes = Counter(row.reason.code for row in gone if row.reason is not None)
    reasons = {row.reason.code: row.reason for row in gone if row.reason is not None}
    return Missed(len(gone), tuple((reasons[code], count) for code, count in codes.most_common()))


class WinRate(msgspec.Struct, frozen=True):
    """Settled positions of one symbol and increment; shares of one, `low` to `high` holds the true rate in 95 of 100.

    `break_even` is the rate at which gains and losses meet, after the ratios that were paid.
    """

    symbol: str
    increment: Increment
    won: int
    lost: int
    rate: float
    low: float
    high: float
    break_even: float


def win_rates(rows: Iterable[Row], mode: Mode) -> list[WinRate]:
    """One for each symbol and increment that has a settled position; ties are neither."""
    groups: dict[tuple[str, Increment], list[Row]] = {}
    for row in rows:
        if row.mode is mode and row.result in ("won", "lost"):
            groups.setdefault((row.order.symbol_name, row.order.time_increments), []).append(row)
    return [_win_rate(symbol, increment, group) for (symbol, increment), group in sorted(groups.items())]


def _win_rate(symbol: str, increment: Increment, rows: list[Row]) -> WinRate:
    won, count = sum(row.result == "won" for row in rows), len(rows)
    ratios = [row.ratio for row in rows if row.ratio is not None]
    mean = sum(ratios, Decimal(0)) / len(ratios) if ratios else Decimal(1)
    low, high = wilson(won, count)
    return WinRate(symbol, increment, won, count - won, won / count, low, high, float(1 / (1 + mean)))


def wilson(won: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share, after Wilson (1927)."""
    if count == 0:
        return 0.0, 1.0
    share, z2 = won / count, Z_95**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = Z_95 * sqrt(share * (1 - share) / count + z2 / (4 * count**2)) / (1 + z2 / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def profit_curve(rows: Iterable[Row], mode: Mode) -> list[tuple[int, Decimal]]:
    """Time in ms and the profit so far, a point each settled position."""
    total, points = Decimal(0), []
    settled = [row for row in rows if row.mode is mode and row.profit is not None and row.settled_ms is not None]
    for row in sorted(settled, key=lambda row: row.settled_ms or 0):
        total += row.profit or 0
        points.append((row.settled_ms or 0, total))
    return points


class Hops(msgspec.Struct, frozen=True):
    """Milliseconds of one order: hub to this computer, here until it was submitted, at the exchange."""

    order_id: int
    to_here: int
    here: int | None
    at_exchange: int | None


def hops(row: Row) -> Hops:
    """How long each part of the way took."""
    here = None if row.submitted_ms is None else max(0, row.submitted_ms - row.received_ms)
    is_answered = row.submitted_ms is not None and row.executed_ms is not None
    there = max(0, (row.executed_ms or 0) - (row.submitted_ms or 0)) if is_answered else None
    return Hops(row.order.id, max(0, row.received_ms - row.order.created_ms), here, there)
