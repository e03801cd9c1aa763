"""The chart: CPU and p99 of each way beside the bare loop's, from results.json. Used by `__main__`.

`python -m tests.bench.chart` draws it again from what was measured before. Needs matplotlib, which only the bench does.
"""

import json
import re
from pathlib import Path
from typing import Any, Final

from .figures import rounds_in_words

_SHOWN_UP_TO: Final = 4.0
"""Times the bare loop. A longer bar is cut there, and its number says how long it is."""

_PANELS: Final = {"cpu_us": ("server CPU a delivery", "µs"), "p99_ms": ("p99, publish to frame", "ms")}


def draw(results: dict[str, Any], path: Path) -> None:
    """One panel a figure, one group of bars a peer, one bar a number of connections."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    peers = list(next(iter(results["fanout"].values()))["summary"])
    figure, axes = pyplot.subplots(1, 2, figsize=(12, 0.75 * len(peers) + 1.6), sharey=True, layout="constrained")
    for axis, (key, (title, unit)) in zip(axes, _PANELS.items(), strict=True):
        _panel(axis, results, peers, key, unit)
        axis.set_title(f"{title}, ÷ bare loop's in the same run")
    axes[0].set_yticks(range(len(peers)), [re.sub("[*`]", "", results["titles"][peer]) for peer in peers])
    axes[0].invert_yaxis()
    axes[1].legend(title="connections", loc="upper right")
    figure.suptitle(
        f"One {results['payload_bytes']}-byte message to N sockets, median of {rounds_in_words(results)}, "
        f"one server core, {results['date'][:10]}"
    )
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _panel(axis: Any, results: dict[str, Any], peers: list[str], key: str, unit: str) -> None:
    sizes = list(results["fanout"])
    height = 0.8 / len(sizes)
    for number, size in enumerate(sizes):
        figures = results["fanout"][size]["summary"]
        ratios = [figures[peer].get(f"{key}_ratio", float("nan")) for peer in peers]
        places = [row - 0.4 + height * (number + 0.5) for row in range(len(peers))]
        shade = 0.35 + 0.6 * (number + 1) / len(sizes)
        lengths = [min(ratio, _SHOWN_UP_TO) for ratio in ratios]
        axis.barh(places, lengths, height * 0.92, color=(0.12, 0.35, 0.6, shade), label=f"{int(size):,}")
        for place, length, ratio, peer in zip(places, lengths, ratios, peers, strict=True):
            arrow = " →" if ratio > _SHOWN_UP_TO else ""
            text = f"{ratio:.2f}× ({figures[peer][key]:.1f} {unit}){arrow}"
            axis.text(length + 0.05, place, text, va="center", fontsize=7)
    axis.axvline(1, color="0.3", linewidth=0.8)
    axis.set_xlim(0, _SHOWN_UP_TO * 1.35)
    axis.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    here = Path(__file__).parent
    draw(json.loads((here / "results.json").read_text()), here / "results.png")
