"""Reports: repeated until the hub has this very outcome, never mixed up, and one that cannot be sent ends nothing."""

import msgspec
import pytest

from agent.model.engine import LONGEST_DATA, Ambiguous, State, Submitted
from agent.model.events import NotReported, Reported
from protocol.codec import MAX_FRAME_BYTES, encode
from protocol.messages import Error, Halted, HaltMessage, Hello, Recorded, Result
from tests.agent.stepped_world import settle

from .conftest import NO, Desk

UNKNOWN = Ambiguous(NO)


def unavailable(order_id: int | None = None) -> Error:
    return Error("UNAVAILABLE", "the store is out of reach", order_id)


async def test_unavailable_is_repeated_with_backoff_while_connected(desk: Desk) -> None:
    await desk.push(desk.order())
    for tries in range(2, 7):
        desk.executor.heard(unavailable(1))
        await desk.stepped.pass_s(31)
        assert desk.results() == ["success"] * tries
    pauses = [pause for pause in desk.stepped.slept if 0.5 <= pause <= 31]
    assert max(pauses) > 2 * min(pauses)
    desk.executor.heard(Recorded(1))
    assert desk.entry().state is State.REPORTED
    await desk.stepped.pass_s(100)
    assert len(desk.results()) == 6


async def test_unavailable_of_an_older_hub_that_names_no_order_repeats_all(desk: Desk) -> None:
    await desk.push(desk.order(1))
    await desk.push(desk.order(2))
    desk.executor.heard(unavailable())
    desk.executor.heard(unavailable())
    await desk.stepped.pass_s(2)
    assert desk.results(1) == desk.results(2) == ["success"] * 2


async def test_what_got_no_answer_is_said_again_with_a_heartbeat(desk: Desk) -> None:
    await desk.push(desk.order())
    desk.executor.heartbeat()
    assert len(desk.results()) == 1
    await desk.stepped.pass_s(6)
    desk.executor.heartbeat()
    assert len(desk.results()) == 2


async def test_what_could_not_be_said_is_said_after_the_next_welcome(desk: Desk) -> None:
    desk.is_open = False
    await desk.push(desk.order())
    desk.is_open = True
    await desk.welcome()
    assert desk.results() == ["success"]


async def test_recorded_of_an_unknown_does_not_end_the_report_of_the_fact_after_it(desk: Desk) -> None:
    desk.exchange.answers, desk.exchange.finds = [UNKNOWN], [Submitted("P1")]
    await desk.push(desk.order())
    await desk.stepped.pass_s(5)
    assert (desk.entry().outcome, desk.results()) == ("success", ["unknown"])
    desk.executor.heard(Recorded(1))
    assert (desk.entry().state, desk.results()) == (State.DONE, ["unknown", "success"])
    desk.executor.heard(Recorded(1))
    assert desk.entry().state is State.REPORTED
    assert [event.outcome for event in desk.told(Reported) if isinstance(event, Reported)] == ["success"]


async def test_a_late_answer_to_a_repeated_unknown_does_not_end_the_report_of_the_fact(desk: Desk) -> None:
    desk.exchange.answers, desk.exchange.finds = [UNKNOWN], [Submitted("P1")]
    await desk.push(desk.order())
    desk.executor.heartbeat()
    await desk.welcome()
    await desk.stepped.pass_s(1)
    desk.executor._reports.say(desk.entry())
    desk.executor.heard(Recorded(1))
    assert desk.entry().state is State.REPORTED
    await desk.stepped.pass_s(5)
    assert desk.entry().outcome == "success"
    desk.executor.heard(Recorded(1))
    assert desk.entry().state is State.DONE
    desk.executor.heard(Recorded(1))
    assert desk.entry().state is State.REPORTED


@pytest.mark.parametrize("code", ["NOT_YOURS", "UNKNOWN_ORDER"])
async def test_what_the_hub_will_never_take_is_kept_and_not_repeated(desk: Desk, code: str) -> None:
    await desk.push(desk.order())
    desk.executor.heard(Error(code, "the order is not this device's", 1))
    [told] = desk.told(NotReported)
    assert isinstance(told, NotReported)
    assert told.reason.text() == "the order is not this device's"
    await desk.welcome()
    await desk.again()
    await desk.welcome()
    assert desk.results() == []
    assert (desk.entry().outcome, desk.entry().state, desk.executor.hello().have) == ("success", State.DONE, [])
    assert await desk.executor.wait_until_reported(1)


async def test_an_error_that_is_about_no_order_ends_no_report(desk: Desk) -> None:
    await desk.push(desk.order())
    desk.executor.heard(Error("UNKNOWN_ORDER", "there is no such order"))
    await desk.welcome()
    assert desk.results() == ["success", "success"]


async def test_an_answer_that_is_too_large_is_cut_and_said(desk: Desk) -> None:
    desk.exchange.answers = [
        Submitted("P1", {"rows": ["x" * 1_000] * 200}),
        Submitted("P2", {"a": "\u0000" * LONGEST_DATA}),
    ]
    await desk.push(desk.order(1))
    await desk.push(desk.order(2))
    for order_id in (1, 2):
        [result] = [said for said in desk.said if isinstance(said, Result) and said.order_id == order_id]
        assert result.data is not None
        assert set(result.data) == {"cut", "bytes"}
        assert len(encode(result)) <= MAX_FRAME_BYTES
        assert desk.entry(order_id).outcome == "success"


async def test_one_entry_that_cannot_be_sent_ends_nothing(desk: Desk) -> None:
    deep: dict[str, object] = {}
    for _ in range(50):
        deep = {"in": deep}
    desk.exchange.answers = [Submitted("P1", deep), Submitted("P2", {"what": object()})]
    await desk.push(desk.order(1))
    await desk.push(desk.order(2))
    await desk.push(desk.order(3))
    assert [desk.results(number) for number in (1, 2, 3)] == [["success"]] * 3
    with desk.journal._step() as db:  # as an older version may have written it
        db.execute("UPDATE entries SET data = ? WHERE order_id = 1", (msgspec.json.encode(deep).decode(),))
    await desk.welcome()
    assert [len(desk.results(number)) for number in (1, 2, 3)] == [2, 2, 2]
    assert desk.executor.lives.failure is None


async def test_have_is_all_that_is_not_reported_whatever_the_clock_says(desk: Desk) -> None:
    await desk.push(desk.order(1))
    await desk.push(desk.order(2))
    desk.executor.heard(Recorded(1))
    desk.stepped.set_wall(10 * 86_400_000)
    assert desk.executor.hello().have == [2]


async def test_hello_tells_the_journal_and_a_start_that_follows_the_one_the_hub_knows(desk: Desk) -> None:
    first = desk.executor.hello()
    assert (first.previous, len({first.journal, first.start})) == (None, 2)
    await desk.welcome()
    await desk.again()
    same = desk.executor.hello()
    assert (same.journal, same.start, same.previous) == (first.journal, first.start, None), "no hub has it on disk yet"
    await desk.welcome()
    desk.executor.caught_up()
    await desk.again()
    second = desk.executor.hello()
    assert (second.journal, second.previous) == (first.journal, first.start)
    assert second.start not in (first.start, first.journal)
    assert isinstance(second, Hello)
    encode(second)


async def test_halted_tells_the_last_order_that_was_submitted(desk: Desk) -> None:
    desk.executor.heard(HaltMessage(3, "crash"))
    await desk.push(desk.order(1))
    desk.executor._keep_halting(msgspec.structs.replace(desk.journal.halting, reason=None))
    await desk.push(desk.order(2))
    submitted_ms = desk.entry(2).submitted_ms
    desk.executor.heard(HaltMessage(4, "again"))
    assert [said for said in desk.said if isinstance(said, Halted)] == [Halted(3), Halted(4, 2, submitted_ms)]
    await settle()
