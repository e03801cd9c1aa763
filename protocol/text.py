"""Text from outside, as a terminal, a log or a window may show it."""


def clean(text: object) -> str:
    """The text without what a terminal would obey or a reader be misled by: control characters, line ends and marks of
    writing direction become `·`."""
    return "".join(sign if sign.isprintable() else "·" for sign in str(text))
