"""Why a command could not be done: each error with its exit code and what to do next.

Imports nothing of ours. The invariant: an error that a person can meet is one of these, and carries no secret.
"""

import re
from collections.abc import Sequence

REFUSED = 1
USAGE = 2
OUT_OF_REACH = 3


class CommandError(Exception):
    """Base: `str(error)` says what happened, `advice` what to do next (may be empty).

    `more` are further lines where several things are wrong at once. `code` and `field` are for programs.
    """

    exit_code = REFUSED
    code = "refused"

    def __init__(self, message: str, advice: str = "", more: Sequence[str] = (), field: str | None = None) -> None:
        super().__init__(message)
        self.advice = advice
        self.more = more
        self.field = field or field_of(message)


def field_of(message: str) -> str | None:
    """The hub's refusals begin with the field: `order_id: takes a number`."""
    named = re.match(r"([a-z_]+): ", message)
    return named and named[1]


class Refused(CommandError):
    """The hub answered no. `status` is the HTTP status."""

    def __init__(self, message: str, advice: str = "", status: int = 0, field: str | None = None) -> None:
        super().__init__(message, advice, field=field)
        self.status = status


class NotFinished(CommandError):
    """What was waited for did not happen in the time given."""

    code = "not_finished"


class Misused(CommandError):
    """The command or the settings cannot mean anything: the caller's to mend."""

    exit_code = USAGE
    code = "usage"


class OutOfReach(CommandError):
    """No hub answered, or what answered is no hub. Whether the request was done is not known."""

    exit_code = OUT_OF_REACH
    code = "out_of_reach"
