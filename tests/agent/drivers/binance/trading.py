"""An order, and an entry of the journal about it, as the driver gets them."""

import time
from decimal import Decimal
from typing import Any

from agent.model.engine import Entry, Mode, State
from protocol.messages import Order

STAKE, RATIO = Decimal(5), Decimal("0.80")


def order(order_id: int = 1, **changes: Any) -> Order:
    now = time.time_ns() // 1_000_000
    marks = {"time_increments": "TEN_MINUTE", "symbol_name": "BTCUSDT", "direction": "LONG", **changes}
    return Order(id=order_id, valid_duration=60, created_ms=now, expires_ms=now + 60_000, **marks)


def entry(order_id: int = 1, at_ms: int | None = None, **changes: Any) -> Entry:
    """Found in `submitting`, unless the changes say otherwise; `at_ms` is when it was submitted."""
    marks = {name: changes.pop(name) for name in ("time_increments", "symbol_name", "direction") if name in changes}
    at_ms = time.time_ns() // 1_000_000 if at_ms is None else at_ms
    given: dict[str, Any] = {
        "state": State.SUBMITTING,
        "received_ms": at_ms,
        "uncertainty_ms": 1,
        "driver": "binance-web",
        "mode": Mode.LIVE,
        "stake": STAKE,
        "payout_ratio": RATIO,
        "submitted_ms": at_ms,
        "submitted_wall_ms": at_ms,
        **changes,
    }
    return Entry(order=order(order_id, **marks), **given)
