"""The close codes of a connection, each with its policy.

Both sides read this one table: the hub picks a `Close` to say, the agent's link only reads `close.retry`.
The invariant: every code that the hub may send stands here, so no caller decides about reconnecting by itself.
"""

import re
from typing import Final, NamedTuple


class Close(NamedTuple):
    """A WebSocket close code (RFC 6455 §7.4), its name, and whether the agent may reconnect by itself."""

    code: int
    name: str
    retry: bool
    meaning: str


NORMAL: Final = Close(1000, "NORMAL", False, "the agent ended the connection")
GOING_AWAY: Final = Close(1001, "GOING_AWAY", True, "the hub is going away")
RESTARTING: Final = Close(1012, "RESTARTING", True, "the hub is restarting")
BAD_MESSAGE: Final = Close(4000, "BAD_MESSAGE", False, "the peer broke the protocol")
SESSION_REPLACED: Final = Close(4001, "SESSION_REPLACED", False, "the user logged in elsewhere")
TOKEN_EXPIRED: Final = Close(4002, "TOKEN_EXPIRED", False, "the login has run out: log in again")
ACCOUNT_EXPIRED: Final = Close(4003, "ACCOUNT_EXPIRED", False, "the account has expired: see the admin")
ACCOUNT_DISABLED: Final = Close(4004, "ACCOUNT_DISABLED", False, "the account is disabled: see the admin")
SLOW_CONSUMER: Final = Close(4005, "SLOW_CONSUMER", True, "the peer reads too slowly")
HEARTBEAT_LOST: Final = Close(4006, "HEARTBEAT_LOST", True, "nothing was heard for two heartbeats")
HELLO_TIMEOUT: Final = Close(4007, "HELLO_TIMEOUT", True, "no hello within 10 s")

CLOSES: Final[dict[int, Close]] = {
    close.code: close
    for close in (
        NORMAL,
        GOING_AWAY,
        RESTARTING,
        BAD_MESSAGE,
        SESSION_REPLACED,
        TOKEN_EXPIRED,
        ACCOUNT_EXPIRED,
        ACCOUNT_DISABLED,
        SLOW_CONSUMER,
        HEARTBEAT_LOST,
        HELLO_TIMEOUT,
    )
}


def close_for(code: int) -> Close:
    """The table's row for a received code.

    A code that is not ours (1006: the line broke; 1011: the server failed) says nothing about the
    agent's right to be connected, so it may try again.
    """
    return CLOSES.get(code) or Close(code, f"CODE_{code}", True, "the connection was lost")


_HINT: Final = re.compile(r"retry in (\d{1,6}) ms")


def with_retry_hint(reason: str, wait_ms: int) -> str:
    """The reason of a close with a hint when to come back, as 1012 carries it."""
    return f"{reason}; retry in {wait_ms} ms"


def retry_hint_ms(reason: str) -> int | None:
    """How long the hub asks the agent to wait before it reconnects; None when it does not say."""
    hint = _HINT.search(reason)
    return int(hint[1]) if hint else None
