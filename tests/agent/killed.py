"""A live agent in a process of its own that kills itself (SIGKILL) at its n-th step, and the steps it counts.

A step is the beginning and the end of whatever leaves a trace: a line of the journal, a message to the hub, the call of
the driver, the first line of a request, its bytes, the head of an answer. Nothing is replaced, only counted.
"""

import asyncio
import functools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from agent.agent import Agent
from agent.app import build
from agent.config import Settings
from agent.drivers.binance import network
from agent.drivers.binance.driver import BinanceWeb
from agent.link.api import Credentials
from agent.model.account import Owner
from agent.trading.accounts import Accounts
from agent.vault import MemoryVault
from tests.agent.consenting import accept_live

JOURNAL = ("note_received", "note_submitting", "note_outcome", "note_recorded", "note_settled")


class Job(msgspec.Struct, frozen=True):
    """What the process is to be. `dies_at` None: it lives until it is told to end."""

    hub: str
    password: str
    exchange: str
    session: str
    data_dir: str
    dies_at: int | None


class Steps:
    """Counts, and dies."""

    def __init__(self, dies_at: int | None) -> None:
        self._left = dies_at

    def step(self) -> None:
        if self._left is not None:
            self._left -= 1
            if self._left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def around(self, owner: Any, name: str) -> None:
        """Count before and after each call of a function or coroutine function."""
        inner = getattr(owner, name)

        @functools.wraps(inner)
        def plain(*arguments: Any, **named: Any) -> Any:
            self.step()
            try:
                return inner(*arguments, **named)
            finally:
                self.step()

        @functools.wraps(inner)
        async def waiting(*arguments: Any, **named: Any) -> Any:
            self.step()
            try:
                return await inner(*arguments, **named)
            finally:
                self.step()

        setattr(owner, name, waiting if asyncio.iscoroutinefunction(inner) else plain)


def main(job: Job) -> None:
    """Run until the end, whichever comes first."""
    threading.Thread(target=_die_with_parent, daemon=True).start()
    os.chdir(job.data_dir)
    asyncio.run(_run(job))


def _die_with_parent() -> None:
    """A test run that was ended leaves no agent behind."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


async def _run(job: Job) -> None:
    vault = MemoryVault()
    (key, *_) = Accounts(Path(job.data_dir)).keys(Owner(job.hub, "alice"))
    vault.put(key, "exchange_session", job.session)
    accept_live(Path(job.data_dir), job.hub, "alice", job.exchange)
    config = Settings(
        server_url=job.hub,
        driver="binance-web",
        binance_url=job.exchange,
        data_dir=Path(job.data_dir),
        stop_grace_s=5.0,
    )
    agent = build(config, Credentials("alice", job.password), vault=vault)
    _count(agent, Steps(job.dies_at))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, agent.stop)
    await agent.run()


def _count(agent: Agent, steps: Steps) -> None:
    driver, executor = agent._account.drivers.current, agent._account.executor
    assert isinstance(driver, BinanceWeb)
    for name in JOURNAL:
        steps.around(agent.journal, name)
    steps.around(driver, "submit")
    steps.around(driver, "find")
    steps.around(driver._api, "place")
    steps.around(network.Wire, "begin")
    steps.around(network, "_limited")
    executor._offer = _counted(executor._offer, steps)
    aiohttp.ClientRequest.write_bytes = _writing(steps, aiohttp.ClientRequest.write_bytes)  # type: ignore[method-assign]


def _counted(inner: Callable[[Any], None], steps: Steps) -> Callable[[Any], None]:
    def offer(message: Any) -> None:
        steps.step()
        inner(message)
        steps.step()

    return offer


def _writing(steps: Steps, inner: Any) -> Any:
    async def write_bytes(request: Any, *arguments: Any) -> None:
        steps.step()
        await inner(request, *arguments)
        steps.step()

    return write_bytes
