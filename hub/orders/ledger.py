"""Deliveries written behind: facts come in without waiting, rows go out in batches.

The one place that every change of a delivery passes. The invariant: a fact leaves memory only when it is
committed or refused by the database; while it is away, or does not take our statements, facts wait, merged a row each,
and nobody is told `recorded`.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import structlog

from hub.clock import Clock
from hub.errors import Rejected, Unavailable
from hub.model.delivery import Acked, Delivery, Reported, Settled
from hub.orders.facts import Answer, Batch, ChunkSent, Fact, Key, Verdict, size_of
from hub.runtime import metrics
from hub.store import Store
from hub.store.assignments import Written

BATCH_ROWS: Final = 5_000
PENDING_ROWS: Final = 200_000
PENDING_BYTES: Final = 64 * 1024 * 1024
"""Of words and data in reports, as JSON, that may wait; an agent whose report is one too many keeps it and says it
again."""
MOST_ROWS: Final = 2 * PENDING_ROWS
MOST_BYTES: Final = 2 * PENDING_BYTES
"""What waits may not grow beyond these, whatever agents say."""
GATHER_S: Final = 0.02
HELD_S: Final = 0.25
_RETRY_S: Final = (0.05, 0.1, 0.2, 0.5, 1.0)

log = structlog.get_logger(__name__)


class Ledger:
    """What this process knows of deliveries and has not committed yet."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._clock = clock
        self._store = store
        self._facts: list[ChunkSent | Fact] = []
        self._batch = Batch()
        self._rows_queued = 0
        self._bytes = 0
        self._wake = asyncio.Event()
        self._writing = asyncio.Lock()
        self._calm = asyncio.Event()
        self._calm.set()
        self._fan_outs = 0
        self._oldest_s: float | None = None
        self._assigned: set[int] = set()
        self._known_orders: set[int] = set()

    @property
    def depth(self) -> int:
        """Facts and rows that are not committed yet."""
        return self._rows_queued + len(self._batch.deliveries)

    @property
    def oldest_s(self) -> float:
        """How long something has waited without a break; 0 where nothing waits."""
        return 0.0 if self._oldest_s is None else time.monotonic() - self._oldest_s

    @property
    def is_full(self) -> bool:
        """Whether so much waits for the database that new claims should wait too."""
        return self.depth > PENDING_ROWS or self._bytes > PENDING_BYTES

    @contextmanager
    def held(self) -> Iterator[None]:
        """While frames go out, rows wait: the order must reach everyone before it is written who has it."""
        self._fan_outs += 1
        self._calm.clear()
        try:
            yield
        finally:
            self._fan_outs -= 1
            if not self._fan_outs:
                self._calm.set()

    def know_order(self, order_id: int) -> None:
        """The order is in the database: facts about it need no look-up."""
        self._known_orders.add(order_id)

    def forget_order(self, order_id: int) -> None:
        self._known_orders.discard(order_id)
        self._assigned.discard(order_id)

    def sent(self, chunk: ChunkSent) -> None:
        self._put(chunk, len(chunk.holders))

    def acked(self, order_id: int, user_id: int, device_id: str, at_ms: int) -> None:
        """Dropped where too much waits already: the result says the same, and the device says it again."""
        if self._is_over():
            return
        self._put(Fact(order_id, user_id, Acked(device_id, at_ms)), 1)

    def reported(self, order_id: int, user_id: int, event: Reported, answer: Answer) -> None:
        """`answer` is called once: after the commit, or when the fact cannot be taken."""
        size = size_of(event)
        if self._is_over(size):
            return answer("full")
        self._bytes += size
        return self._put(Fact(order_id, user_id, event, answer, size), 1)

    def settled(self, order_id: int, user_id: int, device_id: str, settlement: str, at_ms: int) -> None:
        """How the position ended. Dropped where too much waits already."""
        if not self._is_over():
            self._put(Fact(order_id, user_id, Settled(device_id, settlement, at_ms)), 1)

    async def report(self, order_id: int, user_id: int, event: Reported) -> Verdict:
        """The same, awaited. Raises Unavailable when the database is away: it will be written all the same, unless the
        verdict is `full`."""
        verdict: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self.reported(order_id, user_id, event, lambda v: None if verdict.done() else verdict.set_result(v))
        try:
            async with asyncio.timeout(5):
                return await verdict
        except TimeoutError:
            raise Unavailable("the database", "the result waits to be written") from None

    async def commit(self, deliveries: Sequence[Delivery]) -> set[Key]:
        """Writes these rows now; returns those that belong to their device. Raises Unavailable."""
        async with self._writing:
            await self._note_assigned({delivery.order_id for delivery in deliveries})
            try:
                return (await self._store.assignments.record(deliveries, confirm=deliveries)).ours
            except Rejected:
                return (await self._write_one_by_one(deliveries)).ours

    async def insert(self, delivery: Delivery) -> bool:
        """Writes this row now, if the user has none of this order. Raises Unavailable."""
        await self._note_assigned({delivery.order_id})
        is_first = await self._store.assignments.insert(delivery)
        if is_first and delivery.acked_ms is not None:
            metrics.ACKS.inc()
        return is_first

    async def close_unsent(self, order_ids: list[int]) -> None:
        """Ends as `expired` what was never sent of orders past their window. Raises Unavailable."""
        metrics.OUTCOMES.labels("expired").inc(await self._store.assignments.close_unsent(order_ids))

    async def close_unheard(self, order_ids: list[int]) -> None:
        """Ends as `unknown` what was sent and not reported of orders long past their window. Raises Unavailable."""
        metrics.OUTCOMES.labels("unknown").inc(await self._store.assignments.close_unheard(order_ids))

    async def write_forever(self) -> None:
        """Commits what comes in, in batches; waits for the database. Called again, goes on where it was."""
        failures = 0
        while True:
            await self._wake.wait()
            # Facts come in bursts: a moment's patience makes one statement of a thousand acks.
            await asyncio.sleep(GATHER_S if not failures else _RETRY_S[min(failures, len(_RETRY_S)) - 1])
            await self._wait_for_calm()
            try:
                await self.flush()
            except Unavailable as error:
                failures += 1
                if failures in (1, 10, 100):
                    log.warning("rows wait for the database", rows=self.depth, error=str(error))
            else:
                failures = 0

    async def _wait_for_calm(self) -> None:
        """Until no fan-out is under way, but never long: a store that hangs must not hold the record back."""
        try:
            async with asyncio.timeout(HELD_S):
                await self._calm.wait()
        except TimeoutError:
            log.info("rows are written while orders go out", rows=self.depth)

    async def flush(self) -> None:
        """Commits everything that has come in. Raises Unavailable, and keeps it."""
        async with self._writing:
            while self._facts or self._batch.deliveries:
                self._gather()
                await self._write(self._batch)
                self._bytes -= self._batch.size
                self._batch = Batch()
            self._oldest_s = None
            self._wake.clear()

    def _is_over(self, size: int = 0) -> bool:
        """Whether one fact more is too much, also for facts of claims that were made before it was."""
        return self.depth >= MOST_ROWS or self._bytes + size > MOST_BYTES

    def _put(self, fact: ChunkSent | Fact, rows: int) -> None:
        if self._oldest_s is None:
            self._oldest_s = time.monotonic()
        self._facts.append(fact)
        self._rows_queued += rows
        self._wake.set()

    def _gather(self) -> None:
        """Moves facts into the batch, merged a row each, up to its size."""
        taken = 0
        for fact in self._facts:
            if len(self._batch.deliveries) >= BATCH_ROWS:
                break
            taken += 1
            if isinstance(fact, ChunkSent):
                self._rows_queued -= len(fact.holders)
                self._batch.add_chunk(fact)
            else:
                self._rows_queued -= 1
                self._batch.add_fact(fact)
        del self._facts[:taken]

    async def _write(self, batch: Batch) -> None:
        await self._drop_unknown(batch)
        if not batch.deliveries:
            return
        await self._note_assigned({order_id for order_id, _, _ in batch.deliveries})
        confirm = [batch.deliveries[key] for key in batch.answers]
        began = time.perf_counter()
        try:
            written = await self._store.assignments.record(list(batch.deliveries.values()), confirm)
        except Rejected as error:
            # One row that the table does not take must not keep the others out.
            log.warning("a batch is written row by row", rows=len(batch.deliveries), error=str(error))
            written = await self._write_one_by_one(list(batch.deliveries.values()))
        metrics.FLUSH_ROWS.observe(len(batch.deliveries))
        metrics.FLUSH_SECONDS.observe(time.perf_counter() - began)
        for key, answers in batch.answers.items():
            for answer in answers:
                answer("recorded" if key in written.ours else "not_owner")
            if key in written.ended:
                metrics.OUTCOMES.labels(batch.deliveries[key].outcome).inc()

    async def _write_one_by_one(self, deliveries: Sequence[Delivery]) -> Written:
        """Keeps all but the rows that the table refuses: their user or order was deleted, or a value is none that it
        takes."""
        ours: set[Key] = set()
        ended: set[Key] = set()
        for delivery in deliveries:
            try:
                written = await self._store.assignments.record([delivery], [delivery])
                ours |= written.ours
                ended |= written.ended
            except Rejected as error:
                log.warning("a row is refused", order_id=delivery.order_id, user_id=delivery.user_id, error=str(error))
        return Written(ours, ended)

    async def _drop_unknown(self, batch: Batch) -> None:
        """Facts about orders that never were are refused before they reach the tables."""
        asked = {order_id for order_id, _, _ in batch.deliveries} - self._known_orders
        if not asked:
            return
        missing = asked - (await self._store.orders.get_many(list(asked))).keys()
        for key in [key for key in batch.deliveries if key[0] in missing]:
            batch.drop(key, "no_such_order")

    async def _note_assigned(self, order_ids: set[int]) -> None:
        new = order_ids - self._assigned
        if new:
            await self._store.orders.note_assigned(sorted(new), self._clock())
            self._assigned |= new & self._known_orders
