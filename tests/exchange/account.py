"""The books of the stand-in: sessions, rules, positions. No network here.

Like the exchange it does not notice being asked twice: a second request is a second position. Its codes for refusals
that nobody has documented (balance, ratio, stake) are made up, as are the names of the fields in its lists.
"""

import random
import secrets
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

INCREMENT_MS: Final = {"TEN_MINUTE": 600_000, "THIRTY_MINUTE": 1_800_000, "ONE_HOUR": 3_600_000, "ONE_DAY": 86_400_000}
RATIOS: Final = {"TEN_MINUTE": "0.80", "THIRTY_MINUTE": "0.85", "ONE_HOUR": "0.85", "ONE_DAY": "0.85"}
FIELDS: Final = {"orderAmount", "timeIncrements", "symbolName", "payoutRatio", "direction"}
TAKEN: Final = "000000"


class Session(msgspec.Struct, frozen=True):
    """A login on the web. Both parts belong together."""

    csrftoken: str
    p20t: str
    expires_ms: int | None


class Position(msgspec.Struct):
    """A contract that was taken. `closed_price` None: it still runs."""

    id: int
    stake: Decimal
    increment: str
    symbol: str
    ratio: Decimal
    direction: str
    opened_ms: int
    opened_price: Decimal
    ends_ms: int
    closed_price: Decimal | None = None

    @property
    def profit(self) -> Decimal:
        """What came out over the stake: a tie gives the stake back."""
        assert self.closed_price is not None
        rise = self.closed_price - self.opened_price
        if rise == 0:
            return Decimal(0)
        return self.stake * self.ratio if (rise > 0) == (self.direction == "LONG") else -self.stake


class Refusal(msgspec.Struct, frozen=True):
    """A no of the exchange."""

    code: str
    words: str
    data: dict[str, str] | None = None


class Account:
    """One person's account. `speed` makes ten minutes shorter, `price` is the index price of a symbol now."""

    def __init__(self, now_ms: Callable[[], int], price: Callable[[str], Decimal], speed: float = 1.0) -> None:
        self.ratios = dict(RATIOS)
        self.balance = Decimal(1_000_000)
        self.most_open = 1_000_000
        self.speed = speed
        self.uid = random.randrange(10**8, 10**9)
        self.sessions: dict[str, Session] = {}
        self.positions: list[Position] = []
        self._now_ms = now_ms
        self._price = price

    def log_in(self, lasts_s: float | None = 5 * 86_400) -> Session:
        """A new session; the one of the web before it ends."""
        self.sessions.clear()
        expires_ms = None if lasts_s is None else self._now_ms() + round(lasts_s * 1000)
        session = Session(secrets.token_hex(16), f"web.{self.uid}.{secrets.token_hex(16).upper()}", expires_ms)
        self.sessions[session.p20t] = session
        return session

    def end_sessions(self) -> None:
        """As if the person had logged in elsewhere."""
        self.sessions.clear()

    def is_valid(self, p20t: str, csrftoken: str) -> bool:
        """Whether this pair is a session that has not run out."""
        session = self.sessions.get(p20t)
        if session is None or session.csrftoken != csrftoken:
            return False
        return session.expires_ms is None or self._now_ms() < session.expires_ms

    def place(self, body: Any) -> Position | Refusal:
        """Take it, by the rules that are known."""
        refusal = self._refuse(body)
        if refusal is not None:
            return refusal
        now, price = self._now_ms(), self._price(body["symbolName"])
        ends = now + round(INCREMENT_MS[body["timeIncrements"]] / self.speed)
        position = Position(
            7_000_000_001 + len(self.positions),
            Decimal(body["orderAmount"]),
            body["timeIncrements"],
            body["symbolName"],
            Decimal(body["payoutRatio"]),
            body["direction"],
            now,
            price,
            ends,
        )
        self.positions.append(position)
        return position

    def settle_due(self) -> None:
        """Close what has run its time."""
        for position in self.positions:
            if position.closed_price is None and position.ends_ms <= self._now_ms():
                position.closed_price = self._price(position.symbol)

    def _refuse(self, body: Any) -> Refusal | None:
        if not isinstance(body, dict) or set(body) != FIELDS or not all(isinstance(one, str) for one in body.values()):
            return Refusal("93420001", "Illegal parameter")
        if body["timeIncrements"] not in INCREMENT_MS or body["direction"] not in ("LONG", "SHORT"):
            return Refusal("93420001", "Illegal parameter")
        stake = _whole(body["orderAmount"])
        if stake is None or stake < 5:
            return Refusal("93420002", "The amount is below the minimum or has a fraction")
        if body["payoutRatio"] != self.ratios[body["timeIncrements"]]:
            return Refusal("93420999", "Ratio has changed", {"payoutRatio": self.ratios[body["timeIncrements"]]})
        if stake > self.balance:
            return Refusal("93420003", "Insufficient balance")
        if sum(position.closed_price is None for position in self.positions) >= self.most_open:
            return Refusal("93420004", "Too many open positions")
        return None


def _whole(text: str) -> Decimal | None:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    return amount if amount == amount.to_integral_value() else None
