"""The words of the windows: modes, outcomes, amounts, times and durations as a person reads them.

The invariants: each is made when it is shown, so that a change of the language changes all of them; what comes from
outside in it (the hub's words, the exchange's, a person's name) is `clean`, one line without marks that steer a reader.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Final

import msgspec

from agent.language import _
from agent.model.engine import Mode
from agent.model.moments import local
from agent.model.reasons import N_, Reason
from agent.ui.outages import outage
from agent.ui.rows import Row, Stage
from agent.ui.sentences import Said
from agent.ui.state import Placing
from protocol.messages import Order
from protocol.text import clean

NOTHING: Final = "–"
MINUS: Final = "−"
SECOND_MS: Final = 1000

_MODES: Final[dict[Mode, Callable[[], str]]] = {Mode.PAPER: lambda: _("PAPER"), Mode.LIVE: lambda: _("LIVE")}
_DIRECTIONS: Final[dict[str, Callable[[], str]]] = {"LONG": lambda: _("▲ LONG"), "SHORT": lambda: _("▼ SHORT")}
_INCREMENTS: Final[dict[str, Callable[[], str]]] = {
    "TEN_MINUTE": lambda: _("10 minutes"),
    "THIRTY_MINUTE": lambda: _("30 minutes"),
    "ONE_HOUR": lambda: _("1 hour"),
    "ONE_DAY": lambda: _("1 day"),
}
_OUTCOMES: Final[dict[str, Callable[[], str]]] = {
    "success": lambda: _("placed"),
    "failed": lambda: _("refused by the exchange"),
    "rejected": lambda: _("stopped by your limits"),
    "expired": lambda: _("expired, not placed"),
    "unknown": lambda: _("outcome unknown"),
}
_STAGES: Final[dict[Stage, Callable[[], str]]] = {
    Stage.RECEIVED: lambda: _("received"),
    Stage.ASKED: lambda: _("waits for your answer"),
    Stage.SUBMITTING: lambda: _("being placed"),
}
_RESULTS: Final[dict[str, Callable[[], str]]] = {
    "won": lambda: _("won"),
    "lost": lambda: _("lost"),
    "tie": lambda: _("tie"),
}
_PLACINGS: Final[dict[Placing, Callable[[], str]]] = {
    Placing.AUTO: lambda: _("Auto"),
    Placing.CONFIRM: lambda: _("Confirm each"),
    Placing.PAUSED: lambda: _("Paused"),
}
_RULES: Final[dict[str, Callable[[], str]]] = {
    "min_stake": lambda: _("Smallest stake"),
    "max_stake": lambda: _("Stake of one order"),
    "pause_minutes": lambda: _("Minutes of pause after losses in a row"),
    "quiet_hours": lambda: _("Hours without orders"),
    "weekdays": lambda: _("Days to trade on"),
    "orders_per_hour": lambda: _("Orders in an hour"),
    "orders_per_day": lambda: _("Orders a day"),
    "open_positions": lambda: _("Open positions"),
    "stake_per_day": lambda: _("Stakes of the day"),
    "loss_per_day": lambda: _("Loss of the day"),
    "losses_in_a_row": lambda: _("Losses in a row"),
    "profit_per_day": lambda: _("Profit of the day"),
    "fall_from_peak": lambda: _("Fall from the day's peak"),
    "increments": lambda: _("Increments"),
    "directions": lambda: _("Directions"),
    "min_payout": lambda: _("Smallest payout ratio"),
    "gap_s": lambda: _("Gap between orders"),
    "max_move": lambda: _("Move of the index"),
    "stake": lambda: _("Stake"),
}
_DAYS: Final[dict[str, Callable[[], str]]] = {
    "mon": lambda: _("Mon"),
    "tue": lambda: _("Tue"),
    "wed": lambda: _("Wed"),
    "thu": lambda: _("Thu"),
    "fri": lambda: _("Fri"),
    "sat": lambda: _("Sat"),
    "sun": lambda: _("Sun"),
}
_HERE: Final[dict[str, str]] = {
    "window.over": N_("it expired before it could be submitted"),
    "unanswered": N_("nobody answered in time"),
    "session.unbound": N_("there is no session at the exchange, log in there first"),
    "session.over": N_("the session at the exchange is over, log in there again"),
    "session.ends_soon": N_("the session at the exchange ends in {minutes} minutes, log in there again"),
    "login.captcha": N_("the page asks something that only you may answer: show the browser"),
    "live.no_consent": N_("LIVE has not been switched on: choose LIVE and read its risks"),
    "live.newer_text": N_("there is more to be told of LIVE now: choose LIVE again and read its risks"),
    "live.other_exchange": N_("LIVE was switched on for {accepted} and not for {now}: choose LIVE again"),
}
"""What a window says otherwise than a terminal, where there are commands and no buttons."""
_CODED: Final[dict[str, dict[str, Callable[[], str]]]] = {
    **dict.fromkeys(("increment", "increments"), _INCREMENTS),
    **dict.fromkeys(("direction", "directions"), _DIRECTIONS),
    **dict.fromkeys(("day", "days"), _DAYS),
    **dict.fromkeys(("key", "hit"), _RULES),
}
"""Facts that are codes: windows have words for them."""


_BY_THE_PERSON: Final[dict[str, Callable[[], str]]] = {
    "person.refused": lambda: _("refused by you"),
    "paused": lambda: _("Paused"),
}


_BETWEEN_CHINESE: Final = re.compile(r"(?<=[\u4e00-\u9fff]) (?=[\u4e00-\u9fff])")
"""A space that a template has beside a fact that is Latin where commands are typed."""


def states() -> list[str]:
    """All that a row can say of itself, as far as it is known before."""
    estimated = [_("{result} (estimated)").format(result=word()) for word in _RESULTS.values()]
    return [*(word() for words in (_STAGES, _OUTCOMES, _BY_THE_PERSON) for word in words.values()), *estimated]


def mode(which: Mode) -> str:
    """PAPER or LIVE."""
    return _MODES[which]()


def direction(code: str) -> str:
    """Up or down, by a sign and a word."""
    return _DIRECTIONS[code]()


def increment(code: str) -> str:
    """How long a contract runs."""
    return _INCREMENTS[code]()


def contract(order: Order) -> str:
    """What is traded: symbol, direction and how long."""
    return f"{order.symbol_name} {direction(order.direction)} {increment(order.time_increments)}"


def payout_ratio(ratio: Decimal) -> str:
    """In per cent."""
    return f"{(100 * ratio).normalize():f}%"


def placing(which: Placing) -> str:
    """Who decides."""
    return _PLACINGS[which]()


def rule(name: str) -> str:
    """A limit's name; one of a newer version by its key."""
    return _RULES.get(name, lambda: name)()


def stage(code: str) -> str:
    """How far an order has come that has no outcome yet."""
    return _STAGES[Stage(code)]()


def outcome(code: str) -> str:
    """What became of an order."""
    return _OUTCOMES.get(code, lambda: code)()


def ending(code: str, reason: Reason | None) -> str:
    """What became of an order; where it was the person who did not want it, that."""
    if code == "rejected" and reason is not None and reason.code in _BY_THE_PERSON:
        return _BY_THE_PERSON[reason.code]()
    return outcome(code)


def is_by_the_person(reason: Reason | None) -> bool:
    """Whether it is the person who did not want it."""
    return reason is not None and reason.code in _BY_THE_PERSON


def state(row: Row) -> str:
    """How far an order has come; a settled one by its result."""
    if row.result is not None:
        estimated = row.source == "estimated"
        return _("{result} (estimated)").format(result=result(row.result)) if estimated else result(row.result)
    if row.outcome is not None:
        return ending(row.outcome, row.reason)
    return _STAGES.get(row.stage, lambda: row.stage.value)()


def result(code: str) -> str:
    """How a position ended."""
    return _RESULTS[code]()


def why(reason: Reason | None) -> str:
    """A reason as a sentence, with the names that the windows have; empty where there is none."""
    if reason is None:
        return ""
    if reason.code == "paused" and not any(letter.isalnum() for letter in reason.facts.get("reason", "")):
        return _("paused by you")
    coded = {name: _in_words(name, fact) for name, fact in reason.facts.items() if name in _CODED}
    if coded:
        reason = msgspec.structs.replace(reason, facts={**reason.facts, **coded})
    here = _HERE.get(reason.code)
    text = reason.text(lambda template: _(here or template))
    text = _BETWEEN_CHINESE.sub("", text) if coded else text
    return clean(_headed(text) if reason.code.startswith("limit.") else text)


def why_beside(name: str, reason: Reason) -> str:
    """The same where the limit's name stands already."""
    return why(reason).removeprefix(rule(name)).lstrip(":： ")


def _headed(text: str) -> str:
    """With the limit's name where its key stands first, as it is typed in a terminal."""
    key = text.replace("：", ":").partition(":")[0]
    return f"{rule(key)}{text[len(key) :]}" if key in _RULES else text


def _in_words(name: str, codes: str) -> str:
    return re.sub(r"\w+", lambda found: _CODED[name][found[0]]() if found[0] in _CODED[name] else found[0], codes)


def sentence(said: Said) -> str:
    """What is said, in the reader's language."""
    facts = {name: outage(fact) if name == "lost" else clean(fact) for name, fact in said.facts.items()}
    if "mode" in facts:
        facts["mode"] = mode(Mode(facts["mode"]))
    return _(said.template).format(**facts, reason=why(said.why))


def amount(value: Decimal | None) -> str:
    """A stake."""
    return NOTHING if value is None else f"{value.normalize():f}"


def profit(value: Decimal | None) -> str:
    """With its sign, a true minus, and two decimals."""
    if value is None:
        return NOTHING
    sign = MINUS if value < 0 else "+" if value > 0 else ""
    return f"{sign}{abs(value):,.2f}"


def offset(seconds: float) -> str:
    """How far a clock is off, with its sign, a true minus, and none below nothing."""
    tenths = round(10 * seconds)
    return f"{MINUS if tenths < 0 else '+'}{abs(tenths) / 10:.1f}"


def together(text: str) -> str:
    """A figure and its unit, or its name, on one line."""
    return re.sub(r"(?<=\d) (?=[^\W\d])|(?<=:) (?=\d)", "\u00a0", text)


def time_of_day(ms: int | None) -> str:
    """By this computer's zone."""
    return NOTHING if ms is None else local(ms, "%H:%M:%S")


def date_time(ms: int | None) -> str:
    """Day and time by this computer's zone."""
    return NOTHING if ms is None else local(ms, "%Y-%m-%d %H:%M:%S")


def short_time(ms: int) -> str:
    """Month, day and time by this computer's zone, for a cell."""
    return local(ms, "%m-%d %H:%M:%S")


def date(ms: int) -> str:
    """The day by this computer's zone."""
    return local(ms, "%Y-%m-%d")


def left(ms: int) -> str:
    """A countdown, HH:MM:SS."""
    seconds = max(0, ms // SECOND_MS)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def milliseconds(ms: int | None) -> str:
    """A latency in a cell."""
    return NOTHING if ms is None else f"{ms:,} ms"


def duration(seconds: float) -> str:
    """How long the computer slept."""
    if seconds < 120:
        return _("{count} s").format(count=round(seconds))
    return _("{count} min").format(count=round(seconds / 60))
