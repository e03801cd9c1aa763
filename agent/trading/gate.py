"""Whether an order may go to the exchange now: cancels, the halt, the trader's limits, the trader, the window.

Only the executor uses it. The invariant: what it lets through was allowed at that very moment, by everything the
hub has said so far, and in window by the hub's clock.
"""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal

from agent.link.hub_time import HubClock
from agent.model import engine, limits
from agent.model.engine import Refused
from agent.model.limits import Limits
from agent.trading.journal import Journal
from protocol.messages import Order

Decide = Callable[[Order], Awaitable[Refused | None]]


async def agree(_order: Order) -> Refused | None:
    """The decision of a trader who wants every order: yes."""
    return None


class Gate:
    """`decide` asks the trader, who may take as long as the window is open."""

    def __init__(
        self, journal: Journal, hub_clock: HubClock, bounds: Limits, stake: Decimal, decide: Decide = agree
    ) -> None:
        self._journal = journal
        self._hub_clock = hub_clock
        self._bounds = bounds
        self._stake = stake
        self._decide = decide
        self._cancelled: dict[int, str] = {}

    def cancel(self, order_id: int, reason: str) -> None:
        """Let this one through no more, also if it comes only later."""
        self._cancelled[order_id] = reason

    async def ask(self, order: Order) -> Refused | None:
        """Everything that may refuse; asked again after the trader, since much may have happened meanwhile."""
        refused = self._refuse(order)
        if refused is not None:
            return refused
        try:
            async with asyncio.timeout((order.expires_ms - self._hub_clock.now().ms) / 1000):
                refused = await self._decide(order)
        except TimeoutError:
            return None  # nobody decided in time: the window says the rest
        return refused or self._refuse(order)

    def is_in_window(self, order: Order) -> bool:
        """Whether it is in time for certain."""
        now = self._hub_clock.now()
        return engine.may_submit(now.ms, now.uncertainty_ms, order.expires_ms)

    def _refuse(self, order: Order) -> Refused | None:
        reason = self._cancelled.get(order.id)
        if reason is not None:
            return Refused(reason)
        halting = self._journal.halting
        if halting.reason is not None:
            return Refused(f"halted: {halting.reason}")
        return limits.check(self._bounds, order, self._stake)
