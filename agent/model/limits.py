"""PURE: the trader's own limits. They refuse with a reason, as a value; they never change a stake.

The invariant: what passes has an allowed symbol and a stake of whole steps within bounds.
"""

from decimal import Decimal

import msgspec

from agent.model.engine import Refused
from agent.model.reasons import Reason
from protocol.messages import Order


class Limits(msgspec.Struct, frozen=True):
    """Stakes in USDT, both bounds included; symbols in capitals."""

    min_stake: Decimal
    max_stake: Decimal
    symbols: frozenset[str]
    step: Decimal = Decimal(1)


def check_stake(limits: Limits, stake: Decimal) -> Refused | None:
    """None if the stake is allowed."""
    if not stake.is_finite() or stake <= 0:
        return _refused("stake_not_positive", stake=stake)
    if stake % limits.step:
        return _refused("step", stake=stake, step=limits.step)
    if stake < limits.min_stake:
        return _refused("min_stake", stake=stake, min=limits.min_stake)
    if stake > limits.max_stake:
        return _refused("max_stake", stake=stake, max=limits.max_stake)
    return None


def check_symbol(limits: Limits, symbol: str) -> Refused | None:
    """None if the symbol is allowed."""
    if symbol in limits.symbols:
        return None
    return _refused("symbols", symbol=symbol, symbols=", ".join(sorted(limits.symbols)) or "none")


def check(limits: Limits, order: Order, stake: Decimal) -> Refused | None:
    """None if this order may be placed with this stake."""
    return check_symbol(limits, order.symbol_name) or check_stake(limits, stake)


def _refused(limit: str, **facts: object) -> Refused:
    return Refused(Reason(f"limit.{limit}", {name: str(value) for name, value in facts.items()}))
