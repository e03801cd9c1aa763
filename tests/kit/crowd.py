"""True agents, as many as wanted in one loop, each on a device of its own in memory.

The mass tests use it. The invariant: what reached an exchange is read from the paper exchange's own file, from
outside, so that no agent can forget a submission.
"""

import asyncio
import sqlite3
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

from agent.app import build
from agent.config import Settings
from agent.link.api import Credentials
from agent.model.events import Connected, Event, SessionEnded
from agent.trading.gate import Decide, agree
from tests.services.waiting import eventually

from .people import PASSWORD, Person


class Member:
    """One agent that runs, on a new device of its own."""

    def __init__(
        self, directory: Path, hub_url: str, person: Person, decide: Decide, settings: dict[str, object]
    ) -> None:
        self.person = person
        self.hub_url = hub_url
        self._data_dir = directory / uuid.uuid4().hex
        config = Settings(server_url=hub_url, data_dir=self._data_dir, _env_file=None, **settings)  # type: ignore[call-arg,arg-type]
        self.agent = build(config, Credentials(person.username, PASSWORD), decide)
        self.events: list[Event] = []
        self.agent.events.subscribe(self.events.append)
        self.device_id = self.agent.device_id
        self.running = asyncio.create_task(self.agent.run())

    def told(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    async def is_connected(self) -> None:
        """Returns when the hub has said welcome. Raises what ended the agent."""
        await eventually(lambda: self.told(Connected) or self.running.done(), f"{self.person.username} is connected")
        assert not self.running.done(), self.running.result()

    async def stop(self) -> SessionEnded:
        """SIGTERM's way."""
        self.agent.stop()
        return await self.running

    def submissions(self) -> Counter[int]:
        """How often each order reached this device's exchange."""
        [file] = self._data_dir.glob("accounts/*/*/paper.db")
        with closing(sqlite3.connect(file)) as db:
            return Counter(dict(db.execute("SELECT order_id, count(*) FROM requests GROUP BY order_id").fetchall()))


class Crowd:
    """All agents of a test."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.members: list[Member] = []

    async def join(self, hub_url: str, person: Person, decide: Decide = agree, **settings: object) -> Member:
        """A new agent, connected."""
        member = Member(self._directory, hub_url, person, decide, settings)
        self.members.append(member)
        await member.is_connected()
        return member

    async def stop(self) -> None:
        """Ends all of them; every result that the hub takes has been handed in."""
        await asyncio.gather(*(member.stop() for member in self.members))


@asynccontextmanager
async def crowd_in(directory: Path) -> AsyncIterator[Crowd]:
    crowd = Crowd(directory)
    try:
        yield crowd
    finally:
        await crowd.stop()
