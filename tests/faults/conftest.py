"""Servers that live as long as a file's rows, and the table of figures at the end of the run."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.services.redis_server import RedisServer

from .database_illnesses import SmallMariaDB
from .figures import Figures, table
from .illness import Illness
from .row import Row
from .site import Servers, redis_users, site_on

RunRow = Callable[..., Awaitable[None]]

PROPERTY = "figures"
MOST_HUBS = 2


@pytest.fixture(scope="module")
def servers(services_dir: Path, mariadb_template: Path, request: pytest.FixtureRequest) -> Iterator[Servers]:
    directory = services_dir / f"faults-{Path(request.node.name).stem}"
    with ExitStack() as stack:
        mariadb = SmallMariaDB(directory / "mariadb", mariadb_template)
        redis = RedisServer(directory / "redis", *redis_users(MOST_HUBS))
        for server in (mariadb, redis):
            stack.callback(server.kill)
            server.start()
        yield Servers(directory, mariadb, redis)


@pytest.fixture
def run_row(servers: Servers, record_property: Callable[[str, object], None]) -> RunRow:
    """`run_row(name, illness, skews_s)`: one row, where the first of the hubs falls ill. Its figures go into the table
    whether or not they please."""

    async def run(name: str, illness: Illness, skews_s: Sequence[float] = (0,)) -> None:
        async with site_on(servers, skews_s) as site:
            row = Row(site, illness, [0], name)
            try:
                await row.run()
            finally:
                record_property(PROPERTY, row.figures.plain())
            assert row.figures.faults == []

    return run


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    rows = [
        Figures.of(value)
        for report in reports
        for name, value in report.user_properties
        if name == PROPERTY and report.when == "call"
    ]
    if rows:
        terminalreporter.section("seconds: unready since it fell ill, gone since the answer, others since it mended")
        for line in table(sorted(rows, key=lambda figures: figures.row)):
            terminalreporter.write_line(line)
