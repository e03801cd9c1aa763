"""The drawing of the funnel: what a person reads adds up to the users that were meant."""

import io
import re

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from hub.cli.funnel import BAR_WIDTH, bar, draw, line
from hub.model.answers import OrderDetail

from .shapes import funnel, order


@st.composite
def funnels(pick: st.DrawFn) -> OrderDetail:
    """Any funnel whose steps sum."""
    counts = st.integers(0, 300)
    reasons = ("not_connected", "account_expired", "account_disabled", "waiting")
    not_claimed = {why: pick(counts) for why in reasons}
    claimed = pick(counts)
    not_sent = pick(st.integers(0, claimed))
    not_acked = pick(st.integers(0, claimed - not_sent))
    outcomes, left = {}, claimed
    for name in ("success", "failed", "rejected", "expired", "unknown"):
        outcomes[name] = pick(st.integers(0, left))
        left -= outcomes[name]
    steps = {
        "targeted": claimed + sum(not_claimed.values()),
        "claimed": claimed,
        "not_claimed": not_claimed,
        "sent": claimed - not_sent,
        "not_sent": not_sent,
        "acked": claimed - not_sent - not_acked,
        "not_acked": not_acked,
        "outcomes": outcomes | {"open": left},
    }
    return msgspec.convert(order(funnel=steps), OrderDetail)


def drawn(shown: OrderDetail, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(draw(shown))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@given(funnels())
def test_what_is_drawn_adds_up(shown: OrderDetail) -> None:
    text = drawn(shown, width=200)
    found = dict(re.findall(r"^ *([\w ]+?) +[█░]+ +(\d+)", text, re.MULTILINE))
    counts = {name: int(count) for name, count in found.items()}
    gaps = [int(gap) for gap in re.findall(r"-(\d+):", text)]
    assert counts["targeted"] - sum(gaps) == counts["acked"]
    ends = ("success", "failed", "rejected", "expired unplaced", "unknown", "open")
    assert sum(counts.get(name, 0) for name in ends) == counts["claimed"]
    for reason in re.findall(r"-(\d+): (.*)", text):
        assert int(reason[0]) == sum(int(count) for count in re.findall(r"(\d+) \w", reason[1]))


@given(funnels())
def test_a_line_is_one_line_and_changes_with_every_count(shown: OrderDetail) -> None:
    text = line(shown)
    assert "\n" not in text
    steps = shown.funnel
    more = msgspec.structs.replace(steps, sent=steps.sent + 1)
    assert line(msgspec.structs.replace(shown, funnel=more)) != text


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_a_bar_keeps_its_width_and_shows_what_is_there(count: int, whole: int) -> None:
    text = bar(count, whole, "").plain
    assert len(text) == BAR_WIDTH
    assert ("█" in text) == (count > 0 and whole > 0)


def test_the_drawing() -> None:
    shown = msgspec.convert(order(funnel=funnel(success=5, failed=1, rejected=1)), OrderDetail)
    assert [row.rstrip() for row in drawn(shown).splitlines()] == [
        "Order 12: BTCUSDT LONG TEN_MINUTE, valid 60 s, until 2026-01-02 03:05:05 UTC · assigned",
        f"targeted    {'█' * 30}  10",
        f"claimed     {'█' * 24}{'░' * 6}   8  -2: 1 not connected, 1 account expired",
        f"sent        {'█' * 24}{'░' * 6}   8",
        f"acked       {'█' * 21}{'░' * 9}   7  -1: 1 not acked",
        f"  success   {'█' * 15}{'░' * 15}   5",
        f"  failed    {'█' * 3}{'░' * 27}   1",
        f"  rejected  {'█' * 3}{'░' * 27}   1",
        f"  open      {'█' * 3}{'░' * 27}   1",
    ]


def test_it_fits_a_narrow_terminal() -> None:
    shown = msgspec.convert(order(), OrderDetail)
    assert max(len(row) for row in drawn(shown, width=60).splitlines()) <= 60
