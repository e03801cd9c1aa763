"""The hub's answers as the commands show them: frozen structs, only the fields that are shown.

Pure; imports nothing of ours. Unknown fields are ignored, so a newer hub can say more.
"""

import msgspec


class OrderView(msgspec.Struct, frozen=True):
    """One order of the list. `valid_duration` in seconds, `expires_ms` epoch milliseconds."""

    id: int
    time_increments: str
    symbol_name: str
    direction: str
    valid_duration: int
    status_text: str
    created_at: str
    expires_at: str
    expires_ms: int
    targets: list[int] | None = None


class NotClaimed(msgspec.Struct, frozen=True):
    """Targeted users without a claim, by why."""

    not_connected: int = 0
    account_expired: int = 0
    account_disabled: int = 0
    waiting: int = 0


class Outcomes(msgspec.Struct, frozen=True):
    """Claims by what came of them; `open` is still to come."""

    success: int = 0
    failed: int = 0
    rejected: int = 0
    expired: int = 0
    unknown: int = 0
    open: int = 0


class Positions(msgspec.Struct, frozen=True):
    """How the positions of what the exchange took have ended; `open` is not known yet."""

    won: int = 0
    lost: int = 0
    tie: int = 0
    open: int = 0


class Contradiction(msgspec.Struct, frozen=True):
    """A result of a device that does not have the order: it may have been submitted twice."""

    username: str
    device_id: str
    outcome: str


class Funnel(msgspec.Struct, frozen=True):
    """How far an order has come. Each step and its gap sum to the step before."""

    targeted: int
    claimed: int
    not_claimed: NotClaimed
    sent: int
    not_sent: int
    acked: int
    not_acked: int
    outcomes: Outcomes
    positions: Positions = msgspec.field(default_factory=Positions)


class Assignment(msgspec.Struct, frozen=True):
    """One user's part of an order. Times are epoch milliseconds or None."""

    user_id: int
    username: str
    device_id: str | None = None
    assigned_ms: int | None = None
    acked_ms: int | None = None
    executed_ms: int | None = None
    outcome: str | None = None
    message: str | None = None


class OrderDetail(OrderView, frozen=True, kw_only=True):
    """One order with its funnel."""

    is_settled: bool
    funnel: Funnel
    assignments: list[Assignment] = msgspec.field(default_factory=list)
    contradictions: list[Contradiction] = msgspec.field(default_factory=list)


class OrderPage(msgspec.Struct, frozen=True):
    total: int
    rows: list[OrderView] = msgspec.field(name="list")


class UserView(msgspec.Struct, frozen=True):
    id: int
    username: str
    role: str
    status_text: str
    created_at: str
    expire_at: str | None = None
    connected: bool = False


class UserPage(msgspec.Struct, frozen=True):
    total: int
    rows: list[UserView] = msgspec.field(name="list")


class AgentView(msgspec.Struct, frozen=True):
    """A connected agent. `latency_ms` is its last measured round trip."""

    user_id: int
    username: str
    device_id: str
    version: str
    driver: str
    since: str
    latency_ms: float | None = None
    address: str | None = None
    process: str | int | None = None


class AgentPage(msgspec.Struct, frozen=True):
    total: int
    rows: list[AgentView] = msgspec.field(name="list")
