"""What the tests of operation ask for: one hub behind each kind of server, and clusters of several processes."""

import asyncio
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp
import pytest
import uvloop

from hub.runtime import metrics
from hub.sessions.wire import WireProtocol
from hub.web.exposition import FRESH_S
from tests.kit.admin import Admin, Books, books_of
from tests.kit.agents import Desk, ScriptedAgent, desk_of
from tests.kit.cluster import Cluster, Clusters, Trial, trial_on
from tests.kit.people import enrol, log_in
from tests.services.hub_process import HubProcess, HubSettings
from tests.services.mariadb import MariaDB

from .line import Line
from .thread_hub import Certificate, ThreadHub, make_certificate

PATHS = ("wire", "plain", "tls")
LOOPS: Final[dict[str, Callable[[], asyncio.AbstractEventLoop]]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


@dataclass(frozen=True)
class Door:
    """A hub, as whoever connects to it sees it."""

    url: str
    admin_token: str
    database_url: str
    tls: ssl.SSLContext | None = None
    thread: ThreadHub | None = None

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


@dataclass
class Visit:
    """One test at a door."""

    door: Door
    http: aiohttp.ClientSession
    admin: Admin
    books: Books
    desk: Desk
    lines: list[Line] = field(default_factory=list)

    async def trader(self) -> ScriptedAgent:
        """Someone with a healthy connection."""
        [person] = await enrol(self.door.database_url, 1)
        trader = await self.desk.trader(self.door.url, person, acts=True)
        await trader.connect()
        return trader

    async def line(self) -> Line:
        """Someone whose connection does what the test says."""
        [person] = await enrol(self.door.database_url, 1)
        line = Line(self.door.url, person, await log_in(self.http, self.door.url, person), self.door.tls)
        self.lines.append(line)
        await line.open()
        return line

    async def metric(self, sample: str) -> float:
        """A sample's value now, such as `bn_hub_closes_total{reason="SLOW_CONSUMER"}`; else 0."""
        if self.door.thread is not None:
            text = metrics.exposition().decode()
        else:
            await asyncio.sleep(FRESH_S)  # what is shown may be so old
            async with self.http.get(f"{self.door.url}/metrics") as answer:
                text = await answer.text()
        lines = text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{sample} "))


@pytest.fixture(params=LOOPS)
def runner(request: pytest.FixtureRequest) -> Iterator[asyncio.Runner]:
    """On each kind of event loop."""
    with asyncio.Runner(loop_factory=LOOPS[request.param]) as running:
        yield running


@pytest.fixture(scope="package")
def operation_dir(services_dir: Path) -> Path:
    return Path(tempfile.mkdtemp(prefix="operation-", dir=services_dir))


@pytest.fixture(scope="package")
def clusters(operation_dir: Path, mariadb_template: Path, mariadb: MariaDB) -> Iterator[Clusters]:
    with ExitStack() as stack:
        yield Clusters(operation_dir / "clusters", mariadb_template, mariadb, stack)


@pytest.fixture(scope="package")
def pair_cluster(clusters: Clusters) -> Cluster:
    """Two hubs on MariaDB and Redis."""
    return clusters.servers(hubs=2)


@pytest.fixture
async def pair(pair_cluster: Cluster) -> AsyncIterator[Trial]:
    async with trial_on(pair_cluster) as trial:
        yield trial


@pytest.fixture(scope="package")
def certificate(operation_dir: Path) -> Certificate:
    return make_certificate(operation_dir)


@pytest.fixture(scope="package")
def door(request: pytest.FixtureRequest, operation_dir: Path, certificate: Certificate) -> Iterator[Door]:
    """Parametrized with (path, heartbeat_s): `hub serve`; the same application without the wire; with it under TLS."""
    path, heartbeat_s = request.param
    directory = Path(tempfile.mkdtemp(prefix=f"{path}-", dir=operation_dir))
    with ExitStack() as stack:
        if path == "wire":
            yield _served(stack, directory, heartbeat_s)
            return
        given = certificate if path == "tls" else None
        thread = stack.enter_context(
            ThreadHub(directory, WireProtocol if given else "websockets-sansio", given, heartbeat_s)
        )
        yield Door(thread.url, thread.admin_token, thread.database_url, given.trust() if given else None, thread)


def _served(stack: ExitStack, directory: Path, heartbeat_s: int) -> Door:
    url = f"sqlite+aiosqlite:///{directory}/hub.db"
    hub = HubProcess(
        directory, HubSettings(url, extra={"HUB_HEARTBEAT_S": str(heartbeat_s), "HUB_RESULT_GRACE_S": "1"})
    )
    stack.callback(hub.kill)
    hub.start()
    return Door(hub.url, hub.admin_token, url)


@pytest.fixture
async def visit(door: Door, monkeypatch: pytest.MonkeyPatch, certificate: Certificate) -> AsyncIterator[Visit]:
    """One test at the door."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    connector = aiohttp.TCPConnector(ssl=door.tls or True)
    async with (
        aiohttp.ClientSession(connector=connector) as http,
        books_of(door.database_url) as books,
        desk_of(http) as desk,
    ):
        playing = Visit(door, http, Admin(http, door.url, door.admin_token), books, desk)
        yield playing
        for line in playing.lines:
            line.drop()
