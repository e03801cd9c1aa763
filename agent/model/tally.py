"""PURE: what a trader's orders of one mode come to today, by the hub's clock and in the trader's zone.

The invariant: what is not known counts as the worst. An order under way, an open position and an `unknown` are spent
and may be lost, and so may a stake whose gain or tie is only estimated; what lies in the future (a clock was set back)
counts as today's; a gain counts once it is confirmed.
"""

from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import Final

import msgspec

from agent.model import trading_day
from agent.model.engine import Entry, Mode, SettledAs
from agent.model.rules import Rules
from protocol.messages import INCREMENT_SECONDS

HOUR_MS: Final = 3_600_000
OLD_MS: Final = 48 * HOUR_MS
"""What ended so long ago is of no day that is today's anywhere."""
NOTHING: Final = Decimal(0)


class Fact(msgspec.Struct, frozen=True):
    """An order that was, or may have been, submitted. Times in ms on the hub's clock, `placed_ms` at most `ends_ms`;
    `result` None while not known."""

    order_id: int
    mode: Mode
    stake: Decimal
    placed_ms: int
    ends_ms: int
    result: SettledAs | None = None
    is_confirmed: bool = False
    profit: Decimal = NOTHING


class Tally(msgspec.Struct, frozen=True):
    """`loss`: today's losses less today's confirmed gains; `at_risk`: the stakes that may still be lost.

    `fall`: how far today's profit is under its highest, which is 0 at least; a gain that is only estimated is none.
    """

    orders_in_hour: int = 0
    orders_today: int = 0
    open_positions: int = 0
    stake_today: Decimal = NOTHING
    loss: Decimal = NOTHING
    at_risk: Decimal = NOTHING
    profit: Decimal = NOTHING
    fall: Decimal = NOTHING
    losses_in_a_row: int = 0
    may_be_losses: int = 0
    last_loss_ms: int | None = None
    last_placed_ms: int | None = None


def fact_of(entry: Entry) -> Fact | None:
    """What an entry of the journal counts as; None where nothing was spent."""
    if entry.stake is None or entry.submitted_ms is None or entry.outcome in ("failed", "rejected", "expired"):
        return None
    return Fact(
        order_id=entry.order.id,
        mode=entry.mode,
        stake=entry.stake,
        placed_ms=entry.submitted_ms,
        ends_ms=_ends_ms(entry, entry.submitted_ms),
        result=entry.result,
        is_confirmed=entry.source == "confirmed",
        profit=entry.profit or NOTHING,
    )


def tally(facts: Iterable[Fact], mode: Mode, now_ms: int, rules: Rules) -> Tally:
    """What it comes to at this moment. One pass: it stands between an order's frame and its request."""
    begin, end = trading_day.start_ms(now_ms, rules.zone), trading_day.next_start_ms(now_ms, rules.zone)
    hour_ms = now_ms - HOUR_MS
    in_hour = today = positions = may_be_losses = 0
    stake = at_risk = NOTHING
    last_ms: int | None = None
    known = []
    for fact in facts:
        if fact.mode is not mode:
            continue
        placed_ms, ends_ms = fact.placed_ms, fact.ends_ms
        in_hour += placed_ms > hour_ms
        if last_ms is None or placed_ms > last_ms:
            last_ms = placed_ms
        if fact.result is not None:
            known.append(fact)
        elif ends_ms > now_ms:
            positions += 1
        if ends_ms < begin:
            continue
        if placed_ms >= begin:
            today += 1
            stake += fact.stake
        if _may_be_lost(fact):
            may_be_losses += 1
            at_risk += fact.stake
    todays = [fact for fact in known if fact.ends_ms >= begin]
    settled = sorted((fact for fact in todays if not _is_gain_after(fact, end)), key=_by_end)
    losses, last_loss_ms = _in_a_row(known if rules.pause_minutes else todays)
    return Tally(
        orders_in_hour=in_hour,
        orders_today=today,
        open_positions=positions,
        stake_today=stake,
        loss=max(NOTHING, -_sum(_counted(fact, begin) for fact in settled)),
        at_risk=at_risk,
        profit=_sum(fact.profit for fact in settled),
        fall=_fall(settled),
        losses_in_a_row=losses,
        may_be_losses=may_be_losses,
        last_loss_ms=last_loss_ms,
        last_placed_ms=last_ms,
    )


def counting(facts: Collection[Fact], now_ms: int) -> list[Fact]:
    """Those that make a difference to a tally of this moment, or of a later one: not what is old and certain, but for
    each mode's newest order and what came after its last certain gain."""
    old_ms = now_ms - OLD_MS
    newest: dict[Mode, int] = {}
    last_gain: dict[Mode, tuple[int, int]] = {}
    for fact in facts:
        newest[fact.mode] = max(fact.placed_ms, newest.get(fact.mode, fact.placed_ms))
        if fact.result == "won" and fact.is_confirmed and fact.ends_ms < old_ms:
            last_gain[fact.mode] = max(_by_end(fact), last_gain.get(fact.mode, _by_end(fact)))

    def counts(fact: Fact) -> bool:
        if fact.ends_ms >= old_ms or not fact.is_confirmed or fact.placed_ms == newest[fact.mode]:
            return True
        return fact.mode not in last_gain or _by_end(fact) >= last_gain[fact.mode]

    return [fact for fact in facts if counts(fact)]


def holds_until_ms(facts: Iterable[Fact], mode: Mode, now_ms: int, rules: Rules) -> int:
    """When the sums change though no fact does: an order's hour is over, a position ends, a day begins."""
    own = [fact for fact in facts if fact.mode is mode]
    hours = (fact.placed_ms + HOUR_MS for fact in own if fact.placed_ms > now_ms - HOUR_MS)
    ends = (fact.ends_ms for fact in own if fact.result is None and fact.ends_ms > now_ms)
    return min([trading_day.next_start_ms(now_ms, rules.zone), *hours, *ends])


def _ends_ms(entry: Entry, placed_ms: int) -> int:
    """When it ended or is to end. The wall clock of the settlement may have been set since: it is held to the term."""
    due = placed_ms + INCREMENT_SECONDS[entry.order.time_increments] * 1000
    if entry.settled_ms is None or entry.submitted_wall_ms is None:
        return due
    return max(placed_ms, min(due, placed_ms + entry.settled_ms - entry.submitted_wall_ms))


def _may_be_lost(fact: Fact) -> bool:
    """Whether its stake may yet turn out to be lost."""
    return fact.result is None or (fact.result != "lost" and not fact.is_confirmed)


def _is_gain_after(fact: Fact, end: int) -> bool:
    """A gain of a later day (a clock was set back) gives nothing to this one; a loss of a later day counts."""
    return fact.profit > 0 and fact.ends_ms >= end


def _counted(fact: Fact, begin: int) -> Decimal:
    """A loss whole; a gain only where it is certain, and the order was placed today."""
    if fact.profit <= 0:
        return fact.profit
    return fact.profit if fact.is_confirmed and fact.placed_ms >= begin else NOTHING


def _fall(settled: Iterable[Fact]) -> Decimal:
    """From the highest, 0 at least, to the end."""
    profit = peak = NOTHING
    for fact in settled:
        profit += NOTHING if _may_be_lost(fact) else fact.profit
        peak = max(peak, profit)
    return peak - profit


def _in_a_row(facts: Iterable[Fact]) -> tuple[int, int | None]:
    """Losses since the last certain win, and when the last of them ended; a tie is neither."""
    losses, last_ms = 0, None
    for fact in sorted(facts, key=_by_end, reverse=True):
        if fact.result == "won" and fact.is_confirmed:
            break
        if fact.result == "lost":
            losses, last_ms = losses + 1, last_ms or fact.ends_ms
    return losses, last_ms


def _by_end(fact: Fact) -> tuple[int, int]:
    return fact.ends_ms, fact.order_id


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, NOTHING)
