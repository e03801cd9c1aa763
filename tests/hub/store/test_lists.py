"""Statements with lists of values, which are executed all day: nothing is left of them for a collection."""

import gc

from hub.clock import now_ms
from hub.store import Store


async def _ask(store: Store) -> None:
    await store.orders.live()
    await store.orders.get_many([1, 2])
    await store.orders.cancelled_among([1])
    await store.orders.note_assigned([1], now_ms())
    await store.orders.note_over([1], now_ms())
    await store.orders.cancel(1, now_ms())
    await store.users.get_many([1])
    await store.users.get_many_now([1, 2, 3])
    await store.changes.states_of([1, 2])
    await store.assignments.owners([1])
    await store.assignments.acked_among(1, [2, 3])
    await store.assignments.outcomes_of(1, [2, 3])
    await store.assignments.close_unsent([1])
    await store.assignments.close_unheard([1])


async def test_a_statement_leaves_nothing_to_collect(store: Store) -> None:
    await _ask(store)  # compiled once, and kept
    gc.collect()
    gc.disable()
    try:
        await _ask(store)
        assert gc.collect() == 0
    finally:
        gc.enable()
