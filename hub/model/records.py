"""The rows as the rest of the hub sees them. Times in epoch milliseconds."""

from typing import Final, Literal

import msgspec

from protocol.messages import Direction, Increment, Order, Outcome

Role = Literal["admin", "trader"]

ACTIVE: Final = 1
EXPIRED: Final = 2
DISABLED: Final = 3
USER_STATUS: Final = {ACTIVE: "active", EXPIRED: "expired", DISABLED: "disabled"}

PENDING: Final = 1
ASSIGNED: Final = 2
ORDER_EXPIRED: Final = 3
CANCELLED: Final = 4
ORDER_STATUS: Final = {PENDING: "pending", ASSIGNED: "assigned", ORDER_EXPIRED: "expired", CANCELLED: "cancelled"}


class Account(msgspec.Struct, frozen=True):
    """A user without the password."""

    id: int
    username: str
    role: Role
    status: int
    expire_ms: int | None
    session_id: str | None
    created_ms: int

    def is_expired(self, now_ms: int) -> bool:
        return self.status == EXPIRED or (self.expire_ms is not None and self.expire_ms <= now_ms)


class Change(msgspec.Struct, frozen=True):
    """A committed change of an account: its number, which grows, and the account after it."""

    id: int
    account: Account


class Draft(msgspec.Struct, frozen=True):
    """An order that is not stored yet. `targets`: the ids of the users meant, or None for every trader."""

    time_increments: Increment
    symbol_name: str
    direction: Direction
    valid_duration: int
    targets: tuple[int, ...] | None
    created_by: int | None
    idempotency_key: str | None


class OrderRow(msgspec.Struct, frozen=True):
    """A stored order: what goes over the wire, and what only the hub knows of it."""

    order: Order
    status: int
    targets: tuple[int, ...] | None
    created_by: int | None

    @property
    def is_live(self) -> bool:
        """Neither cancelled nor swept; the window is another question."""
        return self.status in (PENDING, ASSIGNED)


class Absent(msgspec.Struct, frozen=True):
    """Targeted users without a row, in the same state. `was_expired`: before the order was published."""

    status: int
    was_expired: bool
    users: int


class AssignmentRow(msgspec.Struct, frozen=True):
    """One user's delivery, as the admin reads it."""

    user_id: int
    username: str
    device_id: str
    assigned_ms: int
    acked_ms: int | None
    executed_ms: int | None
    outcome: Outcome | None
    message: str
    was_sent: bool
    settlement: str | None = None
    settled_ms: int | None = None


class KnownOutcome(msgspec.Struct, frozen=True):
    """What the hub has of one order of one user. `is_presumed`: the hub ended it itself; `was_given_out`: sent or
    acked."""

    order_id: int
    outcome: Outcome | None
    is_presumed: bool
    was_given_out: bool


class Contradiction(msgspec.Struct, frozen=True):
    """A result of a device that does not have the order: it may have been submitted twice. Times in epoch ms."""

    user_id: int
    username: str
    device_id: str
    outcome: Outcome
    executed_ms: int
    reported_ms: int
