"""A session from login to end: the same for every front end, and many of them fit in one loop.

The invariant: however a session ends, what is executing is finished first, and
the hub is told every result that it will take before `run` returns.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from agent.drivers.base import Drivers
from agent.link.api import Credentials, HubApi, Session, Unavailable
from agent.link.reconnecting import Link, Lost, backoff
from agent.model.engine import Refused
from agent.model.events import Disconnected, End, Events, LoggedIn, SessionEnded
from agent.model.session_timer import SessionTimer
from agent.trading import late_results as outbox
from agent.trading.executor import Executor
from agent.trading.journal import Journal
from agent.world import World, sleep_while
from protocol import closes

T = TypeVar("T")

REPORT_S: Final = 3.0

_ENDS: Final = {
    closes.NORMAL: End.STOPPED,
    closes.SESSION_REPLACED: End.REPLACED,
    closes.TOKEN_EXPIRED: End.SESSION_OVER,
    closes.ACCOUNT_EXPIRED: End.ACCOUNT,
    closes.ACCOUNT_DISABLED: End.ACCOUNT,
}


class Agent:
    """One trader's agent. `run` it once; `stop` it from any callback of the same loop."""

    def __init__(
        self,
        credentials: Credentials,
        device_id: str,
        journal: Journal,
        drivers: Drivers,
        api: HubApi,
        link: Link,
        executor: Executor,
        stream: Events,
        session_s: int,
        patience_s: tuple[float, float],
        world: World,
    ) -> None:
        self._world = world
        self.events = stream
        self.journal = journal
        self.device_id = device_id
        self._credentials = credentials
        self._drivers = drivers
        self._api = api
        self._link = link
        self._executor = executor
        self._session_s = session_s
        self._stop_grace_s, self._submit_s = patience_s
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """End in an orderly way: `run` returns when it is done."""
        self._stopped.set()

    async def run(self, *, wait_for_hub: bool = True) -> SessionEnded:
        """Log in, stay connected, trade; returns why it ended. Raises JournalBroken, which nothing may go on without.

        With `wait_for_hub` a hub that is out of reach is waited for; without, that ends it.
        """
        try:
            self._executor.recover()
            await self._drivers.current.start()
            ended = await self._session(wait_for_hub)
        finally:
            await self._executor.finish(0)
            self.journal.close()
            for driver in self._drivers.all:
                await driver.close()
        self.events.emit(ended)
        return ended

    async def _session(self, wait_for_hub: bool) -> SessionEnded:
        session = await self._first(self._login(wait_for_hub))
        if isinstance(session, SessionEnded):
            await self._executor.finish(self._stop_grace_s)
            return session
        timer = SessionTimer(self._world.read().wall_ms, self._session_s * 1000)
        self.events.emit(LoggedIn(self._credentials.username, session.user_id, timer.ends_ms))
        link = asyncio.create_task(self._link.run(session.token, self._executor))
        try:
            ended = await self._first(self._linked(link), self._timed(timer))
            await self._executor.finish(self._stop_grace_s if ended.end is End.STOPPED else self._submit_s)
            await self._report(session)
        finally:
            await _end(link)
        return ended

    async def _login(self, wait_for_hub: bool) -> Session | SessionEnded:
        delays = backoff(self._world.random)
        while True:
            try:
                answer = await self._api.login(self._credentials, self.device_id)
            except Unavailable as error:
                if not wait_for_hub:
                    return SessionEnded(End.OUT_OF_REACH, str(error))
                delay = next(delays)
                self.events.emit(Disconnected(str(error), delay))
                await self._world.sleep(delay)
            else:
                self._credentials.drop_password()
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
            await self._executor.wait_until_reported(REPORT_S)
        await self._link.close()
        await outbox.empty(self.journal, self._api, session.token, self.events, self._world)

    async def _first(self, *lives: Coroutine[Any, Any, T | SessionEnded]) -> T | SessionEnded:
        """What the first of them says; or that somebody wants the agent to stop. Raises what broke the executor."""
        tasks = [asyncio.create_task(life) for life in (self._broken(), self._asked_to_stop(), *lives)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return next(task for task in tasks if task.done()).result()
        finally:
            await _end(*tasks)

    async def _asked_to_stop(self) -> SessionEnded:
        await self._stopped.wait()
        return SessionEnded(End.STOPPED, "asked to stop")

    async def _broken(self) -> SessionEnded:
        await self._executor.broke.wait()
        raise self._executor.failure or RuntimeError("the executor broke")


async def _end(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
