"""PURE: the trader's rules: what they are called, how their values are written, and which of two is the stricter.

The invariants: a value that is not understood is refused with what the rule takes, never guessed; writing a value and
reading it again gives the same value. A rule that is None does not bind.
"""

import re
from collections.abc import Callable, Mapping
from datetime import tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any, Final, get_args
from zoneinfo import ZoneInfo

import msgspec

from agent.model.reasons import N_
from protocol.messages import INCREMENTS, Direction, Increment

OFF: Final = "off"
DEFAULT_STEP: Final = Decimal(1)
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
STAKE: Final = "stake"

Span = tuple[int, int]
"""From one minute of the day to another, the second excluded; over midnight where it is the smaller one."""


class Rules(msgspec.Struct, frozen=True):
    """Stakes, losses and profits in USDT. `stakes` by SYMBOL.INCREMENT, SYMBOL, INCREMENT, or "" for every order."""

    min_stake: Decimal | None = None
    max_stake: Decimal | None = None
    symbols: frozenset[str] | None = None
    step: Decimal | None = None
    stakes: Mapping[str, Decimal] = msgspec.field(default_factory=dict)
    increments: frozenset[Increment] | None = None
    directions: frozenset[Direction] | None = None
    min_payout: Decimal | None = None
    orders_per_hour: int | None = None
    orders_per_day: int | None = None
    open_positions: int | None = None
    stake_per_day: Decimal | None = None
    loss_per_day: Decimal | None = None
    losses_in_a_row: int | None = None
    pause_minutes: int | None = None
    gap_s: int | None = None
    quiet_hours: tuple[Span, ...] | None = None
    weekdays: frozenset[int] | None = None
    profit_per_day: Decimal | None = None
    fall_from_peak: Decimal | None = None
    max_move: Decimal | None = None
    timezone: str | None = None

    @property
    def zone(self) -> tzinfo | None:
        """The trader's zone; None is the computer's."""
        return None if self.timezone is None else ZoneInfo(self.timezone)


class BadRule(ValueError):
    """A rule that does not exist, or a value that it does not take. `takes` is a text for the catalogues."""

    def __init__(self, key: str, takes: str) -> None:
        super().__init__(f"{key}: {takes}")
        self.key = key
        self.takes = takes


class Kind(msgspec.Struct, frozen=True):
    """How the values of a rule are written. `parse` raises ValueError."""

    takes: str
    parse: Callable[[str], Any]
    write: Callable[[Any], str] = str


def _amount(text: str) -> Decimal:
    value = Decimal(text)
    if not value.is_finite() or value <= 0 or value >= 10**12 or value != round(value, 8):
        raise ValueError(text)
    return value


def _count(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 1_000_000:
        raise ValueError(text)
    return value


def _words(allowed: tuple[str, ...]) -> Callable[[str], frozenset[str]]:
    def parse(text: str) -> frozenset[str]:
        words = frozenset(word.strip().upper() for word in text.split(","))
        if not words <= set(allowed):
            raise ValueError(text)
        return words

    return parse


def _symbols(text: str) -> frozenset[str]:
    words = frozenset(word.strip().upper() for word in text.split(","))
    if not all(re.fullmatch("[A-Z0-9]{5,20}", word) for word in words):
        raise ValueError(text)
    return words


def _spans(text: str) -> tuple[Span, ...]:
    return tuple(_span(span) for span in text.split(","))


def _span(text: str) -> Span:
    begin, _, end = text.partition("-")
    span = _minute(begin), _minute(end) % (24 * 60)
    if span[0] == span[1]:
        raise ValueError(text)
    return span


def _minute(text: str) -> int:
    found = re.fullmatch(r"(\d{1,2}):(\d\d)", text.strip())
    if found is None or int(found[2]) > 59 or int(found[1]) * 60 + int(found[2]) > 24 * 60:
        raise ValueError(text)
    return int(found[1]) * 60 + int(found[2])


def _write_spans(spans: tuple[Span, ...]) -> str:
    return ",".join("-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in span) for span in spans)


def _weekdays(text: str) -> frozenset[int]:
    return frozenset(day for part in text.lower().split(",") for day in _weekday_range(part.strip()))


def _weekday_range(text: str) -> list[int]:
    first, dash, last = text.partition("-")
    begin = WEEKDAYS.index(first.strip())
    length = (WEEKDAYS.index(last.strip()) - begin) % 7 + 1 if dash else 1
    return [(begin + day) % 7 for day in range(length)]


def _zone(text: str) -> str:
    try:
        return str(ZoneInfo(text).key)
    except (OSError, KeyError) as error:  # ZoneInfoNotFoundError is a KeyError; a folder's name is an OSError
        raise ValueError(text) from error


def _write_amount(amount: Decimal) -> str:
    return f"{amount.normalize():f}"


def _write_words(words: frozenset[str]) -> str:
    return ",".join(sorted(words))


def _write_weekdays(days: frozenset[int]) -> str:
    return ",".join(WEEKDAYS[day] for day in sorted(days))


_AMOUNT: Final = Kind(N_("an amount over 0, like 5 or 7.5"), _amount, _write_amount)
_COUNT: Final = Kind(N_("a whole number from 1 on"), _count)

KINDS: Final[dict[str, Kind]] = {
    "min_stake": _AMOUNT,
    "max_stake": _AMOUNT,
    "step": _AMOUNT,
    "symbols": Kind(N_("symbols, like BTCUSDT,ETHUSDT"), _symbols, _write_words),
    "increments": Kind(
        N_("some of TEN_MINUTE,THIRTY_MINUTE,ONE_HOUR,ONE_DAY"), _words(get_args(Increment)), _write_words
    ),
    "directions": Kind(N_("LONG, SHORT or LONG,SHORT"), _words(get_args(Direction)), _write_words),
    "min_payout": Kind(N_("a ratio over 0, like 0.80"), _amount),
    "orders_per_hour": _COUNT,
    "orders_per_day": _COUNT,
    "open_positions": _COUNT,
    "stake_per_day": _AMOUNT,
    "loss_per_day": _AMOUNT,
    "losses_in_a_row": _COUNT,
    "pause_minutes": _COUNT,
    "gap_s": _COUNT,
    "quiet_hours": Kind(N_("times of the day, like 22:00-06:00 or 12:00-13:00,18:00-20:00"), _spans, _write_spans),
    "weekdays": Kind(N_("days to trade on, like mon-fri or mon,wed,sun"), _weekdays, _write_weekdays),
    "profit_per_day": _AMOUNT,
    "fall_from_peak": _AMOUNT,
    "max_move": Kind(N_("per cent over 0, like 0.2"), _amount, _write_amount),
    "timezone": Kind(N_("a time zone, like Asia/Shanghai"), _zone),
}
"""Every rule but the stakes."""

UNKNOWN_RULE: Final = N_("there is no such rule; agent limits show names them all")
STAKE_KEYS: Final = N_("stake, stake.SYMBOL, stake.INCREMENT or stake.SYMBOL.INCREMENT")


def kind_of(key: str) -> Kind:
    """How the values of this rule are written. Raises BadRule."""
    name, _, part = key.partition(".")
    if name == STAKE:
        if part and not _is_stake_part(part):
            raise BadRule(key, STAKE_KEYS)
        return _AMOUNT
    if key not in KINDS:
        raise BadRule(key, UNKNOWN_RULE)
    return KINDS[key]


def _is_stake_part(part: str) -> bool:
    first, dot, second = part.partition(".")
    is_symbol = re.fullmatch("[A-Z0-9]{5,20}", first) is not None
    return (is_symbol and second in INCREMENTS) if dot else (is_symbol or first in INCREMENTS)


def canonical(key: str, text: str) -> str | None:
    """A value in its one spelling; None for `off`. Raises BadRule."""
    kind, text = kind_of(key), text.strip()
    if text.lower() == OFF:
        return None
    try:
        return kind.write(kind.parse(text))
    except (ValueError, InvalidOperation):
        raise BadRule(key, kind.takes) from None


def rules_of(texts: Mapping[str, str]) -> Rules:
    """The rules that are kept as texts. Raises BadRule: what a newer version wrote must not be passed over."""
    values: dict[str, Any] = {}
    stakes: dict[str, Decimal] = {}
    for key, text in texts.items():
        kind = kind_of(key)
        try:
            value = kind.parse(text)
        except (ValueError, InvalidOperation):
            raise BadRule(key, kind.takes) from None
        if key.partition(".")[0] == STAKE:
            stakes[key.partition(".")[2]] = value
        else:
            values[key] = value
    return Rules(**values, stakes=stakes)


def written(rules: Rules, key: str) -> str | None:
    """The value of a rule as a text; None where it does not bind."""
    if key.partition(".")[0] == STAKE:
        value: Any = rules.stakes.get(key.partition(".")[2])
    else:
        value = getattr(rules, key)
    return None if value is None else kind_of(key).write(value)


def stricter(settings: Rules, own: Rules) -> Rules:
    """What holds where settings and own rules both bound. A stake of one's own takes the place of the settings'."""
    return msgspec.structs.replace(
        own,
        min_stake=_pick(max, settings.min_stake, own.min_stake),
        max_stake=_pick(min, settings.max_stake, own.max_stake),
        symbols=_pick(frozenset.intersection, settings.symbols, own.symbols),
        stakes={**settings.stakes, **own.stakes},
    )


def _pick(of_two: Callable[[Any, Any], Any], first: Any, second: Any) -> Any:
    if first is None or second is None:
        return first if second is None else second
    return of_two(first, second)


def is_looser(key: str, old: str | None, new: str | None) -> bool:
    """Whether a change of a loss limit lets more through. No pause is the strictest: one waits for the next day."""
    if old == new:
        return False
    if key == "timezone":
        return True  # it moves the border between two days
    if key == "pause_minutes":
        return new is not None and (old is None or int(new) < int(old))
    return old is not None and (new is None or Decimal(new) > Decimal(old))


LOSS_RULES: Final = ("loss_per_day", "fall_from_peak", "losses_in_a_row")
"""Limits that cannot be loosened on the day on which they were hit."""

LOCKED_WITH: Final[dict[str, tuple[str, ...]]] = {
    **{rule: (rule,) for rule in LOSS_RULES},
    "pause_minutes": ("losses_in_a_row",),
    "timezone": LOSS_RULES,
}
"""Which hit limits lock a rule."""
