"""What a person may type, turned into what the hub takes: symbols, directions, increments, points in time.

Imported by the commands. The invariant: what leaves here has the hub's spelling; what can't be meant is a
usage error that says what is taken.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from hub.language import _
from protocol.messages import DIRECTIONS, INCREMENTS

SHORT_INCREMENTS = dict(zip(("10m", "30m", "1h", "1d"), INCREMENTS, strict=True))
SHORT_DIRECTIONS = {direction[0].lower(): direction for direction in DIRECTIONS}
SPANS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}

INCREMENT_HELP = ", ".join(f"{name} ({short})" for short, name in SHORT_INCREMENTS.items())

AsJson = Annotated[bool, typer.Option("--json", help=_("Print the hub's data as JSON."))]
Page = Annotated[int, typer.Option(min=1, help=_("Which page of the list."))]
PageSize = Annotated[int, typer.Option(min=1, max=100, help=_("Rows a page."))]


def example(command: str) -> str:
    """The last line of a command's help."""
    return _("Example: {command}").format(command=command)


def symbol(text: str) -> str:
    """`btcusdt` is BTCUSDT."""
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
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            _("{text!r} is no time; takes 2027-01-31, '2027-01-31 18:00:00', 30d, 12h or never").format(text=text)
        ) from None
    return moment.isoformat(timespec="seconds") if moment.tzinfo else moment.strftime("%Y-%m-%d %H:%M:%S")


def idempotency_key(text: str | None) -> str | None:
    """A key that a header can carry."""
    if text is not None and not re.fullmatch(r"[!-~]{1,128}", text):
        raise typer.BadParameter(_("takes 1 to 128 ASCII signs without spaces"))
    return text
