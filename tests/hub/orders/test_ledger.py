"""Deliveries written behind: a fact leaves memory only when committed or refused; nobody hears `recorded` before."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import delete

from hub.clock import now_ms
from hub.errors import Unavailable
from hub.model.delivery import Delivery, Reported, State, leaving
from hub.model.records import AssignmentRow
from hub.orders.facts import ChunkSent, Verdict
from hub.orders.ledger import Ledger
from hub.store import Store
from hub.store.migrations import migrate
from hub.store.tables import users
from tests.hub.model.test_delivery import Holder, draft
from tests.services.mariadb import MariaDB
from tests.services.waiting import eventually

AT = 1_750_000_000_000


async def trader(store: Store, name: str = "ann") -> int:
    return await store.users.create(name, "x", "trader", None, 0)


async def order(store: Store) -> int:
    return (await store.orders.publish(draft(), AT))[0].order.id


async def rows(store: Store, order_id: int) -> list[AssignmentRow]:
    return (await store.assignments.of_order(order_id, None, AT))[0]


@asynccontextmanager
async def writing(ledger: Ledger) -> AsyncIterator[None]:
    task = asyncio.create_task(ledger.write_forever())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def success(device_id: str = "phone") -> Reported:
    return Reported(device_id, "success", AT + 5, "taken", {"orderId": "9"})


def sent(order_id: int, user_id: int, device_id: str = "phone") -> ChunkSent:
    return ChunkSent(order_id, AT, [Holder(user_id, device_id)], frozenset())


async def test_facts_become_one_row_and_the_order_is_assigned(store: Store) -> None:
    ledger, user_id, order_id = Ledger(store, now_ms), await trader(store), await order(store)
    async with writing(ledger):
        ledger.sent(sent(order_id, user_id))
        ledger.acked(order_id, user_id, "phone", AT + 1)
        assert await ledger.report(order_id, user_id, success()) == "recorded"
    (row,) = await rows(store, order_id)
    assert (row.device_id, row.assigned_ms, row.acked_ms, row.executed_ms) == ("phone", AT, AT + 1, AT + 5)
    assert (row.outcome, row.message, row.was_sent) == ("success", "taken", True)
    found = await store.orders.get(order_id)
    assert found is not None
    assert found.status == 2
    assert ledger.depth == 0


async def test_recorded_means_committed(store: Store) -> None:
    """Seen from another connection in the very moment of the answer."""
    ledger, user_id, order_id = Ledger(store, now_ms), await trader(store), await order(store)
    answers: list[Verdict] = []
    ledger.reported(order_id, user_id, success(), answers.append)
    await asyncio.sleep(0)
    assert answers == []
    await ledger.flush()
    assert answers == ["recorded"]
    assert len(await rows(store, order_id)) == 1


async def test_another_devices_report_is_refused_and_changes_nothing(store: Store) -> None:
    ledger, user_id, order_id = Ledger(store, now_ms), await trader(store), await order(store)
    async with writing(ledger):
        ledger.sent(sent(order_id, user_id))
        assert await ledger.report(order_id, user_id, success("laptop")) == "not_owner"
        await eventually(lambda: ledger.depth == 0, "all is written")
        assert await ledger.report(order_id, user_id, success("laptop")) == "not_owner"
        assert (await rows(store, order_id))[0].outcome is None
        assert await ledger.report(order_id, user_id, success()) == "recorded"


async def test_a_strangers_report_does_not_stand_in_the_owners_way(store: Store) -> None:
    """Both in one batch, the stranger's first: the row decides whose it is, not who came first to this process."""
    ledger, user_id, order_id = Ledger(store, now_ms), await trader(store), await order(store)
    ledger.sent(sent(order_id, user_id))
    await ledger.flush()
    answers: list[tuple[str, Verdict]] = []
    ledger.reported(order_id, user_id, success("laptop"), lambda verdict: answers.append(("laptop", verdict)))
    ledger.reported(order_id, user_id, success("phone"), lambda verdict: answers.append(("phone", verdict)))
    await ledger.flush()
    assert sorted(answers) == [("laptop", "not_owner"), ("phone", "recorded")]
    assert (await rows(store, order_id))[0].outcome == "success"


async def test_an_order_that_never_was(store: Store) -> None:
    ledger, user_id, order_id = Ledger(store, now_ms), await trader(store), await order(store)
    async with writing(ledger):
        ledger.acked(987_654_321, user_id, "phone", AT)
        strange, good = await asyncio.gather(
            ledger.report(987_654_321, user_id, success()), ledger.report(order_id, user_id, success())
        )
    assert (strange, good) == ("no_such_order", "recorded")


async def test_a_row_that_cannot_be_written_takes_no_other_with_it(store: Store) -> None:
    """The user was deleted in the meantime."""
    ledger, order_id = Ledger(store, now_ms), await order(store)
    people = [await trader(store, f"user{number}") for number in range(5)]
    async with store.database.writing() as connection:
        await connection.execute(delete(users).where(users.c.id == people[2]))
    ledger.sent(ChunkSent(order_id, AT, [Holder(user_id, "phone") for user_id in people], frozenset()))
    async with writing(ledger):
        verdicts = await asyncio.gather(*(ledger.report(order_id, user_id, success()) for user_id in people))
    assert verdicts == ["recorded", "recorded", "not_owner", "recorded", "recorded"]
    assert [row.user_id for row in await rows(store, order_id)] == [people[i] for i in (0, 1, 3, 4)]


async def test_data_of_any_shape_is_written(store: Store) -> None:
    ledger, user_id = Ledger(store, now_ms), await trader(store)
    shapes: list[dict[str, object]] = [{"big": 10**40}, {"\u0000": "🚀\u202e"}, {"x": "y" * 60_000}, {"f": 1e308}]
    async with writing(ledger):
        for shape in shapes:
            event = Reported("phone", "failed", AT, "下单 \u0000 🚀", shape)
            assert await ledger.report(await order(store), user_id, event) == "recorded"


async def test_reports_wait_up_to_a_number_of_bytes_and_then_stay_with_their_agents(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.orders.ledger.PENDING_BYTES", 50_000)
    monkeypatch.setattr("hub.orders.ledger.MOST_BYTES", 100_000)
    ledger, order_id = Ledger(store, now_ms), await order(store)
    people = [await trader(store, f"user{number}") for number in range(4)]
    answers: list[Verdict] = []
    long = Reported("phone", "success", AT, "taken", {"words": "x" * 40_000})
    for user_id in people:
        ledger.reported(order_id, user_id, long, answers.append)
    assert answers == ["full", "full"]  # the first two wait
    assert ledger.is_full  # and nothing new is claimed
    await ledger.flush()
    assert answers == ["full", "full", "recorded", "recorded"]
    assert not ledger.is_full
    ledger.reported(order_id, people[2], long, answers.append)
    await ledger.flush()
    assert answers[-1] == "recorded"
    assert sorted(row.user_id for row in await rows(store, order_id)) == people[:3]


async def test_facts_without_words_are_bounded_by_rows(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.orders.ledger.MOST_ROWS", 10)
    ledger, user_id, order_id = Ledger(store, now_ms), await trader(store), await order(store)
    answers: list[Verdict] = []
    for number in range(1_000):
        ledger.acked(order_id, user_id, "phone", AT + number)
        ledger.settled(order_id, user_id, "phone", "won estimated", AT)
    ledger.reported(order_id, user_id, success(), answers.append)
    assert (ledger.depth, answers) == (10, ["full"])


@pytest.mark.parametrize(
    ("frame", "outcome"), [("went", "unknown"), ("did not go", "expired"), ("nobody knows", "unknown")]
)
async def test_what_was_committed_before_its_frame_left_is_expired_only_if_it_did_not_leave(
    store: Store, frame: str, outcome: str
) -> None:
    """Where nobody knows, the process died in between: the order may stand at the exchange."""
    ledger, user_id, order_id = Ledger(store, now_ms), await trader(store), await order(store)
    await ledger.commit([leaving(order_id, user_id, "phone", AT, None)])
    if frame != "nobody knows":
        unsent = frozenset({user_id}) if frame == "did not go" else frozenset[int]()
        ledger.sent(ChunkSent(order_id, AT, [Holder(user_id, "phone")], unsent))
        await ledger.flush()
    await store.assignments.close_unsent([order_id])
    await store.assignments.close_unheard([order_id])
    assert [row.outcome for row in await rows(store, order_id)] == [outcome]


async def test_a_frame_that_could_not_go_and_is_about_to_go_again_may_have_gone(store: Store) -> None:
    ledger, user_id, order_id = Ledger(store, now_ms), await trader(store), await order(store)
    ledger.sent(ChunkSent(order_id, AT, [Holder(user_id, "phone")], frozenset({user_id})))
    await ledger.flush()
    await ledger.commit([leaving(order_id, user_id, "phone", AT, None)])
    await store.assignments.close_unsent([order_id])
    assert [(row.outcome, row.was_sent) for row in await rows(store, order_id)] == [(None, False)]


async def test_a_commit_says_whose_rows_they_are(store: Store) -> None:
    ledger, ann, ben, order_id = (
        Ledger(store, now_ms),
        await trader(store),
        await trader(store, "ben"),
        await order(store),
    )
    await ledger.commit([Delivery(order_id, ann, State.CLAIMED, "phone", AT)])
    both = [Delivery(order_id, user_id, State.CLAIMED, "laptop", AT + 1) for user_id in (ann, ben)]
    assert await ledger.commit(both) == {(order_id, ben, "laptop")}
    assert [row.device_id for row in await rows(store, order_id)] == ["phone", "laptop"]


async def test_facts_wait_for_the_database_and_are_confirmed_after_it_is_back(
    own_mariadb: Callable[[], MariaDB],
) -> None:
    server = await asyncio.to_thread(own_mariadb)
    url = server.url(await asyncio.to_thread(server.create_database))
    await asyncio.to_thread(migrate, url)
    store = Store(url)
    ledger, user_id, order_id = Ledger(store, now_ms), await trader(store), await order(store)
    answers: list[Verdict] = []
    async with writing(ledger):
        await asyncio.to_thread(server.kill)
        ledger.sent(sent(order_id, user_id))
        ledger.reported(order_id, user_id, success(), answers.append)
        with pytest.raises(Unavailable):
            await ledger.flush()
        ledger.acked(order_id, user_id, "phone", AT + 1)
        assert answers == []
        assert ledger.depth > 0
        await asyncio.to_thread(server.start)
        await eventually(lambda: answers == ["recorded"], "the report is recorded")
        await eventually(lambda: ledger.depth == 0, "nothing waits")
    assert [(row.outcome, row.device_id) for row in await rows(store, order_id)] == [("success", "phone")]
    await store.close()
