"""The hub's answers as DESIGN.md gives them, for the stand-in and for the drawings."""

from typing import Any


def funnel(targeted: int = 10, claimed: int = 8, acked: int = 7, **outcomes: int) -> dict[str, Any]:
    """A funnel whose steps sum; what has no outcome is open."""
    ends = dict.fromkeys(("success", "failed", "rejected", "expired", "unknown"), 0) | outcomes
    missing = targeted - claimed
    return {
        "targeted": targeted,
        "claimed": claimed,
        "not_claimed": {
            "not_connected": max(missing - 1, 0),
            "account_expired": min(missing, 1),
            "account_disabled": 0,
            "waiting": 0,
        },
        "sent": claimed,
        "not_sent": 0,
        "acked": acked,
        "not_acked": claimed - acked,
        "outcomes": ends | {"open": claimed - sum(ends.values())},
    }


def order(is_settled: bool = True, **changes: Any) -> dict[str, Any]:
    return {
        "id": 12,
        "time_increments": "TEN_MINUTE",
        "symbol_name": "BTCUSDT",
        "direction": "LONG",
        "valid_duration": 60,
        "status": 2,
        "status_text": "assigned",
        "created_at": "2026-01-02 03:04:05",
        "created_ms": 1_767_323_045_000,
        "expires_at": "2026-01-02 03:05:05",
        "expires_ms": 1_767_323_105_000,
        "created_by": None,
        "targets": None,
        "is_settled": is_settled,
        "funnel": funnel(success=5, failed=1, rejected=1),
        "assignments": [assignment()],
    } | changes


def assignment(**changes: Any) -> dict[str, Any]:
    return {
        "user_id": 3,
        "username": "ann",
        "device_id": "laptop",
        "assigned_at": "2026-01-02 03:04:05",
        "assigned_ms": 1_767_323_045_010,
        "acked_ms": 1_767_323_045_030,
        "executed_ms": 1_767_323_045_110,
        "outcome": "success",
        "message": "placed",
    } | changes


def user(**changes: Any) -> dict[str, Any]:
    return {
        "id": 3,
        "username": "ann",
        "role": "trader",
        "status": 1,
        "status_text": "active",
        "expire_at": None,
        "expire_ms": None,
        "created_at": "2026-01-02 03:04:05",
        "created_ms": 1_767_323_045_000,
        "connected": True,
    } | changes


def agent(**changes: Any) -> dict[str, Any]:
    return {
        "user_id": 3,
        "username": "ann",
        "device_id": "laptop",
        "version": "0.1.0",
        "driver": "paper",
        "since": "2026-01-02 03:04:05",
        "since_ms": 1_767_323_045_000,
        "latency_ms": 12.4,
        "address": "127.0.0.1",
        "process": "hub-1",
    } | changes


def listed(*rows: dict[str, Any], total: int | None = None) -> dict[str, Any]:
    return {"total": len(rows) if total is None else total, "list": list(rows)}
