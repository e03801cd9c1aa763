"""A morning: a thousand true agents log in at once at one hub, then all lose their connection and come back with their
tokens. `python -m tests.operation.morning [--agents 1000]`.

The agents are the program's own, login, link, journal and all, in one process, on paper. Passwords cost what they cost.
Checked: all are in within a minute with nobody doing anything; and nobody who comes back is asked to wait, or logs in
again.
"""

import argparse
import asyncio
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from argon2 import PasswordHasher
from sqlalchemy import update

from agent.app import build
from agent.config import Settings
from agent.link.api import Credentials
from agent.model.events import Connected, Disconnected, Event, LoggedIn
from hub.store import Store
from hub.store.tables import users
from tests.kit.people import PASSWORD, Person, enrol
from tests.services.hub_process import HubProcess
from tests.services.mariadb import MariaDB
from tests.services.waiting import eventually

from .stage import hub_in, on_stage

WITHIN_S: Final = 60.0
PATIENCE_S: Final = 180.0


class Early:
    """One agent, made and not started; when it was told what."""

    def __init__(self, directory: Path, hub_url: str, person: Person) -> None:
        config = Settings(server_url=hub_url, data_dir=directory / person.username, _env_file=None)  # type: ignore[call-arg]
        self.agent = build(config, Credentials(person.username, PASSWORD))
        self.told: list[tuple[float, Event]] = []
        self.agent.events.subscribe(lambda event: self.told.append((time.monotonic(), event)))

    def times(self, kind: type[Event]) -> list[float]:
        return [at for at, event in self.told if isinstance(event, kind)]

    def is_in(self, times: int) -> bool:
        return len(self.times(Connected)) >= times

    def cut(self) -> None:
        """The line breaks, without a word."""
        connection = self.agent._link._connection  # the cable, which the program itself has no way to pull
        assert connection is not None
        connection._socket.transport.abort()


@dataclass(frozen=True)
class Figures:
    """How long each took, in seconds; how often one was asked to wait; what was wrong."""

    took_s: list[float]
    waits: int
    longest_wait_s: float
    reasons: list[str]

    def __str__(self) -> str:
        cuts = statistics.quantiles(self.took_s, n=100) if len(self.took_s) > 1 else self.took_s * 99
        times = f"p50 {cuts[49]:.1f} s, p99 {cuts[98]:.1f} s, last {max(self.took_s):.1f} s"
        return f"{times}; asked to wait {self.waits} times, at most {self.longest_wait_s:.0f} s"


def figures(agents: Sequence[Early], began: float, times: int) -> Figures:
    """Of the way to the connection of this number."""
    took, waits = [], []
    for one in agents:
        took.append(one.times(Connected)[times - 1] - began)
        waits += [event for at, event in one.told if isinstance(event, Disconnected) and at >= began]
    longest = max((event.retry_in_s for event in waits), default=0.0)
    return Figures(took, len(waits), longest, sorted({event.reason for event in waits}))


async def with_true_hashes(database_url: str, people: Sequence[Person]) -> None:
    """A password by today's parameters for all of them: each login costs the hub what it costs."""
    told = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1).hash(PASSWORD)
    store = Store(database_url)
    try:
        async with store.database.transaction() as connection:
            ids = [person.id for person in people]
            await connection.execute(update(users).where(users.c.id.in_(ids)).values(password=told))
    finally:
        await store.close()


@asynccontextmanager
async def early_at(directory: Path, hub: HubProcess, people: Sequence[Person]) -> AsyncIterator[list[Early]]:
    """Their agents, made and not started; stopped at the end."""
    agents = [Early(directory, hub.url, person) for person in people]
    async with AsyncExitStack() as stack:
        for one in agents:
            stack.callback(one.agent.stop)
        yield agents


async def begin(agents: Sequence[Early]) -> Figures:
    """All log in at once; returns when all are connected."""
    began = time.monotonic()
    runs = [asyncio.create_task(one.agent.run()) for one in agents]
    await eventually(
        lambda: all(one.is_in(1) for one in agents) or any(run.done() for run in runs), "all in", PATIENCE_S
    )
    assert not any(run.done() for run in runs), [run.result() for run in runs if run.done()]
    return figures(agents, began, 1)


async def come_back(agents: Sequence[Early]) -> Figures:
    """All lose their connection at once; returns when all have another."""
    began = time.monotonic()
    for one in agents:
        one.cut()
    await eventually(lambda: all(one.is_in(2) for one in agents), "all back", PATIENCE_S)
    return figures(agents, began, 2)


def cpu_s(pid: int) -> float:
    """What a process has had of the processors until now."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def logins(agents: Sequence[Early]) -> int:
    return sum(len(one.times(LoggedIn)) for one in agents)


async def morning(directory: Path, mariadb: MariaDB, count: int) -> list[str]:
    """What was not as it has to be."""
    async with hub_in(directory, mariadb) as hub:
        people = await enrol(hub.settings.database_url, count)
        await with_true_hashes(hub.settings.database_url, people)
        async with early_at(directory / "homes", hub, people) as agents:
            before = cpu_s(hub.pid)
            first = await begin(agents)
            print(f"{count} log in at once:    {first}; CPU of the hub {cpu_s(hub.pid) - before:.0f} s", flush=True)
            back = await come_back(agents)
            print(f"{count} come back at once: {back}", flush=True)
            wrong = []
            if max(first.took_s) > WITHIN_S:
                wrong.append(f"the last was in after {max(first.took_s):.0f} s")
            if back.waits != count or logins(agents) != count:
                wrong.append(f"{back.waits - count} tries to come back failed: {back.reasons}; {logins(agents)} logins")
            if "Traceback" in hub.log():
                wrong.append("a trace in the hub's log")
            return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description="A morning: see the head of this module.")
    parser.add_argument("--agents", type=int, default=1_000)
    count = parser.parse_args().agents
    wrong = on_stage(lambda directory, mariadb: morning(directory, mariadb, count))
    for what in wrong:
        print("  WRONG:", what)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
