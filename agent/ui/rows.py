"""PURE: the orders of the window, a row each, as a mapping that never changes and of which each change makes another.

The invariants: an order has one row, in the place it came to; what a change costs does not depend on how many rows
there are; of two that come from one another it is known what differs.
"""

from collections.abc import Iterable, Iterator, Mapping, ValuesView
from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

from agent.model.engine import Entry, Mode, ResolvedBy, State
from agent.model.reasons import Reason
from protocol.messages import Order, Outcome, SettledAs, Source

GATHERED: Final = 256
"""So many changes stand beside the many rows before they are put among them."""


class Stage(StrEnum):
    """How far an order has come, as a person sees it."""

    RECEIVED = "received"
    ASKED = "asked"
    SUBMITTING = "submitting"
    DONE = "done"
    SETTLED = "settled"


class Row(msgspec.Struct, frozen=True, gc=False):  # in no cycle: ten thousand of them cost the collector nothing
    """One order. Times in ms: `settled_ms` by this computer's clock, the others by the hub's."""

    order: Order
    mode: Mode
    stage: Stage
    received_ms: int
    stake: Decimal | None = None
    ratio: Decimal | None = None
    submitted_ms: int | None = None
    executed_ms: int | None = None
    settled_ms: int | None = None
    outcome: Outcome | None = None
    reason: Reason | None = None
    exchange_order_id: str | None = None
    resolved_by: ResolvedBy | None = None
    result: SettledAs | None = None
    source: Source | None = None
    profit: Decimal | None = None
    is_reported: bool = False


class Rows(Mapping[int, Row]):
    """Rows by the order's id. `unknown` are those of them that may or may not stand at the exchange."""

    def __init__(self) -> None:
        self._many: dict[int, Row] = {}
        self._few: dict[int, Row] = {}
        self._new = 0
        self._origin: object = object()
        self._all: dict[int, Row] | None = None
        self.unknown: dict[int, Row] = {}

    @classmethod
    def of(cls, rows: Iterable[Row]) -> "Rows":
        """All of these; what has one row twice has the last."""
        made = cls()
        made._many = {row.order.id: row for row in rows}
        made.unknown = {order_id: row for order_id, row in made._many.items() if row.outcome == "unknown"}
        return made

    def having(self, row: Row) -> "Rows":
        """These with this row, in the place of its order's row if there is one."""
        made, order_id = Rows(), row.order.id
        made._origin, made._many = self._origin, self._many
        made._few = {**self._few, order_id: row}
        made._new = self._new + (order_id not in self)
        if len(made._few) > GATHERED:
            made._many, made._few, made._new = {**self._many, **made._few}, {}, 0
        made.unknown = self.unknown
        if order_id in made.unknown or row.outcome == "unknown":
            others = {known: other for known, other in self.unknown.items() if known != order_id}
            made.unknown = {**others, order_id: row} if row.outcome == "unknown" else others
        return made

    def changed_since(self, before: "Rows") -> list[Row] | None:
        """What is new or another row than before; None where these do not come from those."""
        if before._origin is not self._origin:
            return None
        looked = self._few if before._many is self._many else self
        return [row for order_id, row in looked.items() if before.get(order_id) is not row]

    def values(self) -> ValuesView[Row]:
        """Every row, in its place."""
        return self._whole().values()

    def __getitem__(self, order_id: int) -> Row:
        row = self._few.get(order_id)
        return self._many[order_id] if row is None else row

    def __iter__(self) -> Iterator[int]:
        return iter(self._whole())

    def __len__(self) -> int:
        return len(self._many) + self._new

    def _whole(self) -> dict[int, Row]:
        """As one dict, made when somebody first wants all of them."""
        if self._all is None:
            self._all = {**self._many, **self._few} if self._few else self._many
        return self._all


def row_of(entry: Entry) -> Row:
    """The row of an entry of the journal."""
    return Row(
        order=entry.order,
        mode=entry.mode,
        stage=_stage(entry),
        received_ms=entry.received_ms,
        stake=entry.stake,
        ratio=entry.payout_ratio,
        submitted_ms=entry.submitted_ms,
        executed_ms=entry.executed_ms,
        settled_ms=entry.settled_ms,
        outcome=entry.outcome,
        reason=entry.reason,
        exchange_order_id=entry.exchange_order_id,
        resolved_by=entry.resolved_by,
        result=entry.result,
        source=entry.source,
        profit=entry.profit,
        is_reported=entry.state is State.REPORTED,
    )


def _stage(entry: Entry) -> Stage:
    if entry.result is not None:
        return Stage.SETTLED
    if entry.is_done:
        return Stage.DONE
    return Stage.SUBMITTING if entry.state is State.SUBMITTING else Stage.RECEIVED
