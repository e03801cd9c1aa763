"""What a person may type, turned into what the hub takes: symbols, directions, increments, points in time.

Imported by the commands. The invariant: what leaves here has the hub's spelling; what can't be meant is a
usage error that says what is taken.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, TypeVar

import typer

from hub.language import _
from protocol.messages import DIRECTIONS, INCREMENTS

T = TypeVar("T")
SHORT_INCREMENTS = dict(zip(("10m", "30m", "1h", "1d"), INCREMENTS, strict=True))
SHORT_DIRECTIONS = {direction[0].lower(): direction for direction in DIRECTIONS}
FARTHEST_ZONE = timedelta(hours=15)
"""Zones are at most 14 hours from UTC."""
SPANS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}

INCREMENT_HELP = ", ".join(f"{name} ({short})" for short, name in SHORT_INCREMENTS.items())

AsJson = Annotated[bool, typer.Option("--json", help=_("Print the hub's data as JSON."))]
Page = Annotated[int, typer.Option(min=1, help=_("Which page of the list."))]
Limit = Annotated[int, typer.Option("--limit", "--page-size", min=1, max=500, help=_("Rows a page."))]


def part(rows: Sequence[T], page: int, limit: int | None) -> Sequence[T]:
    """A page of what is all here; without a limit there is one page."""
    size = limit or max(len(rows), 1)
    return rows[(page - 1) * size : page * size]


def example(command: str) -> str:
    """The last line of a command's help."""
    return _("Example: {command}").format(command=command)


def symbol(text: str | None) -> str | None:
    """`btcusdt` is BTCUSDT."""
    if text is None:
        return None
    if not re.fullmatch(r"[A-Z0-9]{5,20}", text.upper()):
        raise typer.BadParameter(
            _("{text!r} is no symbol; takes 5 to 20 letters and digits, such as BTCUSDT").format(text=text)
        )
    return text.upper()


def direction(text: str) -> str:
    """`long`, `l` are LONG."""
    spelled = SHORT_DIRECTIONS.get(text.lower(), text.upper())
    if spelled not in DIRECTIONS:
        raise typer.BadParameter(
            _("{text!r} is no direction; takes {known}").format(text=text, known=", ".join(DIRECTIONS))
        )
    return spelled


def increment(text: str) -> str:
    """`10m`, `ten_minute`, `ten-minute` are TEN_MINUTE."""
    spelled = SHORT_INCREMENTS.get(text.lower(), text.upper().replace("-", "_"))
    if spelled not in INCREMENTS:
        raise typer.BadParameter(_("{text!r} is no increment; takes {known}").format(text=text, known=INCREMENT_HELP))
    return spelled


def point_in_time(text: str | None) -> str | None:
    """When an account expires, as the hub takes it; None for never.

    A date and time without an offset is left so: the hub reads it in its own zone. A span counts from now.
    """
    if text is None or text.lower() == "never":
        return None
    if span := re.fullmatch(r"\+?(\d{1,5})([mhd])", text.lower()):
        return (datetime.now(UTC) + int(span[1]) * SPANS[span[2]]).isoformat(timespec="seconds")
    try:
        return _as_the_hub_takes_it(datetime.fromisoformat(text))
    except ValueError:
        raise typer.BadParameter(
            _("{text!r} is no time; takes 2027-01-31, '2027-01-31 18:00:00', 30d, 12h or never").format(text=text)
        ) from None


def moment_ago(text: str | None) -> str | None:
    """Since when, as the hub takes it. A span counts back from now."""
    if text is None:
        return None
    if span := re.fullmatch(r"(\d{1,5})([mhd])", text.lower()):
        return (datetime.now(UTC) - int(span[1]) * SPANS[span[2]]).isoformat(timespec="seconds")
    try:
        return _as_the_hub_takes_it(datetime.fromisoformat(text))
    except ValueError:
        raise typer.BadParameter(
            _("{text!r} is no time; takes 2026-11-22, '2026-11-22 18:00:00', 7d or 2h").format(text=text)
        ) from None


def is_zone_needed(moment: str) -> bool:
    """Whether it takes the hub's zone to say if this time is over."""
    at = datetime.fromisoformat(moment)
    return at.tzinfo is None and abs(at.replace(tzinfo=UTC) - datetime.now(UTC)) <= FARTHEST_ZONE


def has_passed(moment: str, offset_minutes: int) -> bool:
    """Whether a time as the hub takes it is over; without an offset of its own it is of the hub's zone."""
    at = datetime.fromisoformat(moment)
    if at.tzinfo is None:
        at = at.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))
    return at <= datetime.now(UTC)


def _as_the_hub_takes_it(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds") if moment.tzinfo else moment.strftime("%Y-%m-%d %H:%M:%S")


def idempotency_key(text: str | None) -> str | None:
    """A key that a header can carry."""
    if text is not None and not re.fullmatch(r"[!-~]{1,128}", text):
        raise typer.BadParameter(_("takes 1 to 128 ASCII signs without spaces"))
    return text


Since = Annotated[
    str | None,
    typer.Option(metavar="WHEN", callback=moment_ago, help=_("Only what was made since: 2h, 7d or 2026-11-22.")),
]
