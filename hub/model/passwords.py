"""Which passwords are not taken: those that are tried first. Pure.

Length alone is `bodies.Password`'s; here is what a guesser knows: lists of common ones, the user's name, runs of signs.
The list is short by intent: tries at a login are few (`hub.access.login_limit`), so only the first of a guesser's list
matter.
"""

import re
from itertools import pairwise
from typing import Final

SHORTEST: Final = 8
FEWEST_SIGNS: Final = 4
FEWEST_DIGITS: Final = 12
"""Where there is hardly anything but digits: dates and telephone numbers are shorter."""

COMMON: Final = frozenset(
    """
    1q2w3e4r 1qaz2wsx 1qazxsw2 abcd1234 asdf1234 asdfghjk a1b2c3d4 q1w2e3r4 qazwsxedc qwer1234 trustno1 zaq12wsx
    zxcvbnm1 aa123456 woaini1314 5201314 147258369 987654321 qwe123 p@ssw0rd correcthorsebatterystaple
    """.split()  # noqa: SIM905 a table reads better
)
STEMS: Final = frozenset(
    """
    abc abcdefgh access admin administrator agent alphabet apple arsenal asdf asdfgh asdfghjkl asdfjkl azerty bailey
    barcelona baseball basketball batman bitcoin binance binancecom blink bnauto butterfly buster changeit changeme
    charlie chelsea chocolate computer corvette cookie crypto daniel default demo diamond donald dragon ethereum
    facebook flower football freedom fuckyou george ginger google guest hannah hello helloworld hockey hunter iloveyou
    internet jennifer jessica jordan killer letmein letmeinnow liverpool login lovely maggie manager marina master
    matrix mercedes michael michelle monkey mustang newpassword ninja orange parola pass passpass passphrase passwd
    passwort password passwordpassword pepper pokemon princess purple qazwsx qwer qwerty qwertyuiop qwertz rainbow
    ranger robert root samsung secret secretpassword shadow silver soccer starwars summer sunshine superman supersecret
    superuser system temp temporary temppass tester testing test testtest thomas thunder tigger trader trading trustno
    unknown user username welcome whatever willkommen winter woaini woaiwojia xiaoming yankees zhang zxcvbn zxcvbnm
    """.split()  # noqa: SIM905 a table reads better
)
"""Also with digits and signs before and behind, and with signs for letters: P@ssw0rd2026!"""
_SIGNS_FOR_LETTERS: Final = str.maketrans("01345@$!", "oieasasi")
_ENDS: Final = re.compile(r"^[\W\d_]+|[\W\d_]+$")


def weakness(password: str, username: str) -> str | None:
    """Why a password of this length is not taken; None where it is."""
    folded, name = password.casefold(), username.casefold()
    rest = folded.replace(name, "") if name else folded
    if rest != folded and len(rest) < SHORTEST:
        return "is little more than the name"
    return _why_guessed(folded) or _why_guessed(rest)


def _why_guessed(text: str) -> str | None:
    if len(set(text)) < FEWEST_SIGNS or _is_run(text) or _repeats(text):
        return "repeats a few signs, or runs through them"
    if _is_common(text):
        return "is one of those that are tried first"
    if len(_ENDS.sub("", text)) < FEWEST_SIGNS and len(text) < FEWEST_DIGITS:
        return "is hardly more than digits"
    return None


def _is_common(text: str) -> bool:
    stem = _ENDS.sub("", text)
    spelled = _ENDS.sub("", stem.translate(_SIGNS_FOR_LETTERS))
    return text in COMMON or stem in STEMS or spelled in STEMS or text.translate(_SIGNS_FOR_LETTERS) in STEMS


def _is_run(text: str) -> bool:
    """Whether each sign is next to the one before: 23456789, hgfedcba."""
    steps = {ord(after) - ord(before) for before, after in pairwise(text)}
    return steps in ({1}, {-1})


def _repeats(text: str) -> bool:
    """Whether it is a short piece again and again: abcdabcd, 12341234."""
    return any(text == (text[:size] * len(text))[: len(text)] for size in range(1, len(text) // 2 + 1) if size <= 4)
