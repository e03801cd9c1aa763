"""The words of the windows: modes, outcomes, amounts, times and durations as a person reads them.

The invariants: each is made when it is shown, so that a change of the language changes all of them; what comes from
outside in it (the hub's words, the exchange's, a person's name) is `clean`, one line without marks that steer a reader.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from agent.language import _
from agent.model.engine import Mode
from agent.model.moments import local
from agent.model.reasons import Reason
from agent.ui.rows import Row, Stage
from agent.ui.sentences import Said
from agent.ui.state import Placing
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
}


_BY_THE_PERSON: Final[dict[str, Callable[[], str]]] = {
    "person.refused": lambda: _("refused by you"),
    "paused": lambda: _("Paused"),
}


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


def state(row: Row) -> str:
    """How far an order has come; a settled one by its result."""
    if row.result is not None:
        estimated = row.source == "estimated"
        return _("{result} (estimated)").format(result=result(row.result)) if estimated else result(row.result)
    if row.outcome == "rejected" and row.reason is not None and row.reason.code in _BY_THE_PERSON:
        return _BY_THE_PERSON[row.reason.code]()
    if row.outcome is not None:
        return outcome(row.outcome)
    return _STAGES.get(row.stage, lambda: row.stage.value)()


def result(code: str) -> str:
    """How a position ended."""
    return _RESULTS[code]()


def why(reason: Reason | None) -> str:
    """A reason as a sentence; empty where there is none."""
    return "" if reason is None else clean(reason.text(_))


def sentence(said: Said) -> str:
    """What is said, in the reader's language."""
    facts = {name: clean(fact) for name, fact in said.facts.items()}
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
