"""The documented, read-only income history of the futures API: an ordinary API key, no web session.

The invariants: a key that may trade or withdraw is refused before anything else is asked; key and secret are in no
repr and no error. A row names neither direction nor increment, so it counts only where no other order is near it.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import aiohttp
import msgspec

from agent.drivers.binance import answers, network
from agent.drivers.binance.answers import Raw
from agent.drivers.binance.facts import Facts
from agent.drivers.binance.network import Proxy, Unreachable
from agent.drivers.binance.positions import is_near
from agent.model.engine import Entry, Settlement
from agent.model.reasons import Reason
from agent.vault.base import VaultUnavailable
from agent.world import REAL, World
from protocol.messages import INCREMENT_SECONDS


class HistoryKey(msgspec.Struct, frozen=True):
    """An API key of the exchange, as the vault keeps it."""

    key: str
    secret: str

    def __repr__(self) -> str:
        return "HistoryKey(…)"


class Row(msgspec.Struct, frozen=True):
    """One booking."""

    number: str
    kind: str
    symbol: str
    amount: Decimal
    at_ms: int


class History:
    """One key. `refusal` asks the exchange what it may do; until that was well, nothing else is asked."""

    def __init__(self, facts: Facts, key: HistoryKey, proxy: Proxy | None = None, world: World = REAL) -> None:
        self._facts = facts
        self._key = key
        self._proxy = proxy
        self._world = world
        self._is_harmless = False
        self._opened: aiohttp.ClientSession | None = None

    async def refusal(self) -> Reason | None:
        """Why this key must not be used; None for one that can only read. Raises Unreachable."""
        raw = await self._ask(self._facts.urls.keys + self._facts.paths.restrictions, {})
        rights = _object(raw)
        if raw.status != 200 or rights is None:
            return Reason("history.unknown_key", {"status": str(raw.status)})
        rules = self._facts.income
        too_much = [right for right in rules.trading_rights if rights.get(right) is not False and right in rights]
        if too_much:
            return Reason("history.may_trade", {"rights": ", ".join(too_much)})
        if rights.get(rules.reading_right) is not True:
            return Reason("history.may_not_read")
        self._is_harmless = True
        return None

    async def rows(self, start_ms: int, end_ms: int) -> list[Row]:
        """The bookings of event contracts in that span; empty where they cannot be had."""
        try:
            if not self._is_harmless and await self.refusal() is not None:
                return []
            raw = await self._ask(
                self._facts.urls.futures + self._facts.paths.income,
                {"startTime": str(start_ms), "endTime": str(end_ms), "limit": "1000"},
            )
        except Unreachable:
            return []
        rules = self._facts.income
        listed = _list(raw) if raw.status == 200 else []
        return [
            row for row in map(_row, listed) if row is not None and row.kind in (rules.order_type, rules.payout_type)
        ]

    async def close(self) -> None:
        """Give the connections back."""
        if self._opened is not None:
            await self._opened.close()

    async def _ask(self, url: str, query: dict[str, str]) -> Raw:
        if self._opened is None:
            self._opened = network.open_client(self._facts.timing, self._proxy)
        words = "&".join(f"{name}={value}" for name, value in {**query, **self._stamp()}.items())
        signature = hmac.new(self._key.secret.encode(), words.encode(), hashlib.sha256).hexdigest()
        return await network.ask(
            self._opened,
            "GET",
            f"{url}?{words}&signature={signature}",
            headers={self._facts.headers.key: self._key.key},
            limit_bytes=self._facts.timing.answer_bytes,
        )

    def _stamp(self) -> dict[str, str]:
        return {"recvWindow": "5000", "timestamp": str(self._world.read().wall_ms)}


class KeptHistory:
    """The history with the key that the vault has, if any. `load` may block: it is called in a thread."""

    def __init__(
        self, facts: Facts, load: Callable[[], str | None], proxy: Proxy | None = None, world: World = REAL
    ) -> None:
        self._facts = facts
        self._load = load
        self._proxy = proxy
        self._world = world
        self._opened: History | None = None

    async def rows(self, start_ms: int, end_ms: int) -> list[Row]:
        """The bookings of that span; empty without a key."""
        if self._opened is None and (key := await self._key()) is not None:
            self._opened = History(self._facts, key, self._proxy, self._world)
        return [] if self._opened is None else await self._opened.rows(start_ms, end_ms)

    async def close(self) -> None:
        """Give the connections back."""
        if self._opened is not None:
            await self._opened.close()

    async def _key(self) -> HistoryKey | None:
        try:
            return msgspec.json.decode(await asyncio.to_thread(self._load) or b"null", type=HistoryKey | None)
        except (VaultUnavailable, msgspec.DecodeError):
            return None


def stake_row(rows: Iterable[Row], entry: Entry, others: Iterable[Entry], facts: Facts) -> Row | None:
    """The booking of this entry's stake: the only near one of that symbol and amount, and no other order is near it."""
    if any(_are_near(other, entry, 0, facts) for other in others):
        return None
    found = [
        row
        for row in rows
        if row.kind == facts.income.order_type
        and row.symbol in ("", entry.order.symbol_name)
        and -row.amount == entry.stake
        and is_near(row.at_ms, entry, facts.timing)
    ]
    return found[0] if len(found) == 1 else None


def settlement(rows: Iterable[Row], entry: Entry, others: Iterable[Entry], facts: Facts) -> Settlement | None:
    """What a payout says of how it ended; a lost stake has none, and that nothing is there says nothing."""
    length_ms = INCREMENT_SECONDS[entry.order.time_increments] * 1000
    is_alone = not any(
        _are_near(other, entry, INCREMENT_SECONDS[other.order.time_increments] * 1000 - length_ms, facts)
        for other in others
    )
    if entry.stake is None or entry.payout_ratio is None or not is_alone:
        return None
    paid = [
        row
        for row in rows
        if row.kind == facts.income.payout_type
        and row.symbol in ("", entry.order.symbol_name)
        and is_near(row.at_ms - length_ms, entry, facts.timing)
    ]
    if len(paid) != 1:
        return None
    won, tie = entry.stake * (1 + entry.payout_ratio), entry.stake
    if paid[0].amount == won:
        return Settlement(paid[0].at_ms, "won", "confirmed", entry.stake * entry.payout_ratio)
    return Settlement(paid[0].at_ms, "tie", "confirmed", Decimal(0)) if paid[0].amount == tie else None


def _are_near(other: Entry, entry: Entry, later_ms: int, facts: Facts) -> bool:
    """Whether a booking could be the other's as well: the same symbol, `later_ms` after its submission."""
    if other.order.id == entry.order.id or other.order.symbol_name != entry.order.symbol_name:
        return False
    at_ms = other.submitted_wall_ms
    span_ms = (facts.timing.match_before_s + facts.timing.match_after_s) * 1000
    return at_ms is not None and abs(at_ms + later_ms - (entry.submitted_wall_ms or 0)) <= span_ms


def _row(raw: Any) -> Row | None:
    if not isinstance(raw, dict):
        return None
    amount, at_ms = answers.decimal(raw.get("income")), raw.get("time")
    if amount is None or not isinstance(at_ms, int):
        return None
    return Row(str(raw.get("tranId", "")), str(raw.get("incomeType", "")), str(raw.get("symbol") or ""), amount, at_ms)


def _object(raw: Raw) -> dict[str, Any] | None:
    body = _decoded(raw)
    return body if isinstance(body, dict) else None


def _list(raw: Raw) -> list[Any]:
    body = _decoded(raw)
    return body if isinstance(body, list) else []


def _decoded(raw: Raw) -> Any:
    try:
        return msgspec.json.decode(raw.body) if raw.is_whole else None
    except msgspec.DecodeError:
        return None
