"""What the hub refuses, in the reader's language: the hub says it in English, which programs read too.

The invariant: what is not in the table is said as it came; facts (names, numbers) stay as they are.
"""

import re
from typing import Final

from hub.cli.errors import field_of
from hub.language import _
from protocol.settings import N_

SENTENCES: Final = (
    N_("there is no order {order}"),
    N_("there is no user {user}"),
    N_("there is no {name}"),
    N_("order {order} is past its window or cancelled already"),
    N_("targets: there is no trader {name}"),
    N_("users: given twice: {names}"),
    N_("users: taken: {names}"),
    N_("users: one of the names is taken"),
    N_("username: {name} is taken"),
    N_("{field}: {name} looks like {other}"),
    N_("{field}: takes letters of one script ({name} {why})"),
    N_("{field}: takes {what} that are not guessed at once (it {why})"),
    N_("{field}: takes a time from {first} to {last}"),
    N_("{field}: takes a whole number from {low} to {high}"),
    N_("{field}: takes one of {known}"),
    N_("user_id: takes a user's id, not {other}"),
    N_("Idempotency-Key: takes 1 to {most} printable characters"),
    N_("Idempotency-Key: was used for another order; take a new one"),
    N_("for {role}s only"),
    N_("username or password is wrong"),
    N_("the token is not valid: log in"),
    N_("takes an Authorization header: Bearer and a token"),
    N_("the account is disabled: see the admin"),
    N_("the account has expired: see the admin"),
    N_("the login has ended: log in again"),
    N_("the login was replaced by a newer one"),
    N_("too many wrong passwords: try again in {seconds} s"),
    N_("too many wrong tokens: try again in {seconds} s"),
    N_("too many people log in at this moment: try again in {seconds} s"),
    N_("the body is over {most} bytes"),
    N_("{store} is out of reach: nothing was stored, try again"),
    N_(
        "{store} went out of reach: it is not known whether it was stored; ask with this key before repeating: "
        "Idempotency-Key: {key}"
    ),
    N_("{store} went out of reach: it is not known whether it was stored; look before repeating"),
    N_("the hub failed; the operator finds the cause in its log"),
    N_("mixes {scripts}"),
    N_("{field}: takes {what} ({why})"),
    N_("{field}: takes {what}"),
)
"""The hub's sentences that a command can meet; the particular ones before the general."""

PARTS: Final = (
    N_("the database"),
    N_("admin"),
    N_("trader"),
    N_("user"),
    N_("is missing"),
    N_("3 to 50 letters, digits or . _ @ + -"),
    N_("a list of 1 to 1000 users"),
    N_("8 to 128 characters"),
    N_("null or YYYY-MM-DD HH:MM:SS in the hub's zone, or ISO 8601 with an offset"),
    N_("YYYY-MM-DD HH:MM:SS in the hub's zone, or ISO 8601 with an offset"),
    N_("text of at most 200 characters"),
    N_("is little more than the name"),
    N_("repeats a few signs, or runs through them"),
    N_("is one of those that are tried first"),
    N_("is hardly more than digits"),
    N_("has signs that are other signs in disguise"),
)
"""What stands in them in words."""
WORDS: Final = ("store", "role", "what", "why")
"""The fields of a sentence that such a part may fill."""

LIBRARYS: Final = re.compile(r" \((Expected|Object|Invalid) .*\)$")
"""What msgspec says of a value: types and patterns, for programmers."""


def translated(message: str) -> str:
    """The hub's message, in the reader's language, without the words of the library that read the request."""
    message = LIBRARYS.sub("", message)
    for sentence in SENTENCES:
        if found := _pattern(sentence).fullmatch(message):
            facts = {name: translated(_(text)) if name in WORDS else text for name, text in found.groupdict().items()}
            return _(sentence).format(**facts)
    return message


def as_sentence(message: str) -> str:
    """The hub's message as the command line speaks: with a capital and a full stop, unless it begins with a field."""
    said = translated(message)
    if field_of(message) or said.endswith((".", "。")):
        return said
    return _("{message}.").format(message=said[:1].upper() + said[1:])


def _pattern(sentence: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", sentence)
    return re.compile("".join(f"(?P<{part}>.+?)" if n % 2 else re.escape(part) for n, part in enumerate(parts)))
