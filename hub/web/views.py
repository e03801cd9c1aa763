"""Records as HTTP shows them: times in text with their twin in milliseconds, statuses with their word."""

from typing import Any

import msgspec

from hub.model.records import ORDER_STATUS, USER_STATUS, Account, AssignmentRow, OrderRow
from hub.sessions.presence import Agent
from hub.web.times import Times
from protocol.messages import Order


def order_for_trader(order: Order, times: Times) -> dict[str, Any]:
    """What a pull answers."""
    return {
        "id": order.id,
        "time_increments": order.time_increments,
        "symbol_name": order.symbol_name,
        "direction": order.direction,
        "valid_duration": order.valid_duration,
        "created_at": times.show(order.created_ms),
        "created_ms": order.created_ms,
        "expires_ms": order.expires_ms,
    }


def order_for_admin(row: OrderRow, times: Times) -> dict[str, Any]:
    return order_for_trader(row.order, times) | {
        "expires_at": times.show(row.order.expires_ms),
        "status": row.status,
        "status_text": ORDER_STATUS[row.status],
        "created_by": row.created_by,
        "targets": row.targets,
    }


def assignment(row: AssignmentRow, times: Times) -> dict[str, Any]:
    return msgspec.structs.asdict(row) | {"assigned_at": times.show(row.assigned_ms)}


def account(user: Account, is_connected: bool, times: Times) -> dict[str, Any]:
    return {
        "id": user.id,
        "username": user.username,
        "role": user.role,
        "status": user.status,
        "status_text": USER_STATUS[user.status],
        "expire_at": times.show(user.expire_ms),
        "expire_ms": user.expire_ms,
        "created_at": times.show(user.created_ms),
        "created_ms": user.created_ms,
        "connected": is_connected,
    }


def agent(connected: Agent, times: Times) -> dict[str, Any]:
    return msgspec.structs.asdict(connected) | {"since": times.show(connected.since_ms)}
