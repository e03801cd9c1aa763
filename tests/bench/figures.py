"""From samples to figures: medians, ratios taken round by round, and the bars of the issue. Pure.

Used by `__main__`, `report` and `chart`. A ratio is the median over the rounds of (this peer ÷ that peer in the same
round), so that a machine that slows down slows both.
"""

import math
import statistics
from dataclasses import dataclass
from typing import Any, Final

BASE: Final = "bare"
BARS_AT: Final = 5_000
"""The number of agents that the bars are set for; the restart's is for ten thousand."""
MEASURED: Final = ("p50_ms", "p99_ms", "max_ms", "cpu_us")

_ENOUGH_FOR_QUARTILES: Final = 5

Samples = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Bar:
    """One line of the issue's table; `unit` is shown behind both numbers."""

    figure: str
    value: float
    limit: float
    unit: str = ""
    at_least: bool = False
    middle: tuple[float, float] | None = None
    """Where the middle half of the rounds lies; None for what was measured once."""

    @property
    def is_met(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit


def rounds_in_words(results: dict[str, Any]) -> str:
    """How many rounds each figure is the median of: "7 rounds", or "7 rounds, 21 at 5,000 connections"."""
    numbers: dict[str, int] = results["rounds"]
    usual = min(numbers.values())
    more = [f"{number} at {int(size):,} connections" for size, number in numbers.items() if number > usual]
    return f"{usual} rounds" + "".join(f", {said}" for said in more)


def median(samples: Samples, peer: str, key: str) -> float:
    """The median over the rounds."""
    return statistics.median(sample[key] for sample in samples[peer])


def ratios(samples: Samples, peer: str, other: str, key: str) -> list[float]:
    """This peer's figure ÷ that peer's, round by round."""
    return [mine[key] / theirs[key] for mine, theirs in zip(samples[peer], samples[other], strict=True)]


def middle_half(values: list[float]) -> tuple[float, float] | None:
    """The quartiles of so many rounds that they say something."""
    if len(values) < _ENOUGH_FOR_QUARTILES:
        return None
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def summary(samples: Samples) -> dict[str, dict[str, float]]:
    """For each peer its medians and, where the bare loop ran, its ratios to it."""
    figures = {}
    for peer in samples:
        figures[peer] = {key: median(samples, peer, key) for key in MEASURED}
        if BASE in samples:
            beside = {key: ratios(samples, peer, BASE, key) for key in MEASURED}
            figures[peer] |= {f"{key}_ratio": statistics.median(values) for key, values in beside.items()}
    return figures


def judged_size(results: dict[str, Any]) -> int | None:
    """At which N the bars are looked at: where they are set, or the largest that ran; None where nothing ran."""
    sizes = {int(size) for part in ("fanout", "hub") for size in results.get(part, {})}
    return BARS_AT if BARS_AT in sizes else max(sizes, default=None)


def bars(results: dict[str, Any]) -> list[Bar]:
    """The bars, as far as their parts were measured."""
    at = str(judged_size(results))
    found = _fanout_bars(results["fanout"][at]) if at in results["fanout"] else []
    found += _hub_bars(results.get("hub", {}).get(at, {}))
    for size, measured in sorted(results.get("hub", {}).items(), key=lambda item: int(item[0]), reverse=True):
        if restart := measured.get("restart"):
            took = restart["from_sigterm_s"] if restart["complete"] else math.inf
            found.append(Bar(f"{int(size):,} agents connected and caught up after a restart", took, 15, " s"))
            break
    return found


def _fanout_bars(fanout: dict[str, Any]) -> list[Bar]:
    samples: Samples = fanout["samples"]
    wanted = [
        ("CPU per claimed delivery ÷ bare loop's", "hub", BASE, "cpu_us", 1.30),
        ("p99 publish→frame, claimed and committed ÷ bare loop's", "hub", BASE, "p99_ms", 1.45),
        ("p99 claimed and committed ÷ Socket.IO's plain", "hub", "socketio", "p99_ms", 1.0),
        ("p99 claimed and committed ÷ NATS's plain", "hub", "nats", "p99_ms", 1.0),
        ("p99 of plain fan-out ÷ Nchan's", "hub-plain", "nchan", "p99_ms", 0.95),
    ]
    found = []
    for name, mine, theirs, key, limit in wanted:
        if mine in samples and theirs in samples:
            values = ratios(samples, mine, theirs, key)
            found.append(Bar(name, statistics.median(values), limit, middle=middle_half(values)))
    if "hub" in fanout["connect"]:
        cost = fanout["connect"]["hub"]
        found.append(Bar("memory a connection", cost["kib_per_connection"], 30, " KiB"))
        found.append(Bar("connects a second, with token check", cost["connects_per_s"], 1200, at_least=True))
    return found


def _hub_bars(hub: dict[str, Any]) -> list[Bar]:
    found = []
    if "acks" in hub:
        found.append(Bar("publish → all acks in the database", hub["acks"]["median_ms"] / 1000, 1.2, " s"))
    if "idle" in hub:
        found.append(Bar("idle CPU a thousand connections", hub["idle"]["percent_per_1000"], 1.0, " %"))
    if "frozen" in hub:
        frozen = hub["frozen"]
        middle = middle_half(frozen["ratios"])
        # A frozen agent that was closed costs nothing any more: that would be no figure of frozen ones.
        value = frozen["p99_ratio"] if frozen["stayed_connected"] else math.inf
        found.append(Bar("p99 with 1 % frozen ÷ without", value, 1.05, middle=middle))
    return found
