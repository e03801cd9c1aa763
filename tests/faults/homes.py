"""A trader who moves between two computers, each with a wall clock that may be wrong, and what reached an exchange.

The invariant: the paper exchanges' own files bear witness, with the time of day that SQLite itself reads, so that no
agent can forget a submission and no stepped clock can hide a late one.
"""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

from agent.app import build
from agent.config import Settings
from agent.link.api import Credentials
from agent.model.events import Connected, Disconnected, Event, SessionEnded
from agent.world import REAL, Reading, World
from tests.kit.people import PASSWORD, Person

LONGEST_SLEEP_S: Final = 1.0
_WITNESS: Final = """
CREATE TABLE IF NOT EXISTS witness (order_id INTEGER NOT NULL, at_ms INTEGER NOT NULL);
CREATE TRIGGER IF NOT EXISTS bears_witness AFTER INSERT ON requests BEGIN
    INSERT INTO witness VALUES (NEW.order_id, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER));
END;
"""


class Request(NamedTuple):
    """What an exchange was asked: of whom, which order, and when by the true clock."""

    user_id: int
    order_id: int
    at_ms: int


class SteppedWorld:
    """This computer's world, but for a wall clock that is off by `off_ms`; and nobody sleeps for long, so that who lost
    a connection is soon back."""

    def __init__(self) -> None:
        self.off_ms = 0
        self.world = World(self._read, self._sleep, REAL.random)

    def _read(self) -> Reading:
        real = REAL.read()
        return Reading(wall_ms=real.wall_ms + self.off_ms, monotonic_ms=real.monotonic_ms)

    async def _sleep(self, seconds: float) -> None:
        await REAL.sleep(min(seconds, LONGEST_SLEEP_S))


class Computer:
    """One home directory, one clock, and the agent that runs there, if one does."""

    def __init__(self, home: Path, hub_url: str, person: Person) -> None:
        self.clock = SteppedWorld()
        self._home = home
        self._hub_url = hub_url
        self._person = person
        self._running: asyncio.Task[SessionEnded] | None = None
        self.connections = 0
        self.is_connected = False

    @property
    def is_running(self) -> bool:
        return self._running is not None and not self._running.done()

    def start(self) -> None:
        """Starts the agent, unless it runs."""
        if self.is_running:
            return
        config = Settings(server_url=self._hub_url, data_dir=self._home, _env_file=None)  # type: ignore[call-arg]
        agent = build(config, Credentials(self._person.username, PASSWORD), world=self.clock.world)
        agent.events.subscribe(self._hear)
        for file in self._exchanges():
            with closing(sqlite3.connect(file, timeout=10)) as db:
                db.executescript(_WITNESS)
        self._agent = agent
        self._running = asyncio.create_task(agent.run())

    async def stop(self) -> None:
        """SIGTERM's way. Raises what broke the agent."""
        if self._running is not None:
            self._agent.stop()
            await self._running

    def requests(self) -> list[Request]:
        """All that its exchange was ever asked."""
        found = []
        for file in self._exchanges():
            with closing(sqlite3.connect(file, timeout=10)) as db:
                asked = db.execute("SELECT count(*) FROM requests").fetchone()[0]
                rows = db.execute("SELECT order_id, at_ms FROM witness").fetchall()
            assert len(rows) == asked, f"{asked} requests in {file}, {len(rows)} were witnessed"
            found += [Request(self._person.id, *row) for row in rows]
        return found

    def _hear(self, event: Event) -> None:
        self.connections += isinstance(event, Connected)
        if isinstance(event, Connected | Disconnected | SessionEnded):
            self.is_connected = isinstance(event, Connected)

    def _exchanges(self) -> list[Path]:
        return list(self._home.rglob("paper.db"))


class Trader:
    """One person with two computers, of which one is in use."""

    def __init__(self, directory: Path, hub_urls: list[str], person: Person) -> None:
        self.person = person
        self.computers = [
            Computer(directory / f"{person.username}-{place}", hub_urls[(person.id + place) % len(hub_urls)], person)
            for place in range(2)
        ]
        self._place = 0

    @property
    def computer(self) -> Computer:
        """The one in use."""
        return self.computers[self._place]

    def move(self) -> None:
        """Goes to the other computer and starts the agent there; the one left behind runs on, if it may."""
        self._place = 1 - self._place
        self.computer.start()

    def requests(self) -> list[Request]:
        return [request for computer in self.computers for request in computer.requests()]

    async def stop(self) -> None:
        await asyncio.gather(*(computer.stop() for computer in self.computers))
