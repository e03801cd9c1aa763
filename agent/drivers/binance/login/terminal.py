"""A login at a terminal: its QR drawn in characters, its other events as lines.

The invariant: what is written holds no secret; the QR's text lets nobody in but the browser that shows it.
"""

import importlib.util
from typing import Final, TextIO

from agent.drivers.binance.login.messages import LoginEvent, PersonNeeded, QrShown, Started
from agent.language import _

NEEDED: Final = ("playwright", "segno")


def is_installed() -> bool:
    """Whether the extra `desk` is there."""
    return all(importlib.util.find_spec(name) is not None for name in NEEDED)


def show(event: LoginEvent, limit: int, out: TextIO) -> None:
    """One event, for a person."""
    match event:
        case Started(is_headed=True):
            _say(out, _("A browser window is open: log in there."))
        case QrShown():
            _draw(event.text, out)
            words = _("QR code {number} of {limit}: scan it with the exchange's app.")
            _say(out, words.format(number=event.number, limit=limit))
        case PersonNeeded():
            _say(out, _("The page asks something that only you may answer."))
        case _:
            return


def _draw(text: str, out: TextIO) -> None:
    import segno  # of the extra `desk`, as the browser is

    segno.make(text, error="l", micro=False).terminal(out, border=2, compact=True)


def _say(out: TextIO, words: str) -> None:
    out.write(f"{words}\n")
    out.flush()
