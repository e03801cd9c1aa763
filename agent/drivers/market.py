"""What a driver needs to know of the market: an index price now, and one at a moment.

The invariant: a price that is old or was never seen is None, never the last one known.
"""

from decimal import Decimal
from typing import Protocol

from agent.model.engine import SettledAs
from protocol.messages import Direction


class Market(Protocol):
    """Index prices by symbol, from `start` on."""

    async def start(self) -> None:
        """Begin to listen; returns at once. A second time does nothing."""
        ...

    async def close(self) -> None:
        """Stop listening."""
        ...

    def price(self, symbol: str) -> Decimal | None:
        """The index price now; None where it is not known."""
        ...

    async def at(self, symbol: str, at_ms: int) -> Decimal | None:
        """The index price at that moment (wall clock), waited for where it is to come; None where it was not seen."""
        ...


def outcome(
    direction: Direction, entry: Decimal, end: Decimal, stake: Decimal, ratio: Decimal
) -> tuple[SettledAs, Decimal]:
    """How a position ends at these index prices, and its profit over the stake: a tie gives the stake back."""
    if entry == end:
        return "tie", Decimal(0)
    is_won = (end > entry) == (direction == "LONG")
    return ("won", stake * ratio) if is_won else ("lost", -stake)
