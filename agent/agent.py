"""A session from login to end: the same for every front end, and many of them fit in one loop.

The invariant: however a session ends, what is executing is finished first, and
the hub is told every result that it will take before `run` returns.
"""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import msgspec

from agent.drivers.base import Drivers
from agent.link.api import Credentials, HubApi, Session, Unavailable
from agent.link.reconnecting import Link, Lost, backoff
from agent.model.engine import Mode, Refused
from agent.model.events import Disconnected, End, Events, LoggedIn, SessionEnded
from agent.model.reasons import Reason
from agent.model.session_timer import SessionTimer
from agent.trading import late_results as outbox
from agent.trading.controls import Controls
from agent.trading.executor import Executor
from agent.trading.journal import Journal
from agent.trading.spent import Spent
from agent.trading.standing import Standing
from agent.world import World, sleep_while
from protocol import closes
from protocol.messages import Outcome

T = TypeVar("T")

REPORT_S: Final = 3.0
LOOK_EVERY_S: Final = 1.0
"""How soon it is told that a person paused, or switched live trading, from another process."""

_ENDS: Final = {
    closes.NORMAL: End.STOPPED,
    closes.SESSION_REPLACED: End.REPLACED,
    closes.TOKEN_EXPIRED: End.SESSION_OVER,
    closes.ACCOUNT_EXPIRED: End.ACCOUNT,
    closes.ACCOUNT_DISABLED: End.ACCOUNT,
}


class Account(msgspec.Struct, frozen=True):
    """What an agent has open in the folder of its hub and user."""

    device_id: str
    journal: Journal
    drivers: Drivers
    executor: Executor
    controls: Controls
    standing: Standing
    spent: Spent

    async def close(self) -> None:
        """Give every file of the folder back; a second time does nothing."""
        if not self.journal.is_open:
            return
        await self.executor.finish(0)
        self.journal.close()
        self.controls.close()
        for driver in self.drivers.all:
            await driver.close()


class Home(Protocol):
    """Where the folders of this user at this hub are."""

    def open(self) -> Account:
        """Open the folder of the hub as far as it is known by now. Raises JournalBroken."""
        ...

    def learn(self, hub_id: str | None) -> bool:
        """The hub has told its id; whether it is news, so that the folder is to be opened anew."""
        ...

    def others(self) -> list[Path]:
        """Further folders of this user at this hub that have a journal."""
        ...

    def device_of(self, journal: Journal) -> str:
        """What the hub knows the device of a journal by."""
        ...


class Tokens(Protocol):
    """Keeps the last token that may report, over a crash. Each method may block; none of them raises."""

    def get(self) -> str | None:
        """The kept token."""
        ...

    def keep(self, token: str) -> None:
        """Keep it, in the place of an older one."""
        ...

    def drop(self) -> None:
        """Nothing is left to report."""
        ...


class Agent:
    """One trader's agent. `run` it once; `stop` it from any callback of the same loop."""

    def __init__(
        self,
        credentials: Credentials,
        home: Home,
        tokens: Tokens,
        api: HubApi,
        link: Link,
        stream: Events,
        session_s: int,
        patience_s: tuple[float, float],
        world: World,
    ) -> None:
        self.events = stream
        self._credentials = credentials
        self._home = home
        self._tokens = tokens
        self._account = home.open()
        self._api = api
        self._link = link
        self._session_s = session_s
        self._stop_grace_s, self._submit_s = patience_s
        self._world = world
        self._stopped = asyncio.Event()

    @property
    def journal(self) -> Journal:
        """The account's journal."""
        return self._account.journal

    @property
    def device_id(self) -> str:
        """What the hub knows this device by."""
        return self._account.device_id

    @property
    def controls(self) -> Controls:
        """What a person changes while it runs."""
        return self._account.controls

    @property
    def spent(self) -> Spent:
        """What limits count."""
        return self._account.spent

    def refuses(self) -> Reason | None:
        """Why the exchange would not be given an order now."""
        return self._account.drivers.refuses()

    def use(self, mode: Mode) -> None:
        """Place what comes from now on in this mode; what stands stays with the driver that took it."""
        if self._account.drivers.use(mode):
            self._account.standing.look()

    def resolve(self, order_id: int, outcome: Outcome) -> bool:
        """A person says what became of an unknown order; False where it is not unknown (any more)."""
        return self._account.executor.resolve(order_id, outcome)

    async def watch(self) -> None:
        """Without the hub, until `stop`: what is open settles, and what was interrupted is asked after."""
        try:
            self._account.executor.recover()
            await self._first(self._asked_to_stop())
        finally:
            await self._account.close()

    def stop(self) -> None:
        """End in an orderly way: `run` returns when it is done."""
        self._stopped.set()

    async def run(self, *, wait_for_hub: bool = True) -> SessionEnded:
        """Log in, stay connected, trade; returns why it ended. Raises JournalBroken, which nothing may go on without.

        With `wait_for_hub` a hub that is out of reach is waited for; without, that ends it.
        """
        try:
            self._account.executor.recover()
            ended = await self._session(wait_for_hub)
        finally:
            await self._account.close()
        self.events.emit(ended)
        return ended

    async def _session(self, wait_for_hub: bool) -> SessionEnded:
        session = await self._first(self._login(wait_for_hub))
        if isinstance(session, SessionEnded):
            await self._account.executor.finish(self._stop_grace_s)
            if session.end is End.REFUSED:
                await self._report_without_login()
            return session
        keeping = asyncio.create_task(asyncio.to_thread(self._tokens.keep, session.token))  # a vault may ask somebody
        timer = SessionTimer(self._world.read().wall_ms, self._session_s * 1000)
        known = (session.user_id, timer.ends_ms, session.expire_ms)
        self.events.emit(LoggedIn(self._credentials.username, *known))
        link = asyncio.create_task(self._link.run(session.token, self._account.executor))
        try:
            ended = await self._first(self._linked(link), self._timed(timer))
            await self._account.executor.finish(self._stop_grace_s if ended.end is End.STOPPED else self._submit_s)
            await asyncio.wait({keeping}, timeout=REPORT_S)
            await self._report(session)
        finally:
            await _end(link, keeping)
        return ended

    async def _login(self, wait_for_hub: bool) -> Session | SessionEnded:
        session = await self._try_to_log_in(wait_for_hub)
        while isinstance(session, Session) and self._home.learn(session.hub_id):
            device_id = self.device_id
            await self._account.close()
            self._account = self._home.open()
            self._account.executor.recover()
            if self.device_id != device_id:  # the folder that the hub's id led to is another device to the hub
                session = await self._try_to_log_in(wait_for_hub)
        if isinstance(session, Session) and await self._hand_in_others():
            session = await self._try_to_log_in(wait_for_hub)
        self._credentials.drop_password()
        return session

    async def _hand_in_others(self) -> bool:
        async def log_in(journal: Journal) -> str | None:
            try:
                answer = await self._api.login(self._credentials, self._home.device_of(journal))
            except Unavailable:
                return None
            return None if isinstance(answer, Refused) else answer.token

        return await outbox.empty_others(self._home.others(), log_in, self._api, self.events, self._world)

    async def _try_to_log_in(self, wait_for_hub: bool) -> Session | SessionEnded:
        delays = backoff(self._world.random)
        while True:
            try:
                answer = await self._api.login(self._credentials, self.device_id)
            except Unavailable as error:
                if not (wait_for_hub or error.retry_after_s):
                    return SessionEnded(End.OUT_OF_REACH, str(error))
                delay = error.retry_after_s + next(delays)
                self.events.emit(Disconnected(str(error), delay))
                await self._world.sleep(delay)
            else:
                return SessionEnded(End.REFUSED, answer.reason.text()) if isinstance(answer, Refused) else answer

    async def _linked(self, link: asyncio.Task[Lost]) -> SessionEnded:
        lost = await asyncio.shield(link)
        return SessionEnded(_ENDS.get(lost.close, End.PROTOCOL), lost.reason)

    async def _timed(self, timer: SessionTimer) -> SessionEnded:
        await sleep_while(self._world, lambda: timer.left_ms(self._world.read().wall_ms))
        return SessionEnded(End.SESSION_OVER, "the session has lasted as long as a login is good for")

    async def _report(self, session: Session) -> None:
        """Through the connection if it is there, over HTTP if it is not."""
        if self._link.is_open:
            await self._account.executor.wait_until_reported(REPORT_S)
        await self._link.close()
        await self._empty_outbox(session.token)

    async def _report_without_login(self) -> None:
        """With the token of before: a fact is taken whatever has become of the account, for a time."""
        if self.journal.to_report():
            token = await asyncio.to_thread(self._tokens.get)
            if token is not None:
                await self._empty_outbox(token)

    async def _empty_outbox(self, token: str) -> None:
        if await outbox.empty(self.journal, self._api, token, self.events, self._world):
            await asyncio.to_thread(self._tokens.drop)

    async def _first(self, *lives: Coroutine[Any, Any, T | SessionEnded]) -> T | SessionEnded:
        """What the first of them says; or that somebody wants the agent to stop. Raises what broke the executor."""
        always = (self._broken(), self._asked_to_stop(), self._look_after_the_controls())
        tasks = [asyncio.create_task(life) for life in (*always, *lives)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return next(task for task in tasks if task.done()).result()
        finally:
            await _end(*tasks)

    async def _asked_to_stop(self) -> SessionEnded:
        await self._stopped.wait()
        return SessionEnded(End.STOPPED, "asked to stop")

    async def _look_after_the_controls(self) -> SessionEnded:
        while True:
            await self._world.sleep(LOOK_EVERY_S)
            self._account.standing.look()

    async def _broken(self) -> SessionEnded:
        lives = self._account.executor.lives
        await lives.broke.wait()
        raise lives.failure or RuntimeError("the executor broke")


async def _end(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
