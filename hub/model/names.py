"""Which user names are taken, and which look alike. Pure.

A name has the letters of one script, as Unicode's UTS 39 has it: Latin, Cyrillic, Han …; Japanese and Korean are
written in several at once. Digits and . _ @ + - go with each. Two names look alike if they have the same skeleton: by
the table below, which has the letters of Cyrillic, Greek and Armenian that are drawn as Latin ones, and the pairs that
are mistaken within Latin.
"""

import unicodedata
from typing import Final

TOGETHER: Final = (
    frozenset({"CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({"CJK", "HANGUL"}),
    frozenset({"CJK", "BOPOMOFO"}),
)
_OF_EVERY_SCRIPT: Final = frozenset("0123456789._@+-")
_ALIKE: Final = (
    ("аαɑ", "a"),
    ("вβ", "b"),
    ("сϲς", "c"),
    ("ԁ", "d"),
    ("еε", "e"),
    ("ɡց", "g"),
    ("һнհ", "h"),
    ("1iіıιӏľլ", "l"),
    ("јϳյ", "j"),
    ("кκ", "k"),
    ("м", "m"),
    ("пηոռ", "n"),
    ("0оοօ", "o"),
    ("рρ", "p"),
    ("ԛգ", "q"),
    ("г", "r"),
    ("ѕ", "s"),
    ("тτ", "t"),
    ("υսμ", "u"),
    ("ѵν", "v"),
    ("ԝω", "w"),
    ("хχ", "x"),
    ("уүγ", "y"),
)
_LATIN: Final = str.maketrans({sign: latin for signs, latin in _ALIKE for sign in signs})
_PAIRS: Final = (("rn", "m"), ("vv", "w"), ("cl", "d"))


def fault(name: str) -> str | None:
    """What is wrong with a new name beside its length and signs; None where nothing is."""
    if unicodedata.normalize("NFKC", name) != name:
        return "has signs that are other signs in disguise"
    scripts = {_script(sign) for sign in name if sign not in _OF_EVERY_SCRIPT}
    if len(scripts) > 1 and not any(scripts <= several for several in TOGETHER):
        return f"mixes {' and '.join(sorted(script.title() for script in scripts))}"
    return None


def skeleton(name: str) -> str:
    """What is left of a name to somebody who reads it quickly: the same for names that look alike."""
    bare = "".join(sign for sign in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(sign))
    drawn = bare.translate(_LATIN)
    for pair, one in _PAIRS:
        drawn = drawn.replace(pair, one)
    return drawn


def _script(sign: str) -> str:
    """The first word of the sign's name says its script."""
    word = unicodedata.name(sign, "UNKNOWN").replace("-", " ").split()[0]
    return "CJK" if word == "IDEOGRAPHIC" else word
