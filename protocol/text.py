"""Text from outside: as a terminal, a log or a window may show it, and as JSON can carry it."""

import re
from typing import Final

_ESCAPE: Final = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)
"""An escape of JSON; `half` is one of a surrogate that has no other half."""
_HALF: Final = re.compile("[\ud800-\udfff]")


def clean(text: object) -> str:
    """The text without what a terminal would obey or a reader be misled by: control characters, line ends and marks of
    writing direction become `·`."""
    said = str(text)
    return said if said.isprintable() else "".join(sign if sign.isprintable() else "·" for sign in said)


def whole(json: bytes | str) -> str:
    """The JSON with U+FFFD for what is no character: half of a surrogate pair, also as an escape, and broken UTF-8.

    A text that was cut in the middle of an emoji has one of these; all around it is as it was.
    """
    text = json.decode("utf-8", "replace") if isinstance(json, bytes) else _HALF.sub("\ufffd", json)
    return _ESCAPE.sub(lambda escape: "\ufffd" if escape["half"] else escape[0], text)
