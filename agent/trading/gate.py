"""Whether an order may go to the exchange now: cancels, the halt, the exchange, the terms, the trader, the window.

The invariants: what it approves was allowed at that very moment, by everything the hub has said so far and by the terms
as they then stood; what was received over an earlier connection waits until the hub has said all it knows of it; no
answer of the trader is a no, by the clock and not by a timer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from agent.drivers.base import Drivers
from agent.link.hub_time import HubClock
from agent.model import engine
from agent.model.engine import Refused
from agent.model.reasons import Reason
from agent.trading.journal import Journal
from agent.trading.terms import Approved, Terms
from agent.world import World, deadline
from protocol.messages import Order

Decide = Callable[[Order, Approved], Awaitable[Refused | None]]

LATE = Refused(Reason("window.over"))


async def agree(_order: Order, _approved: Approved) -> Refused | None:
    """The decision of a trader who wants every order: yes."""
    return None


class Gate:
    """`decide` asks the trader, who may take as long as the window is open."""

    def __init__(
        self,
        journal: Journal,
        hub_clock: HubClock,
        drivers: Drivers,
        terms: Terms,
        world: World,
        decide: Decide = agree,
    ) -> None:
        self._journal = journal
        self._hub_clock = hub_clock
        self._drivers = drivers
        self._terms = terms
        self._world = world
        self._decide = decide
        self._cancelled: dict[int, Reason] = {}
        self._held: Reason | None = None
        self._unheard: frozenset[int] = frozenset()
        self._has_heard = asyncio.Event()
        self._has_heard.set()

    def hold(self, reason: Reason | None) -> None:
        """Let nothing through for this reason; None: let through again."""
        self._held = reason

    def cancel(self, order_id: int, reason: Reason) -> None:
        """Let this one through no more, also if it comes only later."""
        self._cancelled[order_id] = reason

    def wait_for(self, order_ids: Iterable[int]) -> None:
        """Let these through only after `heard_all`: a new connection is about to say what became of them."""
        self._unheard = frozenset(order_ids)
        self._has_heard.clear()

    def heard_all(self) -> None:
        """The hub has said what it knows of the orders that were received before."""
        self._has_heard.set()

    def prepare(self) -> None:
        """At start, and when an order is over: what the next one will ask for is reckoned before it comes."""
        self._terms.prepare()

    async def ask(self, order: Order) -> Approved | Refused:
        """Everything that may refuse; asked again after the trader and after the hub's clock, since much may happen.

        Between the last check and the return nothing else runs.
        """
        approved = self._check(order)
        if isinstance(approved, Refused):
            return approved
        refused = await self._answer(order, approved)
        if refused is not None:
            return refused
        if not await self._is_up_to_date(order):
            return LATE
        after = self._check(order)
        if isinstance(after, Approved) and after != approved:
            return Refused(Reason("terms.changed"))
        return after if self.is_in_window(order) else LATE

    def is_in_window(self, order: Order) -> bool:
        """Whether it is in time for certain."""
        now = self._hub_clock.now()
        return engine.may_submit(now.ms, now.uncertainty_ms, order.expires_ms)

    async def _is_up_to_date(self, order: Order) -> bool:
        """With a fresh clock, and all that the hub had to say of this order; False once its window may be over."""
        while await self._hub_clock.freshen(order.expires_ms):
            if order.id not in self._unheard or self._has_heard.is_set():
                return True
            try:
                async with deadline(self._world, self._left_s(order)):
                    await self._has_heard.wait()
            except TimeoutError:
                return False
        return False

    def _left_s(self, order: Order) -> float:
        return (order.expires_ms - self._hub_clock.now().ms) / 1000

    async def _answer(self, order: Order, approved: Approved) -> Refused | None:
        try:
            async with deadline(self._world, self._left_s(order)):
                return await self._decide(order, approved)
        except TimeoutError:
            return Refused(Reason("unanswered"))

    def _check(self, order: Order) -> Approved | Refused:
        refused = self._cancelled.get(order.id) or self._held or self._halted() or self._drivers.refuses()
        return Refused(refused) if refused is not None else self._terms.of(order)

    def _halted(self) -> Reason | None:
        halting = self._journal.halting
        return None if halting.reason is None else Reason("halted", {"reason": halting.reason})
