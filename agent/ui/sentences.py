"""PURE: what happens with the next order, what was missed and why, and how long each part of an order's way took.

The invariant: the sentence at the top says that an order is placed only where nothing that the window knows of would
refuse it, and its mode always with it.
"""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

import msgspec

from agent.model.reasons import N_, Reason
from agent.ui.rows import Row
from agent.ui.state import Placing, View


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
        return Said(Tone.OFFLINE, N_("Nothing is placed: not connected to the hub ({lost})."), {"lost": view.lost})
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
