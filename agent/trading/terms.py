"""What the trader puts up for an order: read anew before each one, since a person changes it while the agent runs.

The invariant: what is approved is exactly what is submitted, stake and ratio.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Protocol

import msgspec

from agent.model import limits
from agent.model.engine import Refused
from agent.model.limits import Case
from agent.model.rules import Rules
from agent.model.tally import Tally
from protocol.messages import Increment, Order


class Approved(msgspec.Struct, frozen=True):
    """An order may be submitted with this stake in USDT and at this ratio: profit per unit of stake."""

    stake: Decimal
    ratio: Decimal


class Terms(Protocol):
    """Where stake, ratio and limits come from."""

    def of(self, order: Order) -> Approved | Refused:
        """What holds for this order at this moment; called again right before it is submitted. Must not wait."""
        ...


class FixedTerms(msgspec.Struct, frozen=True):
    """One stake for every order, whatever there was before."""

    stake: Decimal
    payouts: Mapping[Increment, Decimal]
    limits: Rules

    def of(self, order: Order) -> Approved | Refused:
        """What the settings say of this order."""
        ratio = self.payouts[order.time_increments]
        refused = limits.check(Case(self.limits, self.stake, Tally(), order.created_ms, order, ratio))
        return refused or Approved(self.stake, ratio)
