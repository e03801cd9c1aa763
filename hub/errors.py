"""Whose fault it is. The environment's: `Unavailable`. The caller's: `Refusal` and its kinds, each with its status.

What is neither is a bug of ours and goes up untouched.

    Unavailable     a store did not do what it was asked: refused, late, broken, or not what it says it is
      Unfit         the same of a store that answers, and will not before somebody changes its settings or ours
      InDoubt       the same at a COMMIT: it may or may not stand
    Rejected        the database understood and said no to these values: a duplicate, a row that is gone
    Refusal         the caller cannot have this; shown as it stands
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
    """A store is out of reach, or answers as it should not. Nothing was stored."""

    def __init__(self, what: str, why: object) -> None:
        super().__init__(f"{what} is out of reach: {why}")
        self.what = what
        self.why = str(why)


Fault = Literal[
    "login", "host", "database", "rights", "read_only", "tls", "no_tls", "certificate", "stranger", "cluster", "old"
]
"""What is wrong with a store that answers."""


class Unfit(Unavailable):
    """Waiting mends nothing; `fault` says what would have to change."""

    def __init__(self, what: str, why: object, fault: Fault) -> None:
        super().__init__(what, why)
        self.fault = fault


class InDoubt(Unavailable):
    """The connection broke at a COMMIT: what was to be stored may stand or not. `key`: by which it can be asked."""

    def __init__(self, what: str, why: object, key: str | None = None) -> None:
        super().__init__(what, why)
        self.key = key


class Rejected(Exception):
    """A row that the database does not take: a duplicate key, a row it belongs to that is gone, a value too long."""


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
