"""Questions to the trader: asked as events, answered by whoever shows them.

The invariant: a question ends once, with an answer or with the end of its order, and every front end is told.
"""

import asyncio

from agent.model.engine import Refused
from agent.model.events import Asked, AskedOver, Events
from agent.model.reasons import Reason
from agent.trading.terms import Approved
from protocol.messages import Order


class Questions:
    """A `Decide` that waits for a person."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._open: dict[int, asyncio.Future[bool]] = {}

    async def ask(self, order: Order, approved: Approved) -> Refused | None:
        """Until somebody answers; cancelled by the caller when the window closes."""
        answer = self._open[order.id] = asyncio.get_running_loop().create_future()
        self._events.emit(Asked(order.id, order, approved.stake, approved.ratio, order.expires_ms))
        try:
            return None if await answer else Refused(Reason("person.refused"))
        finally:
            del self._open[order.id]
            self._events.emit(AskedOver(order.id))

    def answer(self, order_id: int, is_yes: bool) -> bool:
        """The person's word; whether anybody was still waiting for it."""
        answer = self._open.get(order_id)
        if answer is None or answer.done():
            return False
        answer.set_result(is_yes)
        return True
