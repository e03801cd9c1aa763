"""The funnel of one order. Pure: from its rows and the users without a row to counts that sum at every step.

claimed + not claimed = targeted; sent + not sent = claimed; acked + not acked = sent; all outcomes = claimed.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from hub.model.records import ACTIVE, DISABLED, Absent, AssignmentRow


class NotClaimed(msgspec.Struct, frozen=True):
    """Why targeted users have no claim. `waiting`: the window is open, they may still come."""

    not_connected: int = 0
    account_expired: int = 0
    account_disabled: int = 0
    waiting: int = 0


class Outcomes(msgspec.Struct, frozen=True):
    """Claims by what came of them; `open` is still to come."""

    success: int = 0
    failed: int = 0
    rejected: int = 0
    expired: int = 0
    unknown: int = 0
    open: int = 0


class Positions(msgspec.Struct, frozen=True):
    """How the positions of what the exchange took have ended; `open` is not known yet."""

    won: int = 0
    lost: int = 0
    tie: int = 0
    open: int = 0


class Funnel(msgspec.Struct, frozen=True):
    """How many users an order reached, step by step; `positions` of the outcome success."""

    targeted: int
    claimed: int
    not_claimed: NotClaimed
    sent: int
    not_sent: int
    acked: int
    not_acked: int
    outcomes: Outcomes
    positions: Positions = Positions()


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
        outcomes=Outcomes(**outcomes),
        positions=_positions(rows),
    )


def _positions(rows: Sequence[AssignmentRow]) -> Positions:
    """How the positions of orders that the exchange took have ended; open where no agent has said."""
    return Positions(
        **Counter((row.settlement or "open").partition(" ")[0] for row in rows if row.outcome == "success")
    )


def is_settled(counts: Funnel, is_open: bool) -> bool:
    """Nothing more is to come: every claim has an outcome, and nobody can claim any more."""
    return not counts.outcomes.open and (not is_open or counts.claimed == counts.targeted)


def _why(absent: Absent, is_open: bool) -> str:
    if absent.status == DISABLED:
        return "account_disabled"
    if absent.was_expired or absent.status != ACTIVE:
        return "account_expired"
    return "waiting" if is_open else "not_connected"
