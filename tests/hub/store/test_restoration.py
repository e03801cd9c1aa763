"""A database that came back from a backup, under agents that know newer orders."""

from hub.clock import now_ms
from hub.model.records import CANCELLED
from hub.store import Store
from hub.store.restoration import EPOCH_IDS, PLAUSIBLY_NEWER
from tests.hub.model.test_delivery import draft


async def published(store: Store) -> int:
    return (await store.orders.publish(draft(), now_ms()))[0].order.id


async def test_what_agents_know_beyond_the_database_is_kept_the_highest_of_it(store: Store) -> None:
    newest = await published(store)
    for order_id, is_newer in (
        (newest, False),
        (newest + 9, True),
        (newest + 5, True),
        (newest + PLAUSIBLY_NEWER + 1, False),
    ):
        assert await store.restoration.note_reported(order_id) is is_newer
    assert await store.restoration.newest_reported() == newest + 9


async def test_a_new_epoch_begins_past_all_that_agents_and_the_database_know(store: Store) -> None:
    assert await store.restoration.raise_ids(now_ms()) == (1, EPOCH_IDS + 1)  # nothing known yet
    assert await published(store) == EPOCH_IDS + 1
    await store.restoration.note_reported(3 * EPOCH_IDS + 7)
    assert await store.restoration.raise_ids(now_ms()) == (4, 4 * EPOCH_IDS + 1)
    assert await published(store) == 4 * EPOCH_IDS + 1
    assert not await store.restoration.note_reported(3 * EPOCH_IDS + 7)


async def test_what_stands_in_for_the_epoch_is_an_order_for_nobody(store: Store) -> None:
    await store.restoration.raise_ids(now_ms())
    row = await store.orders.get(EPOCH_IDS)
    assert row is not None
    assert (row.status, row.targets) == (CANCELLED, ())
    assert await store.orders.live() == []
