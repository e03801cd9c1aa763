"""The codes of `error`, each with what it says about the report that it answers.

Both sides read this one table: the hub picks a code, the agent only reads `report`. The invariant: every code that the
hub may send stands here, so no caller decides by itself whether a report is repeated.
"""

from typing import Final, Literal, NamedTuple


class ErrorCode(NamedTuple):
    """`report`: what becomes of the report that an `error` with an order's id answers. `none`: it answers none;
    `over`: it is not repeated, the entry is kept; `again`: it is repeated, with backoff."""

    name: str
    report: Literal["none", "over", "again"]
    meaning: str


BAD_MESSAGE: Final = ErrorCode("BAD_MESSAGE", "none", "malformed or out of turn; 4000 follows")
UNKNOWN_TYPE: Final = ErrorCode("UNKNOWN_TYPE", "none", "the hub does not know this `type`")
UNKNOWN_ORDER: Final = ErrorCode("UNKNOWN_ORDER", "over", "there is no such order")
NOT_YOURS: Final = ErrorCode(
    "NOT_YOURS", "over", "the order was given to another device or is not this user's; never submit it"
)
UNAVAILABLE: Final = ErrorCode("UNAVAILABLE", "again", "the store is out of reach, the result is not recorded")

ERRORS: Final[dict[str, ErrorCode]] = {
    code.name: code for code in (BAD_MESSAGE, UNKNOWN_TYPE, UNKNOWN_ORDER, NOT_YOURS, UNAVAILABLE)
}


def error_for(name: str) -> ErrorCode:
    """The table's row; a newer hub's code says nothing about a report."""
    return ERRORS.get(name) or ErrorCode(name, "none", "")
