"""The figures of a row, and the table that a run prints at its end."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, Final

COLUMNS: Final = (
    "lives",
    "dropped",
    "publish while ill",
    "disable while ill",
    "gone",
    "unready",
    "publish after",
    "delivered",
    "ready again",
    "traces",
)
NOT_OF_A_STORE: Final = frozenset({200, 503})


@dataclass
class Figures:
    """Seconds: `unready_s` since the illness began, `gone_s` since the answer, the others since it mended."""

    row: str
    is_alive: bool = False
    dropped: list[str] = field(default_factory=list)
    published_ill: list[tuple[int, float]] = field(default_factory=list)
    disabled_ill: list[int] = field(default_factory=list)
    gone_s: list[float] = field(default_factory=list)
    unready_s: float | None = None
    published_after_s: float | None = None
    delivered_s: float | None = None
    ready_after_s: float | None = None
    traces: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def judge(self) -> None:
        """Names what these figures must not be."""
        if not self.is_alive:
            self.faults.append("a hub process ended")
        if self.dropped:
            self.faults.append(f"agents were dropped: {self.dropped}")
        for status in [status for status, _ in self.published_ill] + self.disabled_ill:
            if status not in NOT_OF_A_STORE:
                self.faults.append(f"answered {status} while ill")
        for cause, count in Counter(self.traces).items():
            if count > 1:
                self.faults.append(f"{count} traces of one cause: {cause}")

    def cells(self) -> list[str]:
        return [
            "yes" if self.is_alive else "NO",
            str(len(self.dropped)),
            " ".join(f"{status} in {took_s:.1f}" for status, took_s in self.published_ill),
            " ".join(map(str, self.disabled_ill)),
            " ".join(f"{gone_s:.1f}" for gone_s in self.gone_s) or "–",
            _seconds(self.unready_s),
            _seconds(self.published_after_s),
            _seconds(self.delivered_s),
            _seconds(self.ready_after_s),
            str(len(self.traces)),
        ]

    def plain(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, plain: dict[str, Any]) -> "Figures":
        return cls(**plain)


def _seconds(figure: float | None) -> str:
    return "–" if figure is None else f"{figure:.1f}"


def table(rows: list[Figures]) -> list[str]:
    """Markdown, one line a row, and below it what broke a promise."""
    lines = [f"| row | {' | '.join(COLUMNS)} |", "|---" * (len(COLUMNS) + 1) + "|"]
    lines += [f"| {figures.row} | {' | '.join(figures.cells())} |" for figures in rows]
    lines += [f"- {figures.row}: {fault}" for figures in rows for fault in figures.faults]
    return lines
