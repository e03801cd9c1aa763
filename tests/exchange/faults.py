"""The ways in which an exchange misbehaves, by name: one table, and the choice of the next one.

`takes` says whether the order stands afterwards, which is what the stand-in knows and the client cannot.
"""

import random
from typing import Final, Literal

import msgspec

Kind = Literal["delay", "silence", "cut", "answer", "mangle"]


class Fault(msgspec.Struct, frozen=True):
    """`code`, `words`, `status`: what is answered instead. `takes`: the order stands all the same."""

    name: str
    kind: Kind
    about: str
    takes: bool = False
    status: int = 200
    code: str = ""
    words: str = ""


def _refusal(code: str, words: str) -> Fault:
    return Fault(f"code-{code}", "answer", f"refused with code {code}", code=code, words=words)


FAULTS: Final[dict[str, Fault]] = {
    fault.name: fault
    for fault in (
        Fault("slow", "delay", "answers late, but answers", takes=True),
        Fault("never", "silence", "takes it and never answers", takes=True),
        Fault("503", "answer", "an overloaded gateway, in HTML", status=503),
        Fault("451", "answer", "not in this region", status=451),
        Fault("401", "answer", "the session is not known, by status alone", status=401),
        Fault("403", "answer", "the session may not, by status alone", status=403),
        Fault("html", "answer", "a web page with status 200"),
        Fault("cut-before-reading", "cut", "the connection is cut at the request's first byte"),
        Fault("cut-after-reading", "cut", "takes it, then the connection is cut", takes=True),
        Fault("half-an-answer", "mangle", "takes it, the connection is cut in the middle of the answer", takes=True),
        Fault("no-id", "mangle", "success without an order id", takes=True),
        Fault("changed-fields", "mangle", "takes it, every field of the answer has another name", takes=True),
        Fault("10-mb", "mangle", "takes it, answers ten megabytes", takes=True),
        Fault("redirect", "answer", "307 to the very same request", status=307),
        _refusal("93420033", "Please update to the latest app version"),
        _refusal("100001005", "Please log in first"),
        _refusal("100002002", "Your session has expired, please log in again"),
        _refusal("100001", "Not logged in"),
        Fault("unknown-code", "answer", "refused with a code that nobody has seen", code="987654321", words="Oops"),
        Fault("ratio-changed", "answer", "the payout ratio is another one now", code="93420999", words="ratio"),
        Fault("echo", "answer", "refused by an unknown code, in words that repeat the session", code="987654322"),
        Fault("session-ended", "answer", "this account's session ends now, for every later request too"),
    )
}

RANDOM: Final = tuple(name for name in FAULTS if name != "session-ended")
"""What is drawn at random: all that leaves the session alone."""

On = Literal["place-order", "user", "lists", "history", "all"]


class Armed(msgspec.Struct):
    """A fault that waits for its request. `times` None: each of them."""

    fault: Fault
    on: On
    times: int | None


class Faults:
    """Which fault the next request gets: one that is armed, else one drawn from the seed, else none."""

    def __init__(self, rate: float = 0.0, seed: int = 0) -> None:
        self.rate = rate
        self._dice = random.Random(seed)
        self._armed: list[Armed] = []

    def arm(self, name: str | None, on: On = "place-order", times: int | None = None) -> None:
        """From now on; None takes all of them back. Raises KeyError for a name that the table lacks."""
        self._armed = [] if name is None else [*self._armed, Armed(FAULTS[name], on, times)]

    def next(self, kind: str) -> Fault | None:
        """For a request of this kind. What is drawn at random is only for place-order."""
        for armed in self._armed:
            if armed.on in (kind, "all") and armed.times != 0:
                armed.times = None if armed.times is None else armed.times - 1
                return armed.fault
        if kind == "place-order" and self.rate > 0 and self._dice.random() < self.rate:
            return FAULTS[self._dice.choice(RANDOM)]
        return None
