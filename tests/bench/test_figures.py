"""From samples to figures: quantiles, ratios round by round, the page's generated part."""

from pathlib import Path
from typing import Any

from .figures import bars, middle_half, ratios, rounds_in_words, summary
from .peers.base import payload
from .recorder import order_id_in, quantile
from .report import BEGIN, END, write_page

SAMPLES: dict[str, list[dict[str, Any]]] = {
    "bare": [{"p50_ms": 1.0 * n, "p99_ms": 2.0 * n, "max_ms": 3.0 * n, "cpu_us": 10.0 * n} for n in (1, 2, 3)],
    "hub": [{"p50_ms": 1.2 * n, "p99_ms": 2.4 * n, "max_ms": 3.6 * n, "cpu_us": 12.0 * n} for n in (1, 2, 3)],
}
COST = {"connects_per_s": 2_000, "kib_per_connection": 20.0, "kib_per_connection_with_process": 25.0}


def results() -> dict[str, Any]:
    fanout = {"samples": SAMPLES, "summary": summary(SAMPLES), "connect": dict.fromkeys(SAMPLES, COST)}
    return {
        "date": "2026-01-01T00:00:00+00:00",
        "machine": {"cores": 2, "cpu": "a processor", "kernel": "6"},
        "payload_bytes": 200,
        "rounds": {"5000": 3},
        "load_before": 0.1,
        "versions": {"bare": "Python"},
        "titles": {"bare": "bare loop", "hub": "hub"},
        "fanout": {"5000": fanout},
        "hub": {"5000": {"idle": {"percent_per_1000": 1.5}}},
    }


def test_a_quantile_is_a_value_that_was_measured() -> None:
    ordered = list(range(1, 101))
    assert [quantile(ordered, rank) for rank in (0.5, 0.99, 1.0)] == [50, 99, 100]
    assert quantile([7], 0.5) == 7


def test_a_machine_that_slows_down_changes_no_ratio() -> None:
    assert [round(value, 6) for value in ratios(SAMPLES, "hub", "bare", "p99_ms")] == [1.2, 1.2, 1.2]
    assert round(summary(SAMPLES)["hub"]["cpu_us_ratio"], 6) == 1.2


def test_bars_stand_for_what_was_measured_only() -> None:
    met = {bar.figure: bar.is_met for bar in bars(results())}
    assert met["CPU per claimed delivery ÷ bare loop's"]
    assert met["connects a second, with token check"]
    assert not met["idle CPU a thousand connections"]
    assert not any("Nchan" in figure or "restart" in figure for figure in met)


def test_the_order_is_found_in_the_frame_that_all_send() -> None:
    assert order_id_in(payload(1_000_007)) == 1_000_007
    assert order_id_in(b'{"type":"time","t0_ms":1}') is None


def test_only_the_generated_part_of_the_page_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(f"# Performance\n\nWhat we tried.\n\n{BEGIN}\nold figures\n{END}\n\nWhat is left.\n")
    write_page(results(), page)
    write_page(results(), page)
    text = page.read_text()
    assert text.startswith("# Performance\n\nWhat we tried.\n")
    assert text.endswith(f"{END}\n\nWhat is left.\n")
    assert "old figures" not in text
    assert text.count("### 5,000 connections") == 1


def test_bars_judged_at_another_size_say_so(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(f"{BEGIN}\n{END}\n")
    write_page(results(), page)
    assert "The bars are set for" not in page.read_text()
    smaller = results()
    smaller["fanout"] = {"1000": smaller["fanout"]["5000"]}
    smaller["hub"] = {}
    write_page(smaller, page)
    assert "The bars are set for 5,000 agents; this run judges 1,000." in page.read_text()


def test_the_page_says_of_how_many_rounds_each_figure_is_the_median() -> None:
    assert rounds_in_words({"rounds": {"1000": 7, "10000": 7}}) == "7 rounds"
    assert rounds_in_words({"rounds": {"1000": 7, "5000": 21}}) == "7 rounds, 21 at 5,000 connections"


def test_where_the_middle_half_lies() -> None:
    assert middle_half([5.0, 1.0, 2.0, 4.0, 3.0]) == (2.0, 4.0)
    assert middle_half([1.0, 2.0, 3.0]) is None
