"""What the HTTP interface answers, as structs: routes build them, the command line reads them, `/openapi.json` is made
of them. Pure.

Times stand twice: as text in the hub's zone (`…_at`), and in epoch milliseconds (`…_ms`). Every answer's `data` is one
of these, inside an `Envelope`. Readers ignore fields that they do not know, so a newer hub can say more.
"""

from typing import Any

import msgspec

from hub.model.funnel import Funnel, Outcomes
from hub.model.records import Contradiction, Role
from protocol.messages import Direction, Increment, Outcome


class Envelope(msgspec.Struct, frozen=True):
    """The shape of every answer; `code` equals the HTTP status, an error also has `detail`, equal to `message`."""

    code: int
    message: str
    data: Any = None


class NewLogin(msgspec.Struct, frozen=True):
    """A login: the token, and when account and token end. `hub_id` is the installation's."""

    token: str
    user_id: int
    expire_at: str | None
    expire_ms: int | None
    token_expire_at: str
    token_expire_ms: int
    hub_id: str | None = None


class Verified(msgspec.Struct, frozen=True):
    """Who holds the token; the bootstrap token is an admin without an account."""

    user_id: int | None
    username: str | None
    role: Role


class NewUserId(msgspec.Struct, frozen=True):
    """The user that was made."""

    user_id: int


class NewOrderId(msgspec.Struct, frozen=True):
    """The order that was published, or that the same Idempotency-Key had published before."""

    order_id: int


class NewUserIds(msgspec.Struct, frozen=True):
    """The users that were made, in the order given; empty after a dry run."""

    user_ids: list[int]


class Audience(msgspec.Struct, frozen=True):
    """Whom an order would reach. `eligible`: those of the targeted who may trade; `connected`: those of them who are
    connected now, null while that is not known."""

    targeted: int
    eligible: int
    connected: int | None


class PulledOrder(msgspec.Struct, frozen=True):
    """An order as a trader gets it. `valid_duration` in seconds."""

    id: int
    time_increments: Increment
    symbol_name: str
    direction: Direction
    valid_duration: int
    created_at: str
    created_ms: int
    expires_ms: int


class Pulled(msgspec.Struct, frozen=True):
    """The order that a pull claimed; null when there is none."""

    order: PulledOrder | None


class OrderAnswer(PulledOrder, frozen=True, kw_only=True):
    """An order as an admin sees it. `targets` are user ids, null for every trader; `outcomes` stand in a list
    where they were asked for."""

    expires_at: str
    status: int
    status_text: str
    created_by: int | None = None
    targets: list[int] | None = None
    outcomes: Outcomes | None = None


class AssignmentAnswer(msgspec.Struct, frozen=True):
    """One user's part of an order. `settlement`: `won`, `lost` or `tie`, a blank, `estimated` or `confirmed`."""

    user_id: int
    username: str
    device_id: str
    assigned_at: str
    assigned_ms: int
    acked_ms: int | None
    executed_ms: int | None
    outcome: Outcome | None
    message: str
    was_sent: bool = True
    settlement: str | None = None
    settled_ms: int | None = None


class OrderDetail(OrderAnswer, frozen=True, kw_only=True):
    """One order with its funnel. `is_settled`: nothing more is to come."""

    is_settled: bool
    funnel: Funnel
    assignments: list[AssignmentAnswer] = msgspec.field(default_factory=list)
    contradictions: list[Contradiction] = msgspec.field(default_factory=list)


class OrderPage(msgspec.Struct, frozen=True):
    """A page of orders, newest first, and how many there are."""

    total: int
    rows: list[OrderAnswer] = msgspec.field(name="list")


class AccountAnswer(msgspec.Struct, frozen=True):
    """A user without the password."""

    id: int
    username: str
    role: Role
    status: int
    status_text: str
    expire_at: str | None
    expire_ms: int | None
    created_at: str
    created_ms: int
    connected: bool = False


class AccountPage(msgspec.Struct, frozen=True):
    """A page of users, by id, and how many there are."""

    total: int
    rows: list[AccountAnswer] = msgspec.field(name="list")


class AgentAnswer(msgspec.Struct, frozen=True):
    """A connected agent. `latency_ms`: from a frame's sending to its ack's arrival, null before the first."""

    user_id: int
    username: str
    device_id: str
    version: str
    driver: str
    since: str
    since_ms: int
    latency_ms: float | None
    address: str
    process: str


class AgentPage(msgspec.Struct, frozen=True):
    """Everyone who is connected, over all hub processes."""

    total: int
    rows: list[AgentAnswer] = msgspec.field(name="list")


class PartAnswer(msgspec.Struct, frozen=True):
    """A part of readiness: since when it is as it is, and in words what is wrong."""

    name: str
    is_ready: bool
    since_ms: int
    why: str | None


class Ready(msgspec.Struct, frozen=True):
    """Every part of a process's readiness."""

    parts: list[PartAnswer]
