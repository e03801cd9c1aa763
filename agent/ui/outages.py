"""PURE: why there is no connection, as people say it and not as systems do.

The invariant: what is not known here is shown as it is, on one line.
"""

import re
from collections.abc import Callable
from typing import Final

from agent.language import _
from protocol.text import clean

_KNOWN: Final[dict[str, Callable[[], str]]] = {
    r"connection refused|connect call failed|errno (111|61|10061)\b": lambda: _("connection refused"),
    "name or service not known|getaddrinfo|nodename nor servname|no address assoc": lambda: _("unknown address"),
    "timed out|timeout": lambda: _("no answer"),
    "network is unreachable|no route to host": lambda: _("no network"),
    r"connection reset|no close frame|errno (104|54|10054)\b": lambda: _("connection broken off"),
}
"""By what stands in it, on Linux, macOS and Windows."""


def outage(why: str) -> str:
    """The reason that a system gave, in words."""
    return next((said() for sign, said in _KNOWN.items() if re.search(sign, why, re.IGNORECASE)), clean(why))
