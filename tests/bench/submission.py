"""From an order's frame to the last byte of its request on the wire: what a live agent takes, and what the disk takes.

    python -m tests.bench.submission [--orders 1000] [--rounds 3]

The agent as it is built for a trader, journal and limits on, alone on one core; hub and stand-in on the other. Beside
it the two commits to disk that it cannot do without (received, submitting), alone, once after each order: the same
disk, the same cold caches. The bars: p99 at most 4 ms, and at most 3 times that of the two commits.
"""

import argparse
import asyncio
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
from websockets.asyncio.client import ClientConnection

from agent.agent import Agent
from agent.app import build
from agent.config import Settings
from agent.link.api import Credentials
from agent.model.account import Owner
from agent.trading.accounts import Accounts
from agent.trading.controls import Controls
from agent.vault import MemoryVault
from tests.agent.consenting import accept_live
from tests.services.waiting import eventually

from .processes import Cores

BAR_MS: Final = 4.0
BAR_RATIO: Final = 3.0
QUIET_S: Final = 0.008
"""After an order its answer and result pass; the next one comes later than that."""


class Commits:
    """The journal's two commits when nothing is around them, in a file of their own."""

    def __init__(self, folder: Path) -> None:
        self.took_ms: list[float] = []
        self._db = sqlite3.connect(folder / "alone.db", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("CREATE TABLE entries (id INTEGER PRIMARY KEY, state TEXT, data TEXT)")

    def make(self) -> None:
        """Both, once."""
        begun = time.perf_counter_ns()
        done = self._db.execute("INSERT INTO entries (state, data) VALUES ('received', ?)", ("x" * 200,))
        self._db.execute("UPDATE entries SET state = 'submitting' WHERE id = ?", (done.lastrowid,))
        self.took_ms.append((time.perf_counter_ns() - begun) / 1e6)

    def close(self) -> None:
        """Give the file back."""
        self._db.close()


class Watch:
    """When an order's frame arrived, and when the last byte of its request was handed to the kernel.

    It patches these two ends for the time of its context, and nothing between them.
    """

    def __init__(self) -> None:
        self.took_ms: list[float] = []
        self.afterwards: Callable[[], None] = lambda: None
        self._heard_ns = 0
        self._hear, self._write = ClientConnection.data_received, aiohttp.ClientRequest.write_bytes
        ClientConnection.data_received = lambda *given: self._heard(*given)  # type: ignore[method-assign]
        aiohttp.ClientRequest.write_bytes = lambda *given: self._written(*given)  # type: ignore[method-assign]

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, *_: object) -> None:
        ClientConnection.data_received = self._hear  # type: ignore[method-assign]
        aiohttp.ClientRequest.write_bytes = self._write  # type: ignore[method-assign]

    def _heard(self, connection: Any, data: bytes) -> None:
        self._heard_ns = time.perf_counter_ns()
        self._hear(connection, data)

    async def _written(self, request: Any, *arguments: Any) -> None:
        await self._write(request, *arguments)
        if request.url.path.endswith("/place-order"):
            self.took_ms.append((time.perf_counter_ns() - self._heard_ns) / 1e6)
            asyncio.get_running_loop().call_later(QUIET_S, self.afterwards)


@dataclass(frozen=True)
class Round:
    """Both in ms: the order's way, and two commits alone."""

    orders: list[float]
    commits: list[float]

    @property
    def ratio(self) -> float:
        """p99 ÷ p99."""
        return p99(self.orders) / p99(self.commits)


def p99(values: list[float]) -> float:
    """The value that one in a hundred exceeds."""
    return sorted(values)[int(len(values) * 0.99)]


def measure(orders: int, folder: Path, core: int, watch: Watch) -> Round:
    """One round, in a folder of its own."""
    commits = Commits(folder)
    watch.took_ms, watch.afterwards = [], commits.make
    peer = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.submission_peer", str(orders)],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    assert peer.stdout is not None
    try:
        asyncio.run(_trade(json.loads(peer.stdout.readline()), folder, lambda: peer.poll() is not None))
        told = json.loads(peer.stdout.readline())
    finally:
        peer.kill()
        peer.wait()
        commits.close()
    if {told["requests"], len(watch.took_ms), len(commits.took_ms)} != {orders}:
        raise RuntimeError(
            f"{orders} orders, {told}, {len(watch.took_ms)} measured, {len(commits.took_ms)} beside them"
        )
    return Round(watch.took_ms, commits.took_ms)


async def _trade(peer: dict[str, Any], folder: Path, is_over: Callable[[], bool]) -> None:
    agent = _built(peer, folder)
    running = asyncio.create_task(agent.run())
    await eventually(lambda: is_over() or running.done(), "all orders are through", 600)
    agent.stop()
    await running


def _built(peer: dict[str, Any], folder: Path) -> Agent:
    config = Settings(
        server_url=peer["hub"], driver="binance-web", binance_url=peer["exchange"], data_dir=folder, stop_grace_s=1
    )
    vault = MemoryVault()
    key = Accounts(folder).keys(Owner(peer["hub"], "alice"))[0]
    vault.put(key, "exchange_session", msgspec.json.encode(peer["session"]).decode())
    accept_live(folder, peer["hub"], "alice", peer["exchange"])
    _set_limits(folder, peer["hub"])
    return build(config, Credentials("alice", peer["password"]), vault=vault)


def _set_limits(folder: Path, hub: str) -> None:
    """Such as are reckoned for each order, and refuse none."""
    controls = Controls(Accounts(folder).folder(Owner(hub, "alice")), lambda: time.time_ns() // 1_000_000)
    for rule in ("loss_per_day", "orders_per_day", "orders_per_hour", "stake_per_day"):
        controls.set_rule(rule, "1000000")
    controls.close()


def table(rounds: list[Round]) -> str:
    """The row for people, and whether it is within its bars."""
    worst, ratio = statistics.median(p99(one.orders) for one in rounds), statistics.median(one.ratio for one in rounds)
    usual = statistics.median(statistics.median(one.orders) for one in rounds)
    alone = statistics.median(p99(one.commits) for one in rounds)
    verdict = "within its bars" if worst <= BAR_MS and ratio <= BAR_RATIO else "OVER ITS BARS"
    return (
        f"frame received → last byte of the request: p50 {usual:.2f} ms, p99 {worst:.2f} ms (at most {BAR_MS:g}); "
        f"two commits alone: p99 {alone:.2f} ms; ratio {ratio:.2f} (at most {BAR_RATIO:g}): {verdict}"
    )


def main() -> int:
    """Pinned, measured, printed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.submission", description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    cores = Cores.of_this_machine()
    os.sched_setaffinity(0, {cores.server})
    rounds = []
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory(prefix="submission-") as folder, Watch() as watch:
            rounds.append(measure(options.orders, Path(folder), cores.load, watch))
    print(table(rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
