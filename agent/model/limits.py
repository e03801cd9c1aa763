"""PURE: whether the trader's rules let an order through. They refuse with a reason, and never change a stake.

The invariant: what passes keeps every sum within its limit, also if all that is under way or unknown is lost. A stake
comes from the rules alone: never from earlier losses, never against the order's direction.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

import msgspec

from agent.model import trading_day
from agent.model.engine import Refused
from agent.model.reasons import Reason
from agent.model.rules import DEFAULT_STEP, WEEKDAYS, Rules, written
from agent.model.tally import NOTHING, Tally
from protocol.messages import Order

MINUTE_MS: Final = 60_000

Move = Callable[[Order], Decimal | None]
"""How far the index moved since the order was published, in per cent and without a sign; None where it is not known."""


class Case(msgspec.Struct, frozen=True):
    """What is to be decided: a stake in USDT, its order and ratio where there is one; `now_ms` on the hub's clock."""

    rules: Rules
    stake: Decimal
    tally: Tally
    now_ms: int
    order: Order | None = None
    ratio: Decimal | None = None
    moved: Move = lambda _order: None


def stake_for(rules: Rules, order: Order) -> Decimal | None:
    """The stake for this symbol and increment; None where the rules have none."""
    symbol, increment = order.symbol_name, order.time_increments
    keys = (f"{symbol}.{increment}", symbol, increment, "")
    return next((rules.stakes[key] for key in keys if key in rules.stakes), None)


def check(case: Case) -> Refused | None:
    """None if it may be placed; else the first rule that refuses it."""
    for rule in CHECKS.values():
        reason = rule(case)
        if reason is not None:
            return Refused(reason)
    return None


def check_stake(rules: Rules, stake: Decimal) -> Refused | None:
    """None if the stake is a whole number of steps within the bounds."""
    case = Case(rules, stake, Tally(), 0)
    reason = next(filter(None, (CHECKS[name](case) for name in ("step", "min_stake", "max_stake"))), None)
    return None if reason is None else Refused(reason)


def paused_until_ms(case: Case) -> int | None:
    """When the pause after losses in a row is over; None where there is none."""
    rules, tally = case.rules, case.tally
    if rules.losses_in_a_row is None or tally.losses_in_a_row < rules.losses_in_a_row or tally.last_loss_ms is None:
        return None
    if rules.pause_minutes is None:
        return trading_day.next_start_ms(case.now_ms, rules.zone)
    until = tally.last_loss_ms + rules.pause_minutes * MINUTE_MS
    return until if case.now_ms < until else None


def _reason(limit: str, **facts: object) -> Reason:
    return Reason(f"limit.{limit}", {name: _text(value) for name, value in facts.items()})


def _text(value: object) -> str:
    return f"{value.normalize():f}" if isinstance(value, Decimal) and value.is_finite() else str(value)


# what the order is


def _step(case: Case) -> Reason | None:
    stake, step = case.stake, case.rules.step or DEFAULT_STEP
    if not stake.is_finite() or stake <= 0:
        return _reason("stake_not_positive", stake=stake)
    return _reason("step", stake=stake, step=step) if stake % step else None


def _min_stake(case: Case) -> Reason | None:
    least = case.rules.min_stake
    return _reason("min_stake", stake=case.stake, min=least) if least is not None and case.stake < least else None


def _max_stake(case: Case) -> Reason | None:
    most = case.rules.max_stake
    return _reason("max_stake", stake=case.stake, max=most) if most is not None and case.stake > most else None


def _symbols(case: Case) -> Reason | None:
    allowed = case.rules.symbols
    if case.order is None or allowed is None or case.order.symbol_name in allowed:
        return None
    return _reason("symbols", symbol=case.order.symbol_name, symbols=", ".join(sorted(allowed)) or "none")


def _increments(case: Case) -> Reason | None:
    allowed = case.rules.increments
    if case.order is None or allowed is None or case.order.time_increments in allowed:
        return None
    return _reason("increments", increment=case.order.time_increments, increments=", ".join(sorted(allowed)))


def _directions(case: Case) -> Reason | None:
    allowed = case.rules.directions
    if case.order is None or allowed is None or case.order.direction in allowed:
        return None
    return _reason("directions", direction=case.order.direction, directions=", ".join(sorted(allowed)))


def _min_payout(case: Case) -> Reason | None:
    least = case.rules.min_payout
    if least is None or case.ratio is None or case.ratio >= least:
        return None
    return Reason("limit.min_payout", {"ratio": str(case.ratio), "min": str(least)})


# when it is


def _weekdays(case: Case) -> Reason | None:
    allowed = case.rules.weekdays
    if allowed is None:
        return None
    today = trading_day.local(case.now_ms, case.rules.zone).weekday()
    if today in allowed:
        return None
    return _reason("weekdays", day=WEEKDAYS[today], days=written(case.rules, "weekdays"))


def _quiet_hours(case: Case) -> Reason | None:
    if case.rules.quiet_hours is None:
        return None
    minute = trading_day.minute_of_day(case.now_ms, case.rules.zone)
    for begin, end in case.rules.quiet_hours:
        is_quiet = begin <= minute < end if begin < end else minute >= begin or minute < end
        if is_quiet:
            return _reason("quiet_hours", hours=written(case.rules, "quiet_hours"))
    return None


def _gap_s(case: Case) -> Reason | None:
    gap, last_ms = case.rules.gap_s, case.tally.last_placed_ms
    if gap is None or last_ms is None or case.now_ms - last_ms >= gap * 1000:
        return None
    return _reason("gap_s", seconds=max(0, (case.now_ms - last_ms) // 1000), min=gap)


# what there was


def _losses_in_a_row(case: Case) -> Reason | None:
    """After the pause one order at a time, until one is won."""
    rules, tally = case.rules, case.tally
    if rules.losses_in_a_row is None:
        return None
    until = paused_until_ms(case)
    if until is not None:
        at = trading_day.local(until, rules.zone).strftime("%Y-%m-%d %H:%M")
        return _reason("losses_in_a_row_pause", used=tally.losses_in_a_row, until=at)
    before = min(tally.losses_in_a_row, rules.losses_in_a_row - 1)
    if before + tally.may_be_losses + 1 <= rules.losses_in_a_row:
        return None
    return _reason("losses_in_a_row", used=before, open=tally.may_be_losses, max=rules.losses_in_a_row)


def _count(rule: str, used: Callable[[Tally], int]) -> Callable[[Case], Reason | None]:
    def check_count(case: Case) -> Reason | None:
        most, now = getattr(case.rules, rule), used(case.tally)
        return None if most is None or now + 1 <= most else _reason(rule, used=now, max=most)

    return check_count


def _stake_per_day(case: Case) -> Reason | None:
    most, used = case.rules.stake_per_day, case.tally.stake_today
    if most is None or used + case.stake <= most:
        return None
    return _reason("stake_per_day", used=used, stake=case.stake, max=most)


def _loss_per_day(case: Case) -> Reason | None:
    return _worst(case, "loss_per_day", case.rules.loss_per_day, case.tally.loss)


def _fall_from_peak(case: Case) -> Reason | None:
    return _worst(case, "fall_from_peak", case.rules.fall_from_peak, case.tally.fall)


def _worst(case: Case, rule: str, most: Decimal | None, used: Decimal) -> Reason | None:
    at_risk = case.tally.at_risk
    if most is None or used + at_risk + case.stake <= most:
        return None
    return _reason(rule, used=used, at_risk=at_risk, stake=case.stake, max=most)


def _profit_per_day(case: Case) -> Reason | None:
    most, used = case.rules.profit_per_day, case.tally.profit
    return _reason("profit_per_day", used=used, max=most) if most is not None and used >= most > NOTHING else None


def _max_move(case: Case) -> Reason | None:
    most = case.rules.max_move
    if case.order is None or most is None:
        return None
    moved = case.moved(case.order)
    if moved is None:
        return _reason("max_move_no_price", symbol=case.order.symbol_name, max=most)
    return _reason("max_move", moved=round(moved, 3), max=most) if moved > most else None


CHECKS: Final[Mapping[str, Callable[[Case], Reason | None]]] = {
    "symbols": _symbols,
    "increments": _increments,
    "directions": _directions,
    "step": _step,
    "min_stake": _min_stake,
    "max_stake": _max_stake,
    "min_payout": _min_payout,
    "weekdays": _weekdays,
    "quiet_hours": _quiet_hours,
    "losses_in_a_row": _losses_in_a_row,
    "gap_s": _gap_s,
    "open_positions": _count("open_positions", lambda tally: tally.open_positions),
    "orders_per_hour": _count("orders_per_hour", lambda tally: tally.orders_in_hour),
    "orders_per_day": _count("orders_per_day", lambda tally: tally.orders_today),
    "stake_per_day": _stake_per_day,
    "loss_per_day": _loss_per_day,
    "fall_from_peak": _fall_from_peak,
    "profit_per_day": _profit_per_day,
    "max_move": _max_move,
}
"""Each rule by its name, in the order in which they are asked."""
