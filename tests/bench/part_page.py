"""Writes what the parts cost into hub/docs/scaling.md, between its two marks. Used by `parts`.

The prose around the marks is written by people and repeats no figure that this replaces.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .part_limits import A_PROCESS, AGENTS, limits, one_order
from .part_rig import Cost, Measured

BEGIN: Final = "<!-- parts: begin, written by `python -m tests.bench.parts` -->"
END: Final = "<!-- parts: end -->"


@dataclass(frozen=True)
class Conditions:
    """Where and when it was measured."""

    date: str
    machine: str
    load: float
    rounds: int
    versions: dict[str, str]


def write_page(measured: Measured, conditions: Conditions, bench: dict[str, Any] | None, page: Path) -> None:
    """Replaces the generated part. Raises ValueError where the page lacks the marks."""
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page.name} lacks {BEGIN} … {END}")
    page.write_text(f"{before}{BEGIN}\n\n{tables(measured, conditions, bench)}\n\n{END}{after}")


def tables(measured: Measured, conditions: Conditions, bench: dict[str, Any] | None) -> str:
    """All of the generated part, as Markdown. `bench` is what `make bench` left in results.json, if it did."""
    versions = ", ".join(f"{name} {version}" for name, version in conditions.versions.items())
    head = (
        f"Measured {conditions.date} on {conditions.machine}; the hub's part on one core, Redis and MariaDB on the "
        f"other. Median of {conditions.rounds} rounds. The load average before it was {conditions.load}"
        f"{' (**the machine was busy**)' if conditions.load > 0.5 else ''}. {versions}."
    )
    whole = ["### One process, from `make bench`", _process(bench)] if bench else []
    order = f"### One order for {AGENTS:,} agents, {A_PROCESS:,} a process"
    parts = [head, _costs(measured), _figures(measured), "### What breaks first", _limits(measured)]
    return "\n\n".join([*parts, *whole, order, _one_order(measured)])


def _costs(measured: Measured) -> str:
    lines = ["| µs for each | hub CPU | Redis CPU | MariaDB CPU | wall |", "|---|---|---|---|---|"]
    for part in measured.parts.values():
        lines.append("| " + " | ".join([part.what, *_cells(part.cost)]) + " |")
    return "\n".join(lines)


def _cells(cost: Cost) -> list[str]:
    return [_short(value) for value in (cost.hub, cost.redis, cost.mariadb, cost.wall)]


def _short(value: float) -> str:
    """Three figures; what is under a hundredth of a microsecond is nothing."""
    if value < 0.01:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _figures(measured: Measured) -> str:
    lines = ["| figure | |", "|---|---|"]
    lines += [f"| {figure.what} | {_short(figure.value)} {figure.unit} |" for figure in measured.figures.values()]
    return "\n".join(lines)


def _limits(measured: Measured) -> str:
    lines = ["| holds up to, agents | what | sum |", "|---|---|---|"]
    lines += [f"| {_round(limit.agents)} | {limit.what} | {limit.sum} |" for limit in limits(measured)]
    return "\n".join(lines)


def _round(agents: float) -> str:
    """Two figures: more would be a promise."""
    return f"{float(f'{agents:.2g}'):,.0f}"


def _one_order(measured: Measured) -> str:
    lines = ["| what | sum | takes |", "|---|---|---|"]
    lines += [f"| {share.what} | {share.sum} | {share.takes} |" for share in one_order(measured)]
    return "\n".join(lines)


def _process(bench: dict[str, Any]) -> str:
    """What the largest run says of one hub process."""
    count = max(int(size) for size in bench["fanout"])
    fanout, hub = bench["fanout"][str(count)], bench["hub"][str(count)]
    connect, frames = fanout["connect"]["hub"], fanout["summary"]["hub"]
    memory, sent, acked = connect["kib_per_connection"], frames["cpu_us"], hub["acks"]["median_cpu_us"]
    rate, idle = connect["connects_per_s"], hub["idle"]["percent_per_1000"]
    rows = [
        (f"{memory * count / 1024:.0f} MiB", "memory", f"{count:,} × {memory} KiB"),
        (f"{count * sent / 1e6:.2f} s", "of its core: claim and frame", f"{count:,} × {sent:.1f} µs"),
        (f"{count * acked / 1e6:.2f} s", "of its core: the same with acks and rows", f"{count:,} × {acked:.1f} µs"),
        (f"{count / rate:.1f} s", "all connect", f"{count:,} ÷ {rate:,}/s"),
        (f"{idle * count / 1000:.1f} %", "of its core: heartbeats, nothing else", f"{count / 1000:g} × {idle:.2f} %"),
    ]
    lines = [f"| {count:,} connections | what | sum |", "|---|---|---|"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])
