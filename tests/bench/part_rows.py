"""Rows measured: written, read for the funnel, swept, and claims restored from them after Redis was emptied.

Used by `parts`, as the last of them: it leaves live orders in the database. The sizes are the ledger's: 5,000 rows a
statement.
"""

from sqlalchemy import text

from hub.clock import now_ms
from hub.model.delivery import Acked, Delivery, Reported, apply, handed_out
from hub.model.funnel import funnel
from hub.model.records import Draft, OrderRow
from hub.store.tables import order_assignments

from .part_rig import DEVICE, Figure, Part, Rig


async def measure(rig: Rig) -> list[Part | Figure]:
    """CPU and time a row, of each thing that is done with rows."""
    orders = [await _publish(rig) for _ in range(rig.sizes.orders)]
    written = await _written(rig, orders)
    for order in orders[rig.sizes.rounds :]:
        await rig.hub.store.assignments.record(_handed_out(rig, order))
    return written + await _read(rig, orders) + await _restored(rig, orders) + await _swept(rig, orders)


async def _publish(rig: Rig) -> OrderRow:
    draft = Draft("TEN_MINUTE", "BTCUSDT", "LONG", 3_600, None, None, None)
    row, _ = await rig.hub.store.orders.publish(draft, now_ms())
    return row


def _handed_out(rig: Rig, order: OrderRow) -> list[Delivery]:
    at_ms = now_ms()
    return [
        handed_out(order.order.id, token.user_id, DEVICE.format(token.user_id), at_ms, was_sent=True)
        for token in rig.users
    ]


async def _written(rig: Rig, orders: list[OrderRow]) -> list[Part | Figure]:
    """The three upserts of a row's life, as the ledger makes them."""
    record = rig.hub.store.assignments.record
    lives = [_handed_out(rig, order) for order in orders[: rig.sizes.rounds]]
    acked = [[apply(row, Acked(row.device_id, now_ms())) for row in rows] for rows in lives]
    data = {"order_id": "84512367", "price": "67250.10"}
    done = [
        [apply(row, Reported(row.device_id, "success", now_ms(), "placed", data)) for row in rows] for rows in acked
    ]
    size, users = f"{rig.sizes.users:,} a statement", rig.sizes.users
    inserted = await rig.meter.cost(users, lambda r: record(lives[r]))
    acks = await rig.meter.cost(users, lambda r: record(acked[r]))
    results = await rig.meter.cost(users, lambda r: record(done[r], confirm=done[r]))
    steps = [
        Part("insert", f"a row written, {size}", "row", inserted),
        Part("ack", f"its ack, {size}", "row", acks),
        Part("result", "its result, and whose row it is read back", "row", results),
    ]
    rates = [Figure(f"{p.key}_per_s", f"rows a second, {p.key}", 1e6 / p.cost.wall, "/s") for p in steps]
    return [*steps, *rates]


async def _read(rig: Rig, orders: list[OrderRow]) -> list[Part | Figure]:
    """The funnel of one order, and what is looked for every ten minutes."""
    assignments = rig.hub.store.assignments

    async def read_funnel(number: int) -> None:
        order = orders[number].order
        rows, absent = await assignments.of_order(order.id, None, order.created_ms)
        funnel(rows, absent, is_open=True)

    rows = len(orders) * rig.sizes.users
    one = await rig.meter.cost(rig.sizes.users, read_funnel)
    old = await rig.meter.cost(rows, lambda _: assignments.open_orders())
    return [
        Part("funnel", "the funnel of one order, GET /api/orders/{id}", "row", one),
        Part("open_orders", "open rows looked for (every 10 min)", "row", old),
        Figure("row_bytes", "MariaDB data and indices a row", await _row_bytes(rig) / rows, "B"),
    ]


async def _row_bytes(rig: Rig) -> int:
    """Pages taken, in bytes."""
    name = order_assignments.name
    async with rig.hub.store.database.reading() as connection:
        await connection.execute(text(f"ANALYZE TABLE {name}"))
        answer = await connection.execute(
            text(
                "SELECT data_length + index_length FROM information_schema.tables "
                f"WHERE table_schema = DATABASE() AND table_name = '{name}'"
            )
        )
        return int(answer.scalar_one())


async def _restored(rig: Rig, orders: list[OrderRow]) -> list[Part | Figure]:
    """Redis emptied under a hub with these live orders; the wait for other processes' rows is in the wall time."""
    ids = [order.order.id for order in orders]
    rows = len(orders) * rig.sizes.users
    read = await rig.meter.cost(rows, lambda _: rig.hub.store.assignments.owners(ids))
    whole = await rig.meter.cost(
        rows,
        lambda _: rig.hub.claiming.restore(),
        prepare=lambda _: rig.empty_redis(is_complete=False),
    )
    return [
        Part("owners", f"claims read back from {rows:,} rows", "row", read),
        Part("restore", "the whole restoration after Redis was emptied", "row", whole),
        Figure("restore_s", f"{rows:,} claims restored", whole.wall * rows / 1e6, "s"),
    ]


async def _swept(rig: Rig, orders: list[OrderRow]) -> list[Part | Figure]:
    """The window's end: every open row of an order gets its outcome, in one statement."""
    open_ones = orders[-rig.sizes.rounds :]
    cost = await rig.meter.cost(
        rig.sizes.users, lambda r: rig.hub.store.assignments.close_unheard([open_ones[r].order.id])
    )
    return [Part("sweep", "an open row closed at its window's end", "row", cost)]
