"""Writes what was measured: results.json, and the generated part of hub/docs/performance.md. Used by `__main__`.

The prose of performance.md is written by people; only what stands between the two marks is replaced.
"""

import json
from pathlib import Path
from typing import Any, Final

from .figures import BARS_AT, Bar, bars, judged_size, rounds_in_words

BEGIN: Final = "<!-- bench: begin, written by `make bench` -->"
END: Final = "<!-- bench: end -->"

_FANOUT_HEAD: Final = (
    "| way | CPU a delivery, ÷ bare | p50 ms, ÷ bare | p99 ms, ÷ bare | max ms | memory a connection | connects/s |\n"
    "|---|---|---|---|---|---|---|"
)


def write_json(results: dict[str, Any], path: Path) -> None:
    """The results, readable by people too."""
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")


def write_page(results: dict[str, Any], page: Path) -> None:
    """Replace the generated part of the page; a page that lacks the marks gets them at its end."""
    text = page.read_text() if page.exists() else "# Performance\n"
    if BEGIN not in text:
        text = f"{text.rstrip()}\n\n{BEGIN}\n{END}\n"
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(f"{before}{BEGIN}\n\n{tables(results)}\n\n{END}{after}")


def tables(results: dict[str, Any]) -> str:
    """All tables, as Markdown."""
    parts = [_conditions(results), _bars(results)]
    for size, fanout in results["fanout"].items():
        parts.append(f"### {int(size):,} connections\n\n{_fanout(results, fanout)}")
    parts.append(_hub(results))
    parts.append(_polling(results))
    return "\n\n".join(part for part in parts if part)


def _conditions(results: dict[str, Any]) -> str:
    machine = results["machine"]
    versions = "\n".join(f"- {name}: {version}" for name, version in results["versions"].items())
    return (
        f"Measured {results['date']} on {machine['cores']} cores ({machine['cpu']}, Linux {machine['kernel']}); "
        f"server on one core, load, MariaDB and Redis on the other. Median of {rounds_in_words(results)}; "
        f"{results['payload_bytes']} bytes of payload; ratios are taken round by round; the load average before it was "
        f"{results['load_before']}.\n\n{versions}"
    )


def _bars(results: dict[str, Any]) -> str:
    lines = ["| figure | measured (the middle half of the rounds) | bar | |", "|---|---|---|---|"]
    for bar in bars(results):
        limit = f"{'at least' if bar.at_least else 'at most'} {bar.limit:,g}{bar.unit}"
        lines.append(f"| {bar.figure} | {_measured(bar)} | {limit} | {'met' if bar.is_met else '**not met**'} |")
    if len(lines) == 2:
        return ""
    at = judged_size(results)
    note = "" if at == BARS_AT else f"The bars are set for {BARS_AT:,} agents; this run judges {at:,}.\n\n"
    return note + "\n".join(lines)


def _measured(bar: Bar) -> str:
    value = f"{bar.value:,.0f}" if bar.value >= 100 else f"{bar.value:.2f}"
    around = f" ({bar.middle[0]:.2f} to {bar.middle[1]:.2f})" if bar.middle else ""
    return f"{value}{bar.unit}{around}"


def _fanout(results: dict[str, Any], fanout: dict[str, Any]) -> str:
    lines = [_FANOUT_HEAD]
    for peer, figures in fanout["summary"].items():
        cells = [results["titles"][peer]]
        cells += [_with_ratio(figures, key, unit) for key, unit in (("cpu_us", " µs"), ("p50_ms", ""), ("p99_ms", ""))]
        cost = fanout["connect"][peer]
        memory = cost["kib_per_connection"]
        cells += [f"{figures['max_ms']:.1f}", "–" if memory is None or peer == "bare" else f"{memory} KiB"]
        cells.append("–" if cost["connects_per_s"] is None or peer == "bare" else f"{cost['connects_per_s']:,}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _with_ratio(figures: dict[str, float], key: str, unit: str) -> str:
    ratio = figures.get(f"{key}_ratio")
    return f"{figures[key]:.1f}{unit}" + (f", {ratio:.2f}×" if ratio is not None else "")


def _hub(results: dict[str, Any]) -> str:
    rows = []
    for size, measured in results.get("hub", {}).items():
        if not measured:
            continue
        cells = [f"{int(size):,}"]
        cells.append(f"{measured['acks']['median_ms']:.0f} ms" if "acks" in measured else "–")
        cells.append(f"{measured['acks']['median_cpu_us']:.1f} µs" if "acks" in measured else "–")
        cells.append(f"{measured['idle']['percent_per_1000']:.2f} %" if "idle" in measured else "–")
        cells.append(_frozen(measured["frozen"]) if "frozen" in measured else "–")
        cells.append(_restart(measured["restart"]) if "restart" in measured else "–")
        rows.append("| " + " | ".join(cells) + " |")
    head = (
        "| agents | publish → all acks in the database | hub CPU a delivery, ack and rows included | "
        "idle CPU a 1,000 connections | p99 with 1 % frozen ÷ without | caught up after a restart |\n"
        "|---|---|---|---|---|---|"
    )
    return "\n".join(["### The hub alone", "", head, *rows]) if rows else ""


def _frozen(frozen: dict[str, Any]) -> str:
    return f"{frozen['p99_ratio']:.2f}×" if frozen["stayed_connected"] else "**frozen agents were closed**"


def _restart(restart: dict[str, Any]) -> str:
    taken = f"{restart['from_sigterm_s']:.1f} s from SIGTERM, {restart['from_ready_s']:.1f} s from ready"
    return taken if restart["complete"] else f"**incomplete**: {restart['frames']} frames"


def _polling(results: dict[str, Any]) -> str:
    pulls = results.get("pulls")
    if not pulls:
        return ""
    rate = pulls["pulls_per_s"]
    lines = [
        "### The polling way, on the same hub",
        "",
        (
            f"{rate:,.0f} pulls a second saturate the core with no order pending "
            f"({pulls['connections']} connections, p50 {pulls['p50_ms']:.0f} ms, p99 {pulls['p99_ms']:.0f} ms)."
        ),
        "",
        "| traders | cores for one poll a second | cores for ten | mean wait for an order, at one a second |",
        "|---|---|---|---|",
    ]
    for size in results["fanout"]:
        lines.append(f"| {int(size):,} | {int(size) / rate:.1f} | {int(size) * 10 / rate:.0f} | 500 ms |")
    return "\n".join(lines)
