"""PURE: the trader's own limits. They refuse with a reason, as a value; they never change a stake.

Anybody may import it. The invariant: what passes has an allowed symbol and a stake of whole steps within bounds.
"""

from decimal import Decimal

import msgspec

from agent.model.engine import Refused
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
        return Refused(f"stake {stake} is not a positive amount")
    if stake % limits.step:
        return Refused(f"stake {stake} is not a multiple of {limits.step}")
    if stake < limits.min_stake:
        return Refused(f"stake {stake} is under the minimum of {limits.min_stake}")
    if stake > limits.max_stake:
        return Refused(f"stake {stake} is over the maximum of {limits.max_stake}")
    return None


def check_symbol(limits: Limits, symbol: str) -> Refused | None:
    """None if the symbol is allowed."""
    if symbol in limits.symbols:
        return None
    return Refused(f"symbol {symbol} is not allowed here, only {', '.join(sorted(limits.symbols)) or 'none'}")


def check(limits: Limits, order: Order, stake: Decimal) -> Refused | None:
    """None if this order may be placed with this stake."""
    return check_symbol(limits, order.symbol_name) or check_stake(limits, stake)
