"""How far the index moved since an order was published, as the rule `max_move` asks it.

The invariant: a price that is not known is None, and the stream is begun by the first question.
"""

import asyncio
from decimal import Decimal
from typing import Protocol

from protocol.messages import Order


class Prices(Protocol):
    """An index-price stream that remembers."""

    async def start(self) -> None:
        """Begin to listen; a second time does nothing."""
        ...

    def moved(self, symbol: str, since_ms: int) -> Decimal | None:
        """The move since then, in per cent and without a sign; None where it is not known."""
        ...


class Moves:
    """Answers `limits.Move`."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices
        self._start: asyncio.Task[None] | None = None

    def of(self, order: Order) -> Decimal | None:
        """None also where nobody has listened yet."""
        if self._start is None:
            self._start = asyncio.get_running_loop().create_task(self._prices.start())
        return self._prices.moved(order.symbol_name, order.created_ms)
