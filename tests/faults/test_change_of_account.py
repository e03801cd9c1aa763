"""A change of an account takes effect where it was made, though the database is gone right after the COMMIT."""

import asyncio

from protocol import closes
from tests.kit.people import enrol
from tests.services.hub_process import HubProcess
from tests.services.waiting import eventually

from .site import Servers, site_on


class Commit:
    """Knows the COMMIT of a change of an account among a hub's requests to its database."""

    def __init__(self) -> None:
        self._is_next = False

    def __call__(self, request: bytes) -> bool:
        if b"INSERT INTO account_changes" in request:
            self._is_next = True
        return self._is_next and request[5:].upper() == b"COMMIT"


async def test_a_session_ends_though_the_database_is_gone_after_the_commit(servers: Servers) -> None:
    async with site_on(servers) as site:
        [way] = site.ways
        [person] = await enrol(site.database_url, 1)
        trader = await site.desk.trader(way.hub.url, person)
        await trader.connect()
        way.to_database.falls_ill_after(Commit(), "accepts and closes")
        answer = await site.admin_at(0).disable(person.id)
        assert answer.status == 200
        await eventually(lambda: trader.closed == closes.ACCOUNT_DISABLED, "the session ends", 3)
        await eventually(lambda: _is_unready(way.hub), "the hub says that its database is gone", 10)
        assert way.hub.is_running()


async def _is_unready(hub: HubProcess) -> bool:
    return not await asyncio.to_thread(hub.is_ready)
