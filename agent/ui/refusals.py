"""PURE: why there is no login, or no more, as a sentence that says what to do.

The invariant: what the hub said is never lost: words that are not known here are shown as they are.
"""

from collections.abc import Callable
from math import ceil
from typing import Final

from agent.language import _
from agent.model.events import End, SessionEnded
from agent.ui.outages import outage
from agent.ui.words import offset
from protocol.text import clean

_BY_WORDS: Final[tuple[tuple[str, Callable[[], str]], ...]] = (
    ("too many people", lambda: _("The hub is busy: many log in at this moment.")),
    ("too many", lambda: _("Too many wrong passwords. Wait some minutes, then try again.")),
    ("password", lambda: _("Wrong user name or password.")),
    ("expired", lambda: _("The account has expired. Ask the admin to extend it.")),
    ("disabled", lambda: _("The account is disabled. Ask the admin.")),
    ("update the older", lambda: _("This program and the hub do not understand each other: update the older one.")),
    (
        "certificate",
        lambda: _("The hub's certificate is not valid here. Check this computer's clock and the hub's address."),
    ),
    ("role", lambda: _("This account is not a trader's. Log in with a trader's account.")),
    ("traders' agents", lambda: _("This account is not a trader's. Log in with a trader's account.")),
)

_BY_END: Final[dict[End, Callable[[], str]]] = {
    End.STOPPED: lambda: _("Logged out."),
    End.SESSION_OVER: lambda: _("The 24 hours of this login are over. Log in again."),
    End.REPLACED: lambda: _("Logged in elsewhere: this computer places nothing any more. Log in again to trade here."),
    End.OUT_OF_REACH: lambda: _("The hub is out of reach ({why}). Check the network and the hub's address."),
    End.PROTOCOL: lambda: _("The hub ended the session ({why}). Update this program, or ask the admin."),
    End.ACCOUNT: lambda: _("The hub ended the session ({why}). Ask the admin."),
    End.REFUSED: lambda: _("The hub refused the login: {why}"),
}


def words(ended: SessionEnded) -> str:
    """What to tell a person who has no session."""
    if ended.end in (End.REFUSED, End.ACCOUNT, End.PROTOCOL, End.OUT_OF_REACH):
        for sign, known in _BY_WORDS:
            if sign in ended.reason.lower():
                return known()
    why = outage(ended.reason) if ended.end is End.OUT_OF_REACH else clean(ended.reason)
    return _BY_END[ended.end]().format(why=why)


def waiting(reason: str, retry_in_s: float) -> str:
    """Why there is no session yet, and when it is tried again; whoever types anew is not waited for."""
    why = words(SessionEnded(End.OUT_OF_REACH, reason))
    return _("{why} Next try in {seconds} s.").format(why=why, seconds=ceil(retry_in_s))


def clock_words(offset_s: float) -> str:
    """A computer's clock that is far off: the agent uses the hub's, other programs do not."""
    return _("This computer's clock is {seconds} s off. Let the system set it.").format(seconds=offset(offset_s))
