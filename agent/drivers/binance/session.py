"""The session at the exchange while the agent runs: read from the vault, checked, and told about when it changes.

The invariants: a session that the exchange has called over is used for no order until it is another one, or the
exchange takes it again; that a check gets no answer ends nothing; the session is in no event.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final, Literal

import msgspec

from agent.drivers.binance.answers import Kind
from agent.drivers.binance.api import Check, WebApi, WebSession
from agent.drivers.binance.facts import Facts
from agent.model.events import Events, ExchangeSession
from agent.model.reasons import Reason
from agent.vault.base import VaultUnavailable
from agent.world import REAL, World

State = Literal["bound", "over", "unbound"]

WARNINGS_MS: Final = (24 * 3_600_000, 3_600_000, 600_000)
"""How long before its end a session is told about."""

UNBOUND: Final = Reason("session.unbound")
OVER: Final = Reason("session.over")
REGION: Final = Reason("exchange.region")


class SessionKeeper:
    """`load` reads the vault's secret and may block; it is called in a thread, one call at a time."""

    def __init__(
        self, api: WebApi, facts: Facts, load: Callable[[], str | None], events: Events, world: World = REAL
    ) -> None:
        self.session: WebSession | None = None
        self._api = api
        self._facts = facts
        self._load = load
        self._events = events
        self._world = world
        self._state: State = "unbound"
        self._why: Reason | None = UNBOUND
        self._warned_ms: int | None = None
        self._is_told = False
        self._checked = asyncio.Event()
        self._one = asyncio.Lock()
        self._wake = asyncio.Event()
        self._rounds: asyncio.Task[None] | None = None

    def refuses(self) -> Reason | None:
        """Why an order would be refused for its session; None if it would not."""
        if self._state == "bound" and self._has_run_out():
            return OVER
        return None if self._state == "bound" else self._why

    async def start(self) -> None:
        """Check now, then every few minutes. An exchange that does not answer is not waited for."""
        if self._rounds is None:
            self._rounds = asyncio.create_task(self._go_round(), name="session checks")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._facts.timing.connect_s):  # wait_for may lose a cancel on 3.11
                    await self._checked.wait()

    async def at_hand(self) -> WebSession | None:
        """The session; read first where nothing has been read yet."""
        if self.session is None and not self._checked.is_set():
            await self.check()
        return self.session

    def doubt(self) -> None:
        """An order was refused for its session: check at once."""
        self._wake.set()

    def is_over(self) -> None:
        """The exchange has said so to an order: no other goes out before a check says better."""
        self._become("over", OVER)
        self.doubt()

    async def check(self) -> None:
        """Read the vault, ask the exchange, tell what has changed."""
        async with self._one:
            self.session, why = await self._read()
            if self.session is None:
                self._become("unbound", why)
            elif self._has_run_out():
                self._become("over", OVER)
            else:
                if not self._is_told:
                    self._state = "bound"  # until the exchange says otherwise
                self._learn(await self._api.check(self.session), self.session)
            self._checked.set()

    async def close(self) -> None:
        """End the checks."""
        if self._rounds is not None:
            self._rounds.cancel()
            await asyncio.gather(self._rounds, return_exceptions=True)
            self._rounds = None

    async def _go_round(self) -> None:
        while True:
            await self.check()
            timing = self._facts.timing
            await self._pause(timing.check_s if self._state == "bound" else timing.unbound_check_s)

    async def _pause(self, seconds: float) -> None:
        """So long, or until there is a doubt, or a warning is due."""
        waits = [asyncio.ensure_future(wait) for wait in (self._wake.wait(), self._world.sleep(self._capped(seconds)))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            self._wake.clear()

    def _capped(self, seconds: float) -> float:
        left_ms = self._left_ms()
        if left_ms is None:
            return seconds
        due = [left_ms - warning for warning in (*WARNINGS_MS, 0) if left_ms > warning]
        return min(seconds, max(min(due, default=0) / 1000, 1.0))

    async def _read(self) -> tuple[WebSession | None, Reason]:
        try:
            kept = await asyncio.to_thread(self._load)
        except VaultUnavailable as error:
            return None, Reason("session.vault", {"why": str(error)})
        if kept is None:
            return None, UNBOUND
        try:
            return msgspec.json.decode(kept, type=WebSession), UNBOUND
        except msgspec.DecodeError:
            return None, UNBOUND

    def _learn(self, check: Check, session: WebSession) -> None:
        if check.is_valid is False:
            return self._become("over", REGION if check.kind is Kind.REGION else OVER)
        if check.is_valid is None and self._state == "over" and self._is_told:
            return None  # no answer changes nothing
        self._become("bound", None if check.is_valid else Reason("session.unchecked", {"why": check.why}))
        return self._warn(session)

    def _become(self, state: State, why: Reason | None) -> None:
        """Tell it where it is news."""
        is_news = not self._is_told or state != self._state or (state != "bound" and why != self._why)
        self._state, self._why, self._is_told = state, why, True
        if is_news:
            self._warned_ms = None
            until = self.session.expires_ms if self.session is not None else None
            self._events.emit(ExchangeSession(state, until, why))

    def _warn(self, session: WebSession) -> None:
        left_ms = self._left_ms()
        reached = [warning for warning in WARNINGS_MS if left_ms is not None and left_ms <= warning]
        if reached and (self._warned_ms is None or min(reached) < self._warned_ms):
            self._warned_ms = min(reached)
            minutes = str(max(0, left_ms or 0) // 60_000)
            self._events.emit(
                ExchangeSession("ends_soon", session.expires_ms, Reason("session.ends_soon", {"minutes": minutes}))
            )

    def _left_ms(self) -> int | None:
        if self.session is None or self.session.expires_ms is None:
            return None
        return self.session.expires_ms - self._world.read().wall_ms

    def _has_run_out(self) -> bool:
        left_ms = self._left_ms()
        return left_ms is not None and left_ms <= 0
