"""Times as HTTP shows and takes them, in the configured zone. Inside, times are milliseconds."""

from datetime import datetime
from zoneinfo import ZoneInfo

from hub.errors import Refusal
from hub.model.bodies import TIME_TAKES

FORMAT = "%Y-%m-%d %H:%M:%S"
FIRST_YEAR, LAST_YEAR = 1971, 9990


class Times:
    """Between epoch milliseconds and text."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone

    def show(self, at_ms: int | None) -> str | None:
        """`YYYY-MM-DD HH:MM:SS`, cut to the second."""
        return None if at_ms is None else self.text(at_ms)

    def text(self, at_ms: int) -> str:
        """The same of a time that is there."""
        return datetime.fromtimestamp(at_ms // 1_000, self._zone).strftime(FORMAT)

    def read(self, field: str, text: str | None) -> int | None:
        """Epoch milliseconds. Refuses 422 with the field's name."""
        if text is None:
            return None
        try:
            at = datetime.strptime(text, FORMAT).replace(tzinfo=self._zone)
        except ValueError:
            at = _with_offset(field, text)
        if not FIRST_YEAR <= at.year <= LAST_YEAR:
            raise Refusal("invalid", f"{field}: takes a time from {FIRST_YEAR} to {LAST_YEAR}")
        return round(at.timestamp() * 1_000)


def _with_offset(field: str, text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Refusal("invalid", f"{field}: takes {TIME_TAKES}")
    return at
