"""What the hub answers, in the reader's language: over HTTP it speaks English, which programs read.

The invariant: what is not known here is shown as it came, so nothing that the hub said is lost.
"""

import re
from typing import Final

from hub.language import _
from protocol.manual import N_

FIELD: Final = re.compile(r"[a-zA-Z_-]+(?:\[\d+\])?: ")
"""What a refusal of a field begins with; it stays as it is typed."""

KNOWN: Final = (
    N_("there is no order {order}"),
    N_("there is no user {user}"),
    N_("there is no trader {user}"),
    N_("order {order} is past its window or cancelled already"),
    N_("was used for another order; take a new one"),
    N_("{user} is taken"),
    N_("{user} looks like {alike}"),
    N_("takes letters of one script ({why})"),
    N_("takes 8 to 128 characters that are not guessed at once ({why})"),
    N_("it is little more than the name"),
    N_("it repeats a few signs, or runs through them"),
    N_("it is one of those that are tried first"),
    N_("it is hardly more than digits"),
    N_("the token is not valid: log in"),
    N_("takes an Authorization header: Bearer and a token"),
    N_("username or password is wrong"),
    N_("the account is disabled: see the admin"),
    N_("the account has expired: see the admin"),
    N_("for admins only"),
    N_("for traders only"),
    N_("too many wrong passwords: try again in {seconds} s"),
    N_("too many wrong tokens: try again in {seconds} s"),
    N_("too many people log in at this moment: try again in {seconds} s"),
    N_("more than {count} requests a second: try again in {seconds} s"),
)
_PATTERNS: Final = {
    text: re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+)", re.escape(text)), re.DOTALL) for text in KNOWN
}


def in_words(message: str) -> str:
    """The hub's refusal as a person reads it."""
    field = FIELD.match(message)
    if field is None:
        return _translated(message) or message
    rest = _translated(message[field.end() :])
    return message if rest is None else _("{name}: {found}").format(name=field[0][:-2], found=rest)


def _translated(message: str) -> str | None:
    for text, pattern in _PATTERNS.items():
        if match := pattern.fullmatch(message):
            return _(text).format(**{name: _translated(value) or value for name, value in match.groupdict().items()})
    return None
