"""Agents and hubs together: a data directory that was copied, a hub that moved, an account that was disabled too soon.

What an exchange was asked is read from the paper exchange's own file. A copy that submits, submits a second time.
"""

import asyncio
import shutil
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from agent.app import build
from agent.config import Settings
from agent.link.api import Credentials
from agent.model.engine import Refused
from agent.trading.terms import Approved
from protocol.messages import Order
from tests.kit.people import PASSWORD, Person, enrol
from tests.services.agent_process import AgentProcess
from tests.services.process import ProcessDied
from tests.services.waiting import eventually

from .homes import Computer
from .site import Servers, Site, site_on

WINDOW_S: Final = 300
SLOW_S: Final = 2.0


class Device(AgentProcess):
    """A headless agent with settings of its own."""

    def __init__(self, directory: Path, hub_url: str, person: Person, **settings: str) -> None:
        super().__init__(directory, hub_url, person.username, PASSWORD)
        self._settings = settings

    def environment(self) -> dict[str, str]:
        return super().environment() | self._settings

    def requests(self) -> Counter[int]:
        """How often its exchange was asked for each order."""
        return requests_in(self.data_dir)


def requests_in(data_dir: Path) -> Counter[int]:
    asked: Counter[int] = Counter()
    for file in data_dir.rglob("paper.db"):
        with closing(sqlite3.connect(file, timeout=10)) as db:
            asked.update(dict(db.execute("SELECT order_id, count(*) FROM requests GROUP BY order_id").fetchall()))
    return asked


async def outcome_is(site: Site, order_id: int, outcome: str) -> None:
    async def is_so() -> bool:
        return [row.outcome for row in await site.books.rows(order_id)] == [outcome]

    await eventually(is_so, f"order {order_id} is {outcome}", 60)


@asynccontextmanager
async def slow_to_tell_what_is_known(site: Site) -> AsyncIterator[None]:
    """The database answers what the hub asks about a journal two seconds after the end of the block."""
    engine = create_async_engine(site.database_url)
    async with engine.begin() as connection:
        locked = (await connection.execute(text("SELECT journal FROM journals FOR UPDATE"))).all()
        assert locked, "no journal is known: nothing would wait"
        yield
        await asyncio.sleep(SLOW_S)  # what is tested: whoever does not wait for the hub submits by now
    await engine.dispose()


async def is_connected(site: Site, hub: int, person: Person) -> None:
    async def is_so() -> bool:
        return person.id in await site.admin_at(hub).connected()

    await eventually(is_so, "the agent is connected", 60)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("had_it", [True, pytest.param(False, marks=pytest.mark.faults)])
async def test_a_data_directory_that_was_copied_submits_nothing_a_second_time(
    servers: Servers, tmp_path: Path, had_it: bool
) -> None:
    """Before the order came, or while it waited for a decision."""
    decided, home = asyncio.Event(), tmp_path / "original"

    async def decide(_order: Order, _approved: Approved) -> Refused | None:
        await decided.wait()
        return None

    async with site_on(servers) as site:
        [person] = await enrol(site.database_url, 1)
        config = Settings(server_url=site.hubs[0].url, data_dir=home, _env_file=None)  # type: ignore[call-arg]
        original = build(config, Credentials(person.username, PASSWORD), decide)
        running = asyncio.create_task(original.run())
        await is_connected(site, 0, person)
        copy = Device(tmp_path / "copy", site.hubs[0].url, person)
        if not had_it:
            shutil.copytree(home, copy.data_dir)
        order_id = await site.admin_at(0).publish([person.id], WINDOW_S)

        async def is_acked() -> bool:
            return any(row.is_acked for row in await site.books.rows(order_id))

        await eventually(is_acked, "it is in the journal")
        if had_it:
            shutil.copytree(home, copy.data_dir)
        decided.set()
        await outcome_is(site, order_id, "success")
        original.stop()
        await running
        try:
            async with slow_to_tell_what_is_known(site):
                await asyncio.to_thread(copy.start)
                await is_connected(site, 0, person)
            second = await site.admin_at(0).publish([person.id], WINDOW_S)
            await outcome_is(site, second, "success")
        finally:
            await asyncio.to_thread(copy.kill)
        assert requests_in(home) == {order_id: 1}
        assert copy.requests() == {second: 1}


@pytest.mark.faults
@pytest.mark.timeout(120)
async def test_what_an_agent_placed_that_died_gets_home_although_its_account_was_disabled(
    servers: Servers, tmp_path: Path
) -> None:
    words = tmp_path / "passphrase"
    words.write_text("a passphrase that nobody guesses")
    words.chmod(0o600)
    async with site_on(servers) as site:
        [person] = await enrol(site.database_url, 1)
        slow = {"AGENT_PAPER_LATENCY_S": "3", "AGENT_VAULT_PASSPHRASE_FILE": str(words)}
        device = Device(tmp_path / "agent", site.hubs[0].url, person, **slow)
        try:
            await asyncio.to_thread(device.start)
            await is_connected(site, 0, person)
            order_id = await site.admin_at(0).publish([person.id], WINDOW_S)
            await eventually(lambda: device.requests() == {order_id: 1}, "it stands, and the answer is on its way")
            await asyncio.to_thread(device.kill)
            assert (await site.admin_at(0).disable(person.id)).status == 200
            with suppress(ProcessDied):  # it is refused the login, and may have ended before we look
                await asyncio.to_thread(device.start)
            await outcome_is(site, order_id, "success")
        finally:
            await asyncio.to_thread(device.kill)
        assert device.requests() == {order_id: 1}


@pytest.mark.faults
@pytest.mark.timeout(120)
async def test_a_result_finds_its_way_to_a_hub_that_has_another_address_now(servers: Servers, tmp_path: Path) -> None:
    async with site_on(servers, (0, 0)) as site:
        [person] = await enrol(site.database_url, 1)
        device, moved = [Device(tmp_path / "agent", hub.url, person) for hub in site.hubs]
        try:
            await asyncio.to_thread(device.start)
            await is_connected(site, 0, person)
            await site.ways[0].to_database.become("never answers")
            order_id = await site.admin_at(1).publish([person.id], WINDOW_S)
            await eventually(lambda: device.requests() == {order_id: 1}, "it stands")
            await asyncio.to_thread(device.kill)
            await asyncio.to_thread(site.hubs[0].kill)  # and all that it knew of the result
            await asyncio.to_thread(moved.start)
            await outcome_is(site, order_id, "success")
        finally:
            await asyncio.to_thread(device.kill)
            await asyncio.to_thread(moved.kill)
        assert moved.requests() == {order_id: 1}


@pytest.mark.faults
@pytest.mark.timeout(120)
async def test_a_database_from_a_backup_has_nothing_placed_until_its_ids_are_raised(
    servers: Servers, tmp_path: Path
) -> None:
    async with site_on(servers) as site:
        hub = site.hubs[0]
        [person] = await enrol(site.database_url, 1)
        computer = Computer(tmp_path, hub.url, person)
        computer.start()
        await is_connected(site, 0, person)
        known = [await site.admin_at(0).publish([person.id], WINDOW_S) for _ in range(3)]
        for order_id in known:
            await outcome_is(site, order_id, "success")
        await asyncio.to_thread(hub.kill)
        await site.sql(f"DELETE FROM orders WHERE id > {known[0]}; ALTER TABLE orders AUTO_INCREMENT = {known[1]}")
        await asyncio.to_thread(hub.start)
        await is_connected(site, 0, person)
        again = await site.admin_at(0).publish([person.id], WINDOW_S)
        assert again == known[1]  # the id of another order, which was placed

        async def is_seen() -> bool:
            return "hub doctor --restored" in (await asyncio.to_thread(hub.cli, "doctor")).stdout

        await eventually(is_seen, "the doctor knows it from the agent")
        assert (await asyncio.to_thread(hub.cli, "doctor", "--restored")).stderr.startswith("Epoch 1")
        await asyncio.to_thread(hub.restart)
        await is_connected(site, 0, person)
        new = await site.admin_at(0).publish([person.id], WINDOW_S)
        await outcome_is(site, new, "success")
        await computer.stop()
        assert Counter(request.order_id for request in computer.requests()) == {**dict.fromkeys(known, 1), new: 1}
        assert [row.outcome for row in await site.books.rows(again)] != ["success"]
