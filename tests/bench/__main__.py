"""`make bench`: measures the hub beside its peers, and writes results.json, the chart and the table of performance.md.

    python -m tests.bench [--quick] [--agents 1000,5000,10000] [--rounds N] [--only hub,bare] [--measures fanout,acks]

Only a whole run writes the kept files; a quick or partial one leaves its results beside them, out of git.
"""

import argparse
import os
import platform
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from . import install, measure_fanout, measure_hub
from .chart import draw
from .figures import BARS_AT, summary
from .peers.bare import Bare
from .peers.base import Peer, payload
from .peers.hub import Hub, HubHost, HubPlain
from .peers.nats import Nats
from .peers.nchan import Nchan
from .peers.socketio_node import SocketIONode
from .peers.socketio_python import SocketIOPython
from .processes import Cores, Programs
from .report import tables, write_json, write_page
from .stores import Stores

HERE: Final = Path(__file__).parent
PAGE: Final = HERE.parents[1] / "hub" / "docs" / "performance.md"
PEERS: Final[dict[str, type[Peer]]] = {peer.name: peer for peer in (Bare, Nchan, Nats, SocketIONode, SocketIOPython)}
NAMES: Final = ("hub", "hub-plain", *PEERS)
_ROUNDS: Final = 7
_ROUNDS_JUDGED: Final = 21
_QUIET_LOAD: Final = 0.5
MEASURES: Final = ("fanout", "acks", "idle", "frozen", "restart", "pulls")


def say(text: str) -> None:
    """Progress, with the seconds since the start."""
    print(f"{time.monotonic() - _BEGUN:6.1f} s  {text}", flush=True)


_BEGUN: Final = time.monotonic()


class Bench:
    """One run."""

    def __init__(self, options: argparse.Namespace, programs: Programs, stores: Stores | None) -> None:
        self.options = options
        self.programs = programs
        self.stores = stores
        self.host = HubHost(programs, stores, max(options.agents)) if stores else None
        self.results: dict[str, Any] = {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": {"cores": os.cpu_count(), "cpu": _cpu_model(), "kernel": platform.release()},
            "load_before": round(os.getloadavg()[0], 2),
            "payload_bytes": len(payload(1_000_001)),
            "rounds": {str(count): self._rounds(count) for count in options.agents},
            "awake": options.awake,
            "versions": {"python": platform.python_version()} | (stores.versions() if stores else {}),
            "titles": {},
            "fanout": {},
            "hub": {},
        }

    def run(self) -> dict[str, Any]:
        """All sizes, one after the other, then what needs a hub without connections."""
        for count in self.options.agents:
            say(f"-- {count} connections")
            with self.programs.block():
                self._one_size(count)
        if self.host and "pulls" in self.options.measures:
            with self.programs.block():
                hub = Hub(self.programs, self.host)
                hub.start()
                self.results["pulls"] = measure_hub.pulls(self.programs, hub, self.options.idle_s, say)
        return self.results

    def _rounds(self, count: int) -> int:
        """More where the bars are judged: half of all rounds are over 15 % off, and some bars are nearer than that."""
        return self.options.rounds or (_ROUNDS_JUDGED if count == BARS_AT else _ROUNDS)

    def _peers(self) -> list[Peer]:
        peers: list[Peer] = [kind(self.programs) for name, kind in PEERS.items() if name in self.options.only]
        if self.host:
            narrow = max(1, max(self.options.agents) // 100) if "frozen" in self.options.measures else 0
            hub = Hub(self.programs, self.host, narrow)
            peers.insert(1, hub)
            if "hub-plain" in self.options.only:
                peers.insert(2, HubPlain(self.programs, hub))
        return peers

    def _one_size(self, count: int) -> None:
        if self.options.awake:
            spin = ["chrt", "--idle", "0", sys.executable, "-c", "while True: pass"]
            self.programs.start("spinner", spin, self.programs.cores.load)
        peers = self._peers()
        costs = measure_fanout.connect(peers, count, say)
        for peer in peers:
            self.results["versions"].setdefault(peer.name, peer.version())
            self.results["titles"][peer.name] = peer.title
        if "fanout" in self.options.measures:
            samples = measure_fanout.rounds(peers, count, self._rounds(count), say)
            self.results["fanout"][str(count)] = {"connect": costs, "samples": samples, "summary": summary(samples)}
        hub = next((peer for peer in peers if isinstance(peer, Hub)), None)
        if hub is not None:
            for peer in peers:
                if peer.program is not hub.program:
                    self.programs.stop(peer.generator.program)
                    self.programs.stop(peer.program)
            self._hub_alone(hub, count)

    def _hub_alone(self, hub: Hub, count: int) -> None:
        measures = self.options.measures
        measured = self.results["hub"].setdefault(str(count), {})
        if "acks" in measures:
            measured["acks"] = measure_hub.acks(hub, count, self._rounds(count), say)
        if "idle" in measures:
            measured["idle"] = measure_hub.idle(hub, count, self.options.idle_s, say)
        if "frozen" in measures:
            measured["frozen"] = measure_hub.frozen(hub, count, self._rounds(count), say)
        if "restart" in measures:
            measured["restart"] = measure_hub.restart(hub, count, say)


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="1,000 agents, 5 rounds: two minutes")
    parser.add_argument("--agents", type=_numbers, help="how many connections, with commas")
    rounds = (
        f"of each measurement; {_ROUNDS} where it is not said, {_ROUNDS_JUDGED} at {BARS_AT:,} agents, 5 with --quick"
    )
    parser.add_argument("--rounds", type=int, help=rounds)
    parser.add_argument("--only", type=_names(NAMES), default=list(NAMES), help=",".join(NAMES))
    parser.add_argument("--measures", type=_names(MEASURES), default=list(MEASURES), help=",".join(MEASURES))
    awake = "keep the load's core from halting with a spinner of class SCHED_IDLE: steadier CPU figures"
    parser.add_argument("--awake", action="store_true", help=awake)
    options = parser.parse_args()
    options.is_whole = not options.quick and set(options.only) == set(NAMES) and set(options.measures) == set(MEASURES)
    options.agents = options.agents or ([1000] if options.quick else [1000, 5000, 10000])
    options.rounds = options.rounds or (5 if options.quick else None)
    options.idle_s = 6.0 if options.quick else 20.0
    return options


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def _names(known: tuple[str, ...]) -> Any:
    def parse(text: str) -> list[str]:
        names = text.split(",")
        if unknown := set(names) - set(known):
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: takes {', '.join(known)}")
        return names

    return parse


def main() -> int:
    """Run, then write. Ctrl-C and SIGTERM end all that was started."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if install.main():
        return 1
    if os.getloadavg()[0] > _QUIET_LOAD:
        say(f"the machine is busy (load {os.getloadavg()[0]:.1f}): the ratios will be noisy")
    cores = Cores.of_this_machine()
    os.sched_setaffinity(0, {cores.load})
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        wants_hub = bool({"hub", "hub-plain"} & set(options.only))
        stores = stack.enter_context(Stores(folder)) if wants_hub else None
        programs = stack.enter_context(Programs(folder, cores))
        results = Bench(options, programs, stores).run()
    _write(results, options.is_whole)
    return 0


def _write(results: dict[str, Any], is_whole: bool) -> None:
    name = "results" if is_whole else "partial"
    write_json(results, HERE / f"{name}.json")
    if "bare" in results["titles"] and results["fanout"]:
        draw(results, HERE / f"{name}.png")
    if is_whole:
        write_page(results, PAGE)
    print(f"\n{tables(results)}\n\nwritten: tests/bench/{name}.json")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
