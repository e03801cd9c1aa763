"""`python -m tests.bench.parts`: what each part of the hub costs, and what follows for a million agents.

    python -m tests.bench.parts [--rounds 5] [--print]

Private Redis and MariaDB on one core, the hub's own code on the other; about a minute. Writes the tables of
hub/docs/scaling.md, or only prints them.
"""

import argparse
import asyncio
import json
import os
import platform
import signal
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

import uvloop

from hub.runtime.memory import tune
from hub.store.migrations import migrate

from . import part_bus, part_claims, part_process, part_rows
from .cpu import ServerClock
from .part_page import Conditions, tables, write_page
from .part_rig import Figure, Measured, Meter, Part, Rig, Sizes, allow_many_files, cpu_model
from .processes import Cores
from .stores import Stores

BENCH: Final = Path(__file__).with_name("results.json")
PAGE: Final = Path(__file__).parents[2] / "hub" / "docs" / "scaling.md"


async def measure(rig: Rig) -> Measured:
    """All parts; rows last, since they leave live orders behind."""
    try:
        lines: list[Part | Figure] = await part_claims.measure(rig)
        lines += await part_process.measure(rig)
        lines += await part_bus.measure(rig)
        lines += await part_rows.measure(rig)
    finally:
        await rig.close()
    return Measured.of(lines)


async def _measure(urls: tuple[str, str], folder: Path, meter: Meter, sizes: Sizes) -> Measured:
    return await measure(await Rig.make(urls, folder, meter, sizes))


def _conditions(stores: Stores, rounds: int, load: float) -> Conditions:
    names = ("uvloop", "redis", "sqlalchemy", "asyncmy", "msgspec")
    versions = {"Python": platform.python_version()} | {name: version(name) for name in names}
    servers = stores.versions()
    return Conditions(
        datetime.now(UTC).isoformat(timespec="seconds"),
        f"{os.cpu_count()} cores ({cpu_model()}, Linux {platform.release()})",
        round(load, 2),
        rounds,
        versions | {"Redis server": servers["redis"], "MariaDB": servers["mariadb"]},
    )


def main() -> int:
    """Stores up, parts measured, page written."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.parts", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=Sizes.rounds)
    parser.add_argument("--print", action="store_true", help="leave the page alone")
    options = parser.parse_args()
    sizes, load, begun = Sizes(rounds=options.rounds), os.getloadavg()[0], time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    allow_many_files()
    cores = Cores.of_this_machine()
    os.sched_setaffinity(0, {cores.load})
    with tempfile.TemporaryDirectory(prefix="parts-") as folder, Stores(Path(folder)) as stores:
        migrate(stores.database_url)
        os.sched_setaffinity(0, {cores.server})
        meter = Meter(ServerClock(cores.load), stores.redis.pid, stores.mariadb.pid, sizes.rounds)
        urls = (stores.database_url, stores.redis_url)
        tune()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            measured = runner.run(_measure(urls, Path(folder), meter, sizes))
        conditions = _conditions(stores, sizes.rounds, load)
    bench = json.loads(BENCH.read_text()) if BENCH.exists() else None
    print(tables(measured, conditions, bench))
    if not options.print:
        write_page(measured, conditions, bench, PAGE)
    print(f"\n{time.monotonic() - begun:.0f} s", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
