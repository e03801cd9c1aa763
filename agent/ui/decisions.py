"""The trader's decision about an order, as the window has it: yes, ask, or no.

The invariant: nothing but a person's yes places an order that was asked about, and while placing is paused nothing is
placed, whatever was answered before.
"""

from agent.model.engine import Refused
from agent.model.reasons import Reason
from agent.trading.questions import Questions
from agent.trading.terms import Approved
from agent.ui.state import Placing
from protocol.messages import Order

PAUSED = Refused(Reason("paused", {"reason": "-"}))


class Decisions:
    """`decide` is the gate's; `questions` come with the agent that asks them."""

    def __init__(self, placing: Placing) -> None:
        self.placing = placing
        self.questions: Questions | None = None

    async def decide(self, order: Order, approved: Approved) -> Refused | None:
        """What the person wants of this order now; None is yes."""
        if self.placing is Placing.CONFIRM and self.questions is not None:
            refused = await self.questions.ask(order, approved)
            return refused or (PAUSED if self._is_paused() else None)
        return None if self.placing is Placing.AUTO else PAUSED

    def _is_paused(self) -> bool:
        return self.placing is Placing.PAUSED

    def answer(self, order_id: int, is_yes: bool) -> bool:
        """The person's word; whether anybody was still waiting for it."""
        return self.questions is not None and self.questions.answer(order_id, is_yes)
