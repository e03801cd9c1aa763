"""What may stand at the exchange: asked about where it was taken, until somebody knows; never submitted again."""

import itertools

import pytest

from agent.model.engine import Ambiguous, Mode, NotSent, Refused, State, Submitted
from agent.model.events import HubSaid, Resolved
from agent.model.reasons import Reason
from agent.trading.reconciling import LISTED_S, LONGEST_PAUSE_S, pause_s
from protocol.messages import CAUGHT_UP, Cancel, Outcome, Recorded
from tests.agent.stepped_world import settle

from .conftest import NO, Desk, ToldExchange

UNKNOWN = Ambiguous(NO)


async def test_unknown_is_asked_about_again_with_backoff_and_becomes_a_fact(desk: Desk) -> None:
    desk.exchange.answers, desk.exchange.finds = [UNKNOWN], [None, None, None, Submitted("P1")]
    await desk.push(desk.order())
    desk.executor.heard(Recorded(1))
    assert desk.entry().state is State.REPORTED
    await desk.stepped.pass_s(60)
    assert desk.exchange.asked == [1, 1, 1, 1]
    entry = desk.entry()
    assert (entry.outcome, entry.exchange_order_id, entry.resolved_by) == ("success", "P1", "exchange")
    assert desk.results() == ["unknown", "success"]
    assert desk.told(Resolved) == [Resolved(1, "success", "exchange")]
    await desk.stepped.pass_s(3_600)
    assert (len(desk.exchange.asked), desk.exchange.submitted) == (4, [1])


async def test_a_driver_that_fails_cannot_tell_and_is_asked_again(desk: Desk) -> None:
    desk.exchange.answers, desk.exchange.finds = [UNKNOWN], [OSError("MARK"), Refused(NO)]
    await desk.push(desk.order())
    await desk.stepped.pass_s(10)
    assert desk.entry().outcome == "failed"
    assert desk.executor.lives.failure is None


def test_the_pauses_grow_and_have_an_end() -> None:
    ages = [0.0]
    while ages[-1] < LISTED_S:
        ages.append(ages[-1] + pause_s(ages[-1]))
    pauses = [after - before for before, after in itertools.pairwise(ages)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (2, LONGEST_PAUSE_S)


async def test_it_is_asked_about_as_long_as_it_is_listed_and_over_restarts(desk: Desk) -> None:
    desk.exchange.answers = [UNKNOWN]
    await desk.push(desk.order())
    await desk.again()
    await desk.stepped.pass_s(10)
    assert desk.exchange.asked
    desk.stepped.set_wall(int(LISTED_S * 1000))
    await desk.again()
    desk.exchange.asked.clear()
    await desk.stepped.pass_s(10_000)
    assert desk.exchange.asked == []
    assert desk.entry().outcome == "unknown"


async def test_what_was_interrupted_is_asked_about_once_and_is_unknown_until_it_is_known(desk: Desk) -> None:
    desk.leave_submitting(desk.order())
    desk.exchange.finds = [None, Submitted("P1")]
    await desk.again()
    assert (desk.entry().outcome, desk.exchange.asked) == ("unknown", [1])
    await desk.stepped.pass_s(5)
    assert (desk.entry().outcome, desk.exchange.submitted) == ("success", [])


@pytest.mark.parametrize(
    ("name", "mode"), [("binance-web", Mode.LIVE), ("paper", Mode.LIVE), ("binance-web", Mode.PAPER)]
)
async def test_only_the_exchange_that_took_it_is_asked(desk: Desk, name: str, mode: Mode) -> None:
    other = ToldExchange(name, mode)
    desk.leave_submitting(desk.order(1), name, mode)
    desk.leave_submitting(desk.order(2))
    desk.others = [other]
    await desk.again()
    await desk.stepped.pass_s(5)
    assert set(other.asked) == {1}
    assert set(desk.exchange.asked) == {2}


async def test_nobody_is_asked_where_the_exchange_that_took_it_is_not_here(desk: Desk) -> None:
    desk.leave_submitting(desk.order(), "binance-web", Mode.LIVE)
    await desk.again()
    await desk.stepped.pass_s(5)
    assert (desk.entry().outcome, desk.exchange.asked) == ("unknown", [])
    assert desk.entry().message == "it was given to binance-web (LIVE), which this agent does not have"


async def test_a_fact_that_came_while_the_exchange_was_asked_stands(desk: Desk) -> None:
    desk.exchange.answers, desk.exchange.finds = [UNKNOWN], [Refused(NO)]
    await desk.push(desk.order())
    assert desk.executor.resolve(1, "success")
    await desk.stepped.pass_s(100)
    assert (desk.entry().outcome, desk.entry().resolved_by, desk.exchange.asked) == ("success", "person", [])


async def test_the_persons_word_is_heeded_while_it_runs_and_only_for_what_is_unknown(desk: Desk) -> None:
    desk.executor.recover()
    desk.exchange.answers = [UNKNOWN]
    await desk.push(desk.order(1))
    await desk.push(desk.order(2))
    desk.resolutions = {1: "failed", 2: "failed", 3: "success"}
    await desk.stepped.pass_s(3)
    assert (desk.entry(1).outcome, desk.entry(1).resolved_by) == ("failed", "person")
    assert (desk.entry(2).outcome, desk.entry(2).resolved_by) == ("success", None)


# what the hub has already


async def test_a_fact_of_the_hubs_ends_an_unknown_here(desk: Desk) -> None:
    desk.exchange.answers = [UNKNOWN]
    await desk.push(desk.order())
    desk.executor.heard(Recorded(1, "success"))
    entry = desk.entry()
    assert (entry.outcome, entry.resolved_by, entry.state) == ("success", "hub", State.REPORTED)
    assert desk.results() == ["unknown"]


@pytest.mark.parametrize("outcome", ["success", "failed", "unknown", "expired"])
async def test_a_fact_here_is_not_changed_by_what_the_hub_has(desk: Desk, outcome: Outcome) -> None:
    await desk.push(desk.order())
    desk.executor.heard(Recorded(1, outcome))
    assert desk.entry().outcome == "success"
    assert (desk.entry().state is State.REPORTED) is (outcome == "success")


@pytest.mark.parametrize("outcome", ["success", "failed", "rejected", "expired", "unknown"])
async def test_what_the_hub_has_an_outcome_of_in_window_is_not_submitted(desk: Desk, outcome: Outcome) -> None:
    desk.journal.note_received(desk.order(), desk.clock.now(), "paper", Mode.PAPER)
    await desk.again()
    await desk.welcome(features=[CAUGHT_UP])
    desk.executor.heard(Recorded(1, outcome))
    desk.executor.caught_up()
    await settle()
    assert (desk.entry().outcome, desk.entry().state, desk.exchange.submitted) == (outcome, State.REPORTED, [])


async def test_an_unknown_that_only_the_hub_told_is_not_asked_about_here(desk: Desk) -> None:
    """It was given out to another journal: that this exchange never got it from here says nothing."""
    desk.journal.note_received(desk.order(), desk.clock.now(), "paper", Mode.PAPER)
    desk.exchange.finds = [Refused(NO), Refused(NO)]
    await desk.again()
    await desk.welcome(features=[CAUGHT_UP])
    desk.executor.heard(Recorded(1, "unknown"))
    desk.executor.caught_up()
    await desk.stepped.pass_s(600)
    await desk.again()
    await desk.stepped.pass_s(600)
    assert (desk.entry().outcome, desk.exchange.asked, desk.exchange.submitted) == ("unknown", [], [])


async def test_past_its_window_an_order_here_ends_truer_than_by_the_hubs_guess(desk: Desk) -> None:
    desk.journal.note_received(desk.order(valid_s=1), desk.clock.now(), "paper", Mode.PAPER)
    await desk.stepped.pass_s(100)
    await desk.again()
    await desk.welcome()
    desk.executor.heard(Recorded(1, "unknown"))
    desk.executor.caught_up()
    await settle()
    assert (desk.entry().outcome, desk.results(), desk.exchange.submitted) == ("expired", ["expired"], [])


async def test_nothing_that_was_received_before_goes_on_before_the_hub_has_said_all_however_long_it_takes(
    desk: Desk,
) -> None:
    desk.journal.note_received(desk.order(1), desk.clock.now(), "paper", Mode.PAPER)
    desk.journal.note_received(desk.order(2), desk.clock.now(), "paper", Mode.PAPER)
    await desk.again()
    assert desk.executor.hello().have == [2, 1]
    await desk.welcome(features=[CAUGHT_UP])
    await desk.stepped.pass_s(30)
    assert desk.exchange.submitted == []
    desk.executor.heard(Cancel(1, "cancelled by the admin"))
    desk.executor.caught_up()
    await settle()
    assert ((desk.entry(1).outcome, desk.entry(2).outcome), desk.exchange.submitted) == (("rejected", "success"), [2])


async def test_an_order_under_way_as_the_connection_breaks_waits_for_what_the_next_one_says(desk: Desk) -> None:
    await desk.stepped.pass_s(10)
    desk.clock.ask_by(None)
    await desk.push(desk.order(1))
    await desk.push(desk.order(2))
    desk.executor.hello()
    desk.clock.restart(desk.sample())
    await desk.welcome(features=[CAUGHT_UP])
    await desk.push(desk.order(3))
    assert desk.exchange.submitted == [3], "what is new does not wait"
    desk.executor.heard(Cancel(1, "cancelled by the admin"))
    desk.executor.caught_up()
    await settle()
    assert (desk.entry(1).outcome, desk.exchange.submitted) == ("rejected", [3, 2])


async def test_what_waits_for_a_hub_that_never_says_all_expires(desk: Desk) -> None:
    await desk.stepped.pass_s(10)
    desk.clock.ask_by(None)
    await desk.push(desk.order(1, valid_s=5))
    desk.executor.hello()
    desk.clock.restart(desk.sample())
    await desk.stepped.pass_s(6)
    assert (desk.entry(1).outcome, desk.exchange.submitted) == ("expired", [])


async def test_hello_names_the_newest_order_that_was_ever_here(desk: Desk) -> None:
    assert desk.executor.hello().newest_order_id is None
    await desk.push(desk.order(7))
    desk.executor.heard(Recorded(7))
    await desk.push(desk.order(3))
    assert (desk.executor.hello().newest_order_id, desk.executor.hello().have) == (7, [3])


async def test_a_hub_whose_newest_order_is_older_than_ours_has_nothing_placed(desk: Desk) -> None:
    await desk.push(desk.order(7))
    await desk.welcome(newest_order_id=3)
    [said] = [event for event in desk.told(HubSaid) if isinstance(event, HubSaid)]
    assert said.code == "HUB_IS_BEHIND"
    await desk.push(desk.order(4))
    assert (desk.entry(4).outcome, desk.exchange.submitted) == ("rejected", [7])
    assert desk.entry(4).message.startswith("the hub's newest order is 3, this computer has had 7")
    await desk.welcome(newest_order_id=8)
    await desk.push(desk.order(8))
    assert desk.exchange.submitted == [7, 8]


# the deadline of a submission


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (NotSent(Reason("window.over"), is_late=True), "expired"),
        (NotSent(Reason("driver.failed", {"kind": "OSError"})), "failed"),
        (Ambiguous(NO), "unknown"),
    ],
    ids=["late and not sent", "not sent", "may have left"],
)
async def test_only_where_no_byte_left_is_it_expired_or_failed(
    desk: Desk, answer: NotSent | Ambiguous, outcome: Outcome
) -> None:
    desk.exchange.answers = [answer]
    await desk.push(desk.order(valid_s=30))
    assert desk.entry().outcome == outcome
    assert 29 < desk.exchange.within_s < 30


async def test_an_exchange_that_never_answers_is_unknown_after_a_while(desk: Desk) -> None:
    desk.exchange.answers = [None]
    await desk.push(desk.order())
    await desk.stepped.pass_s(59)
    assert desk.entry().state is State.SUBMITTING
    await desk.stepped.pass_s(2)
    assert (desk.entry().outcome, desk.exchange.submitted) == ("unknown", [1])


async def test_a_submission_waits_for_a_fresh_sample_and_is_never_late(desk: Desk) -> None:
    await desk.stepped.pass_s(10)
    desk.clock.ask_by(None)
    await desk.push(desk.order(1, valid_s=5))
    await desk.push(desk.order(2, valid_s=60))
    await desk.stepped.pass_s(10)
    assert (desk.entry(1).outcome, desk.exchange.submitted) == ("expired", [])
    desk.clock.add(desk.sample())
    await settle()
    assert desk.exchange.submitted == [2]


async def test_a_paused_machine_asks_the_hub_and_finds_that_it_is_late(desk: Desk) -> None:
    """Both clocks of a paused machine stand still: nothing but the hub can tell."""
    order = desk.order(valid_s=5)
    await desk.stepped.pass_s(2.5)
    desk.hub_ahead_ms = 3_000
    await desk.push(order)
    assert (desk.entry().outcome, desk.exchange.submitted) == ("expired", [])
