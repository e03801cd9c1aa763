"""The funnel of one order. Pure: from its rows and the users without a row to counts that sum at every step.

claimed + not claimed = targeted; sent + not sent = claimed; acked + not acked = sent; all outcomes = claimed.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from hub.model.records import ACTIVE, DISABLED, Absent, AssignmentRow
from protocol.messages import OUTCOMES


class NotClaimed(msgspec.Struct, frozen=True):
    """Why targeted users have no claim. `waiting`: the window is open, they may still come."""

    not_connected: int = 0
    account_expired: int = 0
    account_disabled: int = 0
    waiting: int = 0


class Funnel(msgspec.Struct, frozen=True):
    """How many users an order reached, step by step; `positions` of the outcome success."""

    targeted: int
    claimed: int
    not_claimed: NotClaimed
    sent: int
    not_sent: int
    acked: int
    not_acked: int
    outcomes: dict[str, int]
    positions: dict[str, int]


ENDS: Final = ("won", "lost", "tie")
"""How a position ends."""


def funnel(rows: Sequence[AssignmentRow], absent: Iterable[Absent], is_open: bool) -> Funnel:
    """`absent`: those without a row."""
    missing: Counter[str] = Counter()
    for users in absent:
        missing[_why(users, is_open)] += users.users
    sent = sum(row.was_sent for row in rows)
    acked = sum(row.acked_ms is not None for row in rows)
    outcomes: Counter[str] = Counter(row.outcome or "open" for row in rows)
    return Funnel(
        targeted=len(rows) + missing.total(),
        claimed=len(rows),
        not_claimed=NotClaimed(**missing),
        sent=sent,
        not_sent=len(rows) - sent,
        acked=acked,
        not_acked=sent - acked,
        outcomes={outcome: outcomes[outcome] for outcome in (*OUTCOMES, "open")},
        positions=_positions(rows),
    )


def _positions(rows: Sequence[AssignmentRow]) -> dict[str, int]:
    """How the positions of orders that the exchange took have ended; `open` where no agent has said."""
    ends = Counter((row.settlement or "open").partition(" ")[0] for row in rows if row.outcome == "success")
    return {end: ends[end] for end in (*ENDS, "open")}


def is_settled(counts: Funnel, is_open: bool) -> bool:
    """Nothing more is to come: every claim has an outcome, and nobody can claim any more."""
    return not counts.outcomes["open"] and (not is_open or counts.claimed == counts.targeted)


def _why(absent: Absent, is_open: bool) -> str:
    if absent.status == DISABLED:
        return "account_disabled"
    if absent.was_expired or absent.status != ACTIVE:
        return "account_expired"
    return "waiting" if is_open else "not_connected"
