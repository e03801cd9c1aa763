"""PURE: the trader's day: its begin and its end in the trader's own zone, also where summer time begins or ends.

The invariant: a day begins at its first moment, whatever the clocks on the wall do in that night, so that no order
falls between two days. A zone of None is the computer's.
"""

from datetime import date, datetime, time, timedelta, tzinfo


def local(ms: int, zone: tzinfo | None) -> datetime:
    """What the trader's clock shows. Naive where the zone is the computer's."""
    return datetime.fromtimestamp(ms / 1000, zone)


def start_ms(ms: int, zone: tzinfo | None) -> int:
    """When the day of this moment began."""
    return _begins(local(ms, zone).date(), zone)


def next_start_ms(ms: int, zone: tzinfo | None) -> int:
    """When the next day begins."""
    return _begins(local(ms, zone).date() + timedelta(days=1), zone)


def minute_of_day(ms: int, zone: tzinfo | None) -> int:
    """Minutes since midnight, as the clock shows them."""
    shown = local(ms, zone)
    return shown.hour * 60 + shown.minute


def _begins(day: date, zone: tzinfo | None) -> int:
    """The first of two midnights; where midnight is skipped, the moment of the change."""
    return round(datetime.combine(day, time(), zone).timestamp() * 1000)
