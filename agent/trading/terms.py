"""What the trader puts up for an order: read anew before each one, since a person changes it while the agent runs.

The invariant: what is approved is exactly what is submitted, stake and ratio.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Final, Protocol

import msgspec

from agent.model import consent, limits
from agent.model.engine import Mode, Refused
from agent.model.events import Events, LimitReached
from agent.model.limits import Case, Move
from agent.model.reasons import Reason
from agent.model.rules import LOSS_RULES, Rules
from agent.model.tally import Tally, holds_until_ms, tally
from agent.trading.controls import Controls, ControlsBroken, Held
from agent.trading.journal import JournalBroken
from agent.trading.spent import Spent
from protocol.messages import Increment, Order

REACHED: Final = frozenset(
    f"limit.{rule}"
    for rule in (
        "orders_per_hour",
        "orders_per_day",
        "open_positions",
        "stake_per_day",
        "loss_per_day",
        "losses_in_a_row",
        "losses_in_a_row_pause",
        "profit_per_day",
        "fall_from_peak",
    )
)
"""The reasons that will refuse the next order, too."""


class Approved(msgspec.Struct, frozen=True):
    """An order may be submitted with this stake in USDT and at this ratio: profit per unit of stake."""

    stake: Decimal
    ratio: Decimal


class Terms(Protocol):
    """Where stake, ratio and limits come from."""

    def of(self, order: Order) -> Approved | Refused:
        """What holds for this order at this moment; called again right before it is submitted. Must not wait."""
        ...

    def prepare(self) -> None:
        """Do now, between two orders, what `of` can be spared."""
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

    def prepare(self) -> None:
        """Nothing is reckoned."""


class ControlledTerms:
    """Stake and ratio by the rules that hold at this moment, counted over what the journal says was spent."""

    def __init__(
        self,
        controls: Controls,
        spent: Spent,
        mode: Callable[[], Mode],
        exchange: str,
        payouts: Mapping[Increment, Decimal],
        now_ms: Callable[[], int],
        moved: Move,
        events: Events,
    ) -> None:
        self._controls = controls
        self._spent = spent
        self._mode = mode
        self._exchange = exchange
        self._payouts = payouts
        self._now_ms = now_ms
        self._moved = moved
        self._events = events
        self._told: str | None = None
        self._reckoned = Tally()
        self._reckoned_of: tuple[int, Mode, Rules] | None = None
        self._holds_ms = (0, 0)

    def of(self, order: Order) -> Approved | Refused:
        """What holds now. What cannot be read refuses; a limit that was hit is told once."""
        try:
            answer = self._answer(order, self._controls.held())
            self._note(answer)
        except (ControlsBroken, JournalBroken) as error:
            return Refused(Reason("limits.unreadable", {"why": str(error)}))
        return answer

    def _answer(self, order: Order, held: Held) -> Approved | Refused:
        if held.paused is not None:
            return Refused(Reason("paused", {"reason": held.paused}))
        off = consent.refusal(held.consent, self._exchange) if self._mode() is Mode.LIVE else None
        if off is not None:
            return Refused(off)
        stake, ratio = limits.stake_for(held.rules, order), self._payouts[order.time_increments]
        if stake is None:
            facts = {"symbol": order.symbol_name, "increment": order.time_increments}
            return Refused(Reason("limit.no_stake", facts))
        now_ms = self._now_ms()
        counted = self._counted(now_ms, held.rules)
        refused = limits.check(Case(held.rules, stake, counted, now_ms, order, ratio, self._moved))
        return refused or Approved(stake, ratio)

    def prepare(self) -> None:
        """Reckons now what the next order will ask for."""
        with suppress(ControlsBroken, JournalBroken):  # the next order says so
            self._counted(self._now_ms(), self._controls.held().rules)

    def _counted(self, now_ms: int, rules: Rules) -> Tally:
        """What the journal's facts come to; reckoned once for as long as it is the same."""
        mode, facts = self._mode(), self._spent.at(now_ms)
        of = (self._spent.version, mode, rules)
        if of != self._reckoned_of or not self._holds_ms[0] <= now_ms < self._holds_ms[1]:
            self._reckoned, self._reckoned_of = tally(facts, mode, now_ms, rules), of
            self._holds_ms = now_ms, holds_until_ms(facts, mode, now_ms, rules)
        return self._reckoned

    def _note(self, answer: Approved | Refused) -> None:
        code = answer.reason.code if isinstance(answer, Refused) else None
        if code is not None and code != self._told and isinstance(answer, Refused) and code in REACHED:
            self._events.emit(LimitReached(self._mode(), answer.reason))
            rule = code.removeprefix("limit.").removesuffix("_pause")
            if rule in LOSS_RULES:
                self._controls.note_hit(rule, self._now_ms())
        self._told = code
