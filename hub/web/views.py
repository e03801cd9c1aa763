"""Records as HTTP shows them: the structs of `hub.model.answers`, with times in the hub's zone."""

import msgspec

from hub.model.answers import (
    AccountAnswer,
    AgentAnswer,
    AssignmentAnswer,
    OrderAnswer,
    OrderDetail,
    PulledOrder,
)
from hub.model.funnel import Funnel, Outcomes
from hub.model.records import ORDER_STATUS, USER_STATUS, Account, AssignmentRow, Contradiction, OrderRow
from hub.sessions.presence import Agent
from hub.web.times import Times
from protocol.messages import Order


def order_for_trader(order: Order, times: Times) -> PulledOrder:
    """What a pull answers."""
    return PulledOrder(
        id=order.id,
        time_increments=order.time_increments,
        symbol_name=order.symbol_name,
        direction=order.direction,
        valid_duration=order.valid_duration,
        created_at=times.text(order.created_ms),
        created_ms=order.created_ms,
        expires_ms=order.expires_ms,
    )


def order_for_admin(row: OrderRow, times: Times, outcomes: Outcomes | None = None) -> OrderAnswer:
    """An order of a list."""
    return OrderAnswer(
        **msgspec.structs.asdict(order_for_trader(row.order, times)),
        expires_at=times.text(row.order.expires_ms),
        status=row.status,
        status_text=ORDER_STATUS[row.status],
        created_by=row.created_by,
        targets=list(row.targets) if row.targets is not None else None,
        outcomes=outcomes,
    )


def order_in_detail(
    row: OrderRow,
    counts: Funnel,
    is_settled: bool,
    assignments: list[AssignmentRow],
    contradictions: list[Contradiction],
    times: Times,
) -> OrderDetail:
    """One order, its funnel, and who has it."""
    return OrderDetail(
        **msgspec.structs.asdict(order_for_admin(row, times, counts.outcomes)),
        is_settled=is_settled,
        funnel=counts,
        assignments=[
            AssignmentAnswer(**msgspec.structs.asdict(assigned), assigned_at=times.text(assigned.assigned_ms))
            for assigned in assignments
        ],
        contradictions=contradictions,
    )


def account(user: Account, is_connected: bool, times: Times) -> AccountAnswer:
    """A user of a list."""
    return AccountAnswer(
        id=user.id,
        username=user.username,
        role=user.role,
        status=user.status,
        status_text=USER_STATUS[user.status],
        expire_at=times.show(user.expire_ms),
        expire_ms=user.expire_ms,
        created_at=times.text(user.created_ms),
        created_ms=user.created_ms,
        connected=is_connected,
    )


def agent(connected: Agent, times: Times) -> AgentAnswer:
    """A connected agent of a list."""
    return AgentAnswer(**msgspec.structs.asdict(connected), since=times.text(connected.since_ms))
