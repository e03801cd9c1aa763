"""PURE: what of each rule is used, what is left, where the rule comes from, and which would refuse the next order.

The invariant: it asks the very checks that an order is asked, so that what it shows is what will happen.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Final, Literal

import msgspec

from agent.model.limits import CHECKS, Case
from agent.model.reasons import Reason
from agent.model.rules import KINDS, Rules, written
from agent.model.tally import Tally

Origin = Literal["settings", "limits", "both", "default"]

SETTINGS: Final = {
    "min_stake": "AGENT_MIN_ORDER_AMOUNT",
    "max_stake": "AGENT_MAX_ORDER_AMOUNT",
    "symbols": "AGENT_ALLOWED_SYMBOLS",
    "stake": "AGENT_ORDER_AMOUNT",
}
"""The setting that bounds the same."""

_USED: Final[dict[str, Callable[[Tally], Decimal]]] = {
    "orders_per_hour": lambda tally: Decimal(tally.orders_in_hour),
    "orders_per_day": lambda tally: Decimal(tally.orders_today),
    "open_positions": lambda tally: Decimal(tally.open_positions),
    "stake_per_day": lambda tally: tally.stake_today,
    "loss_per_day": lambda tally: tally.loss + tally.at_risk,
    "losses_in_a_row": lambda tally: Decimal(tally.losses_in_a_row + tally.may_be_losses),
    "profit_per_day": lambda tally: tally.profit,
    "fall_from_peak": lambda tally: tally.fall + tally.at_risk,
}


class Usage(msgspec.Struct, frozen=True):
    """One rule. `value` as it holds, None where it does not bind; `used` and `left` where it counts something."""

    rule: str
    value: str | None
    origin: Origin | None
    used: Decimal | None = None
    left: Decimal | None = None
    refuses: Reason | None = None


def usage(case: Case, settings: Rules, own: Rules) -> list[Usage]:
    """Every rule, in the order in which they are asked; `case` is the next order, as far as it is known."""
    asked = [rule for rule in CHECKS if rule in KINDS]
    stakes = [f"stake.{key}".rstrip(".") for key in sorted(case.rules.stakes)]
    silent = [rule for rule in KINDS if rule not in asked]
    return [_row(rule, case, settings, own) for rule in (*stakes, *asked, *silent)]


def next_refusal(rows: list[Usage]) -> Usage | None:
    """The rule that would refuse the next order; None if none would."""
    return next((row for row in rows if row.refuses is not None), None)


def _row(rule: str, case: Case, settings: Rules, own: Rules) -> Usage:
    value = written(case.rules, rule)
    check = CHECKS.get(rule)
    refuses = None if check is None else check(case)
    count = _USED.get(rule)
    used = None if count is None else count(case.tally)
    left = None if used is None or value is None else max(Decimal(0), Decimal(value) - used)
    if rule == "step" and value is None:
        return Usage(rule, "1", "default", refuses=refuses)
    return Usage(rule, value, _origin(rule, value, settings, own), used, left, refuses)


def _origin(rule: str, value: str | None, settings: Rules, own: Rules) -> Origin | None:
    """Whose bound holds: where both are set, that of the stricter one, or both where they bind alike or together."""
    if value is None:
        return None
    of_settings, of_own = written(settings, rule), written(own, rule)
    if rule.partition(".")[0] == "stake":
        return "limits" if of_own is not None else "settings"
    if of_settings is None or of_own is None:
        return "limits" if of_settings is None else "settings"
    if value == of_settings == of_own or value not in (of_settings, of_own):
        return "both"
    return "limits" if value == of_own else "settings"
