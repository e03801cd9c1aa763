"""Whose fault it is. The environment's: `Unavailable`. The caller's: `Refusal` and its kinds, each with its status.

What is neither is a bug of ours and goes up untouched. Everything in the hub may import this; the answers that
people see are made from these in one table, in `hub.web.envelope`.
"""

from typing import Final, Literal

Reason = Literal[
    "bad_request", "unauthorized", "forbidden", "not_found", "conflict", "too_large", "invalid", "too_many"
]

STATUS: Final[dict[Reason, int]] = {
    "bad_request": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "not_found": 404,
    "conflict": 409,
    "too_large": 413,
    "invalid": 422,
    "too_many": 429,
}


class Unavailable(Exception):
    """The database or Redis is out of reach. Nothing was stored, or it can be asked again with the same key."""

    def __init__(self, what: str, why: object) -> None:
        super().__init__(f"{what} is out of reach: {why}")
        self.what = what


class Refusal(Exception):
    """The caller cannot have this; the text is for people and is shown as it stands."""

    def __init__(self, reason: Reason, message: str, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retry_after_s = retry_after_s

    @property
    def status(self) -> int:
        return STATUS[self.reason]
