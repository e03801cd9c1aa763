"""What the window shows, by scripted events."""

import random
from decimal import Decimal

import msgspec
import pytest

from agent.model import events
from agent.model.engine import Mode
from agent.model.events import End, Event
from agent.model.reasons import Reason
from agent.ui.figures import Figures, rounded, thinned, wilson
from agent.ui.rows import Stage
from agent.ui.sentences import Tone, hops, missed, next_order
from agent.ui.state import Bar, Placing, View, reduce
from protocol.messages import Order

NOW = 1_800_000_000_000
ORDER = Order(7, "TEN_MINUTE", "BTCUSDT", "LONG", 60, NOW - 40, NOW + 60_000)
FIVE = Decimal(5)
LOGGED_IN = events.LoggedIn("alice", 7, NOW + 86_400_000)
CONNECTED = events.Connected("s1", "alice")


def after(*happened: Event, view: View | None = None) -> View:
    """The view after these, ten milliseconds apart."""
    view = view or View(stake=FIVE)
    for number, event in enumerate(happened):
        view = reduce(view, event, NOW + 10 * number)
    return view


def received(order: Order = ORDER) -> events.OrderReceived:
    return events.OrderReceived(order, NOW, Mode.PAPER)


def done(outcome: str = "success", reason: Reason | None = None) -> events.Executed:
    return events.Executed(7, outcome, Mode.PAPER, reason, "P1")  # type: ignore[arg-type]


def test_an_order_goes_from_received_to_settled() -> None:
    submitting = events.Submitting(7, FIVE, Decimal("0.80"), Mode.PAPER)
    settled = events.Settled(7, Mode.PAPER, "won", "confirmed", Decimal("4.00"))
    steps = [received(), submitting, done(), events.Reported(7, "success", Mode.PAPER), settled]
    stages = [after(*steps[: count + 1]).rows[7].stage for count in range(len(steps))]
    assert stages == [Stage.RECEIVED, Stage.SUBMITTING, Stage.DONE, Stage.DONE, Stage.SETTLED]
    row = after(*steps).rows[7]
    assert (row.stake, row.outcome, row.profit, row.is_reported) == (FIVE, "success", Decimal("4.00"), True)
    assert hops(row) == hops(row).__class__(7, 40, 10, 10)


def test_a_refusal_keeps_its_reason() -> None:
    reason = Reason("limit.max_stake", {"stake": "7", "max": "5"})
    row = after(received(), events.OrderRefused(7, "rejected", Mode.PAPER, reason)).rows[7]
    assert (row.stage, row.outcome, row.reason) == (Stage.DONE, "rejected", reason)


def test_another_order_under_a_known_id_does_not_change_what_became_of_the_first() -> None:
    other = events.OrderRefused(7, "rejected", Mode.PAPER, Reason("order.another"))
    assert after(received(), done(), other).rows[7].outcome == "success"


def test_what_was_unknown_becomes_a_fact_by_the_persons_word() -> None:
    view = after(received(), done("unknown", Reason("driver.interrupted")))
    assert [row.order.id for row in view.unknown] == [7]
    view = reduce(view, events.Resolved(7, "failed", "person"), NOW)
    assert (view.rows[7].outcome, view.rows[7].resolved_by, view.unknown) == ("failed", "person", ())


def test_a_question_stands_until_it_is_over() -> None:
    asked = events.Asked(7, ORDER, FIVE, Decimal("0.80"), ORDER.expires_ms)
    view = after(received(), asked)
    assert (view.questions, view.rows[7].stage) == ((asked,), Stage.ASKED)
    over = reduce(view, events.AskedOver(7), NOW)
    assert (over.questions, over.rows[7].stage) == ((), Stage.RECEIVED)


def test_the_clock_is_not_known_while_there_is_no_connection() -> None:
    view = after(LOGGED_IN, CONNECTED, events.ClockChanged(300, 4))
    assert (view.offset_ms, view.uncertainty_ms) == (300, 4)
    assert reduce(view, events.Disconnected("reset", 2.0), NOW).uncertainty_ms is None


def test_after_sleep_the_window_knows_how_many_were_missed_also_by_what_comes_later() -> None:
    expired = events.OrderRefused(7, "expired", Mode.PAPER, Reason("window.over"))
    view = after(received(), events.Slept(600))
    assert (view.slept_s, view.missed_asleep) == (600, 0)
    assert after(expired, view=view).missed_asleep == 1
    later = msgspec.structs.replace(ORDER, id=8, created_ms=NOW + 1_000, expires_ms=NOW + 2_000)
    gone = events.OrderRefused(8, "expired", Mode.PAPER, Reason("window.over"))
    assert after(received(later), gone, view=view).missed_asleep == 0


@pytest.mark.parametrize(
    ("happened", "changes", "tone", "words"),
    [
        ([], {}, Tone.OFFLINE, "logging in"),
        ([LOGGED_IN], {}, Tone.OFFLINE, "not connected"),
        ([LOGGED_IN, CONNECTED], {}, Tone.GOOD, "The next order is placed on {mode} with {stake} USDT."),
        ([LOGGED_IN, CONNECTED], {"placing": Placing.CONFIRM}, Tone.ASKS, "asks you first"),
        ([LOGGED_IN, CONNECTED], {"placing": Placing.PAUSED}, Tone.PAUSED, "paused by you"),
        ([LOGGED_IN, CONNECTED, events.HaltChanged(1, "stop")], {}, Tone.HALTED, "halted by the admin"),
        ([LOGGED_IN, CONNECTED], {"refuses": Reason("session.over")}, Tone.NEEDS_YOU, "would be refused"),
        (
            [LOGGED_IN, CONNECTED],
            {"bars": (Bar("loss_per_day", FIVE, FIVE, Reason("limit.loss_per_day")),)},
            Tone.NEEDS_YOU,
            "would be refused",
        ),
        ([LOGGED_IN, CONNECTED, events.SessionEnded(End.REPLACED, "x")], {}, Tone.NEEDS_YOU, "log in again"),
    ],
)
def test_the_sentence_says_what_happens_next(
    happened: list[Event], changes: dict[str, object], tone: Tone, words: str
) -> None:
    said = next_order(msgspec.structs.replace(after(*happened), **changes))
    assert said.tone is tone
    assert words in said.template


def test_missed_orders_are_counted_with_the_commonest_reason_first() -> None:
    view = View()
    for number, code in enumerate(["window.over", "halted", "window.over"]):
        order = msgspec.structs.replace(ORDER, id=number)
        refused = events.OrderRefused(number, "expired", Mode.PAPER, Reason(code))
        view = after(received(order), refused, view=view)
    found = missed(view.rows.values(), NOW - 1)
    assert found.count == 3
    assert [(reason.code, count) for reason, count in found.reasons] == [("window.over", 2), ("halted", 1)]
    assert missed(view.rows.values(), NOW + 1).count == 0


def test_a_win_rate_stands_with_its_interval_and_the_rate_that_breaks_even() -> None:
    view = View()
    for number, result in enumerate(["won", "won", "lost", "tie"]):
        order = msgspec.structs.replace(ORDER, id=number)
        ended = events.Settled(number, Mode.PAPER, result, "confirmed", Decimal(4 if result == "won" else -5))  # type: ignore[arg-type]
        placed = events.Submitting(number, FIVE, Decimal("0.80"), Mode.PAPER)
        view = after(received(order), placed, ended, view=view)
    figures = Figures()
    figures.follow(view.rows)
    (rate,) = figures.win_rates(Mode.PAPER)
    assert (rate.won, rate.lost) == (2, 1)
    assert rate.low < rate.rate < rate.high
    assert rate.break_even == pytest.approx(0.5556, abs=1e-4)
    assert figures.win_rates(Mode.LIVE) == []
    assert figures.curve(Mode.PAPER)[-1][1] == -2.0


def test_the_interval_of_wilson_is_the_published_one() -> None:
    low, high = wilson(55, 100)
    assert (round(low, 4), round(high, 4)) == (0.4524, 0.6439)
    assert wilson(0, 0) == (0.0, 1.0)


def test_a_long_curve_is_thinned_to_its_extremes_and_its_end() -> None:
    points = [(float(number), float((number * 7919) % 1000)) for number in range(10_000)]
    drawn = thinned(points, 100)
    assert len(drawn) <= 300
    assert drawn == sorted(drawn)
    assert drawn[-1] == points[-1]
    assert {total for _, total in drawn} >= {0.0, 999.0}
    assert thinned(points[:300], 100) == points[:300]


@pytest.mark.parametrize(
    ("low", "high", "least"), [(0, 0, 1), (-3, 17.3, 1), (1.7e9, 1.7e9 + 86_400, 60), (0, 0.4, 10)]
)
def test_the_range_of_an_axis_has_its_line_in_it_and_seldom_changes(low: float, high: float, least: float) -> None:
    begin, end = rounded(low, high, least)
    span = max(high - low, least)
    assert begin <= low
    assert end >= high
    assert least <= end - begin <= 1.2 * span
    ranges = {rounded(low, high + step * span / 1_000, least) for step in range(100)}
    assert len(ranges) <= 5


def test_figures_that_followed_every_change_are_those_of_somebody_who_comes_last() -> None:
    chance, view, followed = random.Random(3), View(), Figures()
    for _step in range(300):
        number = chance.randrange(40)
        if number not in view.rows:
            view = after(received(msgspec.structs.replace(ORDER, id=number)), view=view)
        view = after(events.Submitting(number, FIVE, Decimal("0.80"), chance.choice(list(Mode))), view=view)
        result, source = chance.choice(["won", "lost", "tie"]), chance.choice(["estimated", "confirmed"])
        profit = Decimal(chance.randrange(-5, 6))
        view = after(events.Settled(number, Mode.PAPER, result, source, profit), view=view)  # type: ignore[arg-type]
        if chance.random() < 0.3:
            followed.follow(view.rows)
    followed.follow(view.rows)
    last = Figures()
    last.follow(view.rows)
    for mode in Mode:
        assert [msgspec.structs.astuple(rate)[:7] for rate in followed.win_rates(mode)] == [
            msgspec.structs.astuple(rate)[:7] for rate in last.win_rates(mode)
        ]
        assert followed.curve(mode) == last.curve(mode)
