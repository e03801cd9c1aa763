"""The web's interface with one session: place an order once, ask who the session is of, read the two lists.

The invariants: `place` makes one attempt and says whether a byte of it may have left; a request begins within its
window or not at all; the session is in no repr and no error.
"""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import aiohttp
import msgspec

from agent.drivers.binance import answers, network
from agent.drivers.binance.answers import Kind, Raw
from agent.drivers.binance.facts import Facts
from agent.drivers.binance.network import Proxy, Unreachable, Wire
from protocol.messages import Order

_JSON: Final = {"content-type": "application/json"}


class WebSession(msgspec.Struct, frozen=True):
    """What a browser got: the cookie and the header that belong together. `expires_ms` None: not known."""

    csrftoken: str
    p20t: str
    expires_ms: int | None = None

    def __repr__(self) -> str:
        return f"WebSession(…, expires_ms={self.expires_ms})"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Whatever of it must be in no answer that is kept: whole, and the cookie's last part by itself."""
        return (self.csrftoken, self.p20t, self.p20t.rpartition(".")[2])


class NoAnswer(msgspec.Struct, frozen=True):
    """`has_left`: a byte of the request may have gone. `is_late`: its window ended before one could."""

    why: str
    has_left: bool
    is_late: bool = False


class Check(msgspec.Struct, frozen=True):
    """What the exchange says of a session: `is_valid` None where it cannot be told."""

    is_valid: bool | None
    kind: Kind | None = None
    why: str = ""


class WebApi:
    """One client for all of it, so that what keeps the connection warm warms it for orders. Inside a running loop."""

    def __init__(self, facts: Facts, proxy: Proxy | None = None) -> None:
        self._facts = facts
        self._proxy = proxy
        self._opened: aiohttp.ClientSession | None = None

    async def place(self, session: WebSession, body: Mapping[str, str], within_s: float) -> Raw | NoAnswer:
        """Ask once. `within_s` is how long the request may take to begin; the answer has its own time from then on."""
        loop = asyncio.get_running_loop()
        until = asyncio.timeout(within_s)
        latest = loop.time() + within_s

        def begin() -> None:
            if loop.time() >= latest:
                raise network.TooLate
            until.reschedule(loop.time() + self._facts.timing.answer_s)

        wire = Wire(begin)
        try:
            async with until:
                return await self._ask("POST", self._facts.paths.place_order, session, body=body, wire=wire)
        except (TimeoutError, network.TooLate):
            return NoAnswer("timeout", wire.has_begun, is_late=not wire.has_begun)
        except Unreachable as error:
            return NoAnswer(str(error), wire.has_begun)

    async def check(self, session: WebSession) -> Check:
        """Whether the session is valid, without an order."""
        try:
            raw = await self._ask("GET", self._facts.paths.user, session)
        except Unreachable as error:
            return Check(None, why=str(error))
        answer = answers.read(raw)
        kind = answers.classify(answer, self._facts.codes)
        if kind is Kind.TAKEN and answers.first(answer.data, self._facts.fields.user_id) is not None:
            return Check(True, kind)
        if kind in (Kind.SESSION_OVER, Kind.REGION):
            return Check(False, kind)
        return Check(None, kind, f"status {raw.status}")

    async def rows(self, session: WebSession, path: str, query: Mapping[str, str]) -> list[dict[str, Any]] | None:
        """One page of a list; None where the answer is no list. Raises Unreachable."""
        answer = answers.read(await self._ask("GET", path, session, query=query))
        if answers.classify(answer, self._facts.codes) is not Kind.TAKEN:
            return None
        found = answer.data if isinstance(answer.data, list) else answers.first(answer.data, self._facts.fields.rows)
        return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else None

    async def warm(self) -> None:
        """Have a connection open, without a session. What fails here fails again when it matters."""
        try:
            await self._ask("GET", self._facts.paths.warm, None)
        except Unreachable:
            return

    async def close(self) -> None:
        """Give the connections back."""
        if self._opened is not None:
            await self._opened.close()

    async def _ask(
        self,
        method: str,
        path: str,
        session: WebSession | None,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, str] | None = None,
        wire: Wire | None = None,
    ) -> Raw:
        if self._opened is None:
            self._opened = network.open_client(self._facts.timing, self._proxy)
        tail = "?" + "&".join(f"{name}={value}" for name, value in query.items()) if query else ""
        return await network.ask(
            self._opened,
            method,
            self._facts.urls.web + path + tail,
            headers=self._headers(session),
            limit_bytes=self._facts.timing.answer_bytes,
            body=None if body is None else msgspec.json.encode(body),
            wire=wire,
        )

    def _headers(self, session: WebSession | None) -> dict[str, str]:
        names = self._facts.headers
        if session is None:
            return {}
        return _JSON | names.fixed | {names.csrf: session.csrftoken, "cookie": f"{names.cookie}={session.p20t}"}


def body_of(order: Order, stake: Decimal, payout_ratio: Decimal) -> dict[str, str]:
    """The request's body: every value a string. Raises ValueError for a ratio with more than two decimals."""
    ratio = payout_ratio.quantize(Decimal("0.01"))
    if ratio != payout_ratio:
        raise ValueError(f"the payout ratio {payout_ratio} has more than two decimals")
    return {
        "orderAmount": plain(stake),
        "timeIncrements": order.time_increments,
        "symbolName": order.symbol_name,
        "payoutRatio": str(ratio),
        "direction": order.direction,
    }


def plain(amount: Decimal) -> str:
    """A number as people write it: `5`, not `5.00` nor `5E+0`; nothing is cut."""
    return f"{amount.normalize():f}"
