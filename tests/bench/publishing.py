"""What a publish costs a hub with nobody connected, beside `GET /healthz`, in CPU of the hub.

    python -m tests.bench.publishing [--times 200] [--rounds 7] [--beside CHECKOUT]

The hub alone on one core; MariaDB, Redis and who asks on the other. `--beside`: another checkout with an environment
of its own in `.venv`; its hub takes turns with ours, each on its own database and Redis. The figure is the ratio of the
two in one run; the middle half of its rounds is in brackets.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

from tests.services.hub_process import HubProcess, HubSettings

from .cpu import ServerClock
from .processes import Cores, Programs
from .stores import Stores

ORDER: Final = {
    "symbol_name": "BTCUSDT",
    "direction": "LONG",
    "time_increments": "TEN_MINUTE",
    "valid_duration": 600,
}
WARM: Final = 30


@dataclass
class Asked:
    """One hub, how to ask it, and what each round cost: CPU of one request, in ms."""

    name: str
    pids: Callable[[], list[int]]
    connection: HTTPConnection
    token: str
    publish_ms: list[float] = field(default_factory=list)
    health_ms: list[float] = field(default_factory=list)

    def publish(self) -> None:
        self._ask("POST", "/api/orders/create", json.dumps(ORDER))

    def health(self) -> None:
        self._ask("GET", "/healthz", None)

    def _ask(self, method: str, path: str, body: str | None) -> None:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path} answered {answer.status}: {said[:300]!r}")

    @property
    def ratios(self) -> list[float]:
        return [publish / health for publish, health in zip(self.publish_ms, self.health_ms, strict=True)]


def measure(asked: list[Asked], times: int, rounds: int, clock: ServerClock) -> None:
    """Takes turns: each round asks each hub for each thing `times` times."""

    def cost_ms(one: Asked, ask: Callable[[], None]) -> float:
        pids = one.pids()
        before = clock.read(pids)
        for _ in range(times):
            ask()
        return (clock.read(pids) - before) / times / 1e6

    for one in asked:
        for _ in range(WARM):
            one.publish()
            one.health()
    for _ in range(rounds):
        for one in asked:
            one.health_ms.append(cost_ms(one, one.health))
            one.publish_ms.append(cost_ms(one, one.publish))


def table(asked: list[Asked]) -> str:
    """A line a hub."""
    return "\n".join(
        f"{one.name}: publish {statistics.median(one.publish_ms):.2f} ms, healthz "
        f"{statistics.median(one.health_ms):.3f} ms, ratio {_middle(one.ratios)}"
        for one in asked
    )


def _middle(figures: list[float]) -> str:
    if len(figures) < 2:
        return f"{figures[0]:.1f}"
    low, middle, high = statistics.quantiles(figures, n=4)
    return f"{middle:.1f} ({low:.1f} to {high:.1f})"


def _start(name: str, checkout: Path, folder: Path, stack: ExitStack, programs: Programs, cores: Cores) -> Asked:
    stores = stack.enter_context(Stores(folder / f"stores-{name}"))
    hub = HubProcess(folder / name, HubSettings(stores.database_url, stores.redis_url))
    python = checkout / ".venv" / "bin" / "python"
    command = [str(python) if python.exists() else sys.executable, *hub.command()[1:]]
    hub.directory.mkdir(exist_ok=True)
    environment = hub.environment() | {"PYTHONPATH": str(checkout)}
    migrating = [*command[: command.index("serve")], "migrate"]
    programs.start(f"{name}-migrate", migrating, cores.load, environment).process.wait(60)
    program = programs.start(name, command, cores.server, environment)
    program.wait_until(hub.is_ready)
    connection = HTTPConnection("127.0.0.1", hub.port, timeout=30)
    return Asked(name, lambda: program.pids, connection, hub.admin_token)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=200, help="how often each is asked in a round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--beside", type=Path, help="another checkout, with its environment in .venv")
    given = parser.parse_args()
    cores = Cores.of_this_machine()
    checkouts = {"ours": Path(__file__).parents[2]} | ({"beside": given.beside} if given.beside else {})
    os.sched_setaffinity(0, {cores.load})
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        folder = Path(directory)
        programs = stack.enter_context(Programs(folder, cores))
        asked = [_start(name, checkout, folder, stack, programs, cores) for name, checkout in checkouts.items()]
        measure(asked, given.times, given.rounds, ServerClock(cores.server))
        print(table(asked))
    return 0


if __name__ == "__main__":
    sys.exit(main())
