"""What every driver can do. The executor knows no more than this.

Drivers import it and the engine's answers. The invariant of every driver: `submit` sends a request at most once, and
answers `Ambiguous` whenever the request may have left and the answer did not come.
"""

from decimal import Decimal
from typing import Protocol

from agent.model.engine import Answer, Refused, Settlement, Submitted
from protocol.messages import Order


class Driver(Protocol):
    """An exchange account of one trader."""

    name: str

    async def submit(self, order: Order, stake: Decimal, payout_ratio: Decimal) -> Answer:
        """Place it, once. `stake` in USDT, `payout_ratio` is profit per unit of stake."""
        ...

    async def find(self, order: Order) -> Submitted | Refused | None:
        """What became of an order that may have been submitted before; None if the exchange can't tell."""
        ...

    async def settle(self, order: Order, exchange_order_id: str) -> Settlement | None:
        """Wait until the position has ended; None if the exchange can't tell how. Safe to cancel and call again."""
        ...

    def close(self) -> None:
        """Give files and connections back."""
        ...
