"""What only the hub is asked: acks in the database, idle cost, frozen clients, a restart, the polling way.

Used by `__main__`, after the fan-out at the same N, on the same connections. Each function measures one line of the
report and returns plain numbers.
"""

import json
import math
import statistics
import subprocess
import sys
import time
from typing import Any, Final

from .measure_fanout import Say, one_round
from .peers.hub import Hub
from .processes import Programs
from .sockets import unsent_bytes

_CAUGHT_UP_WITHIN_S: Final = 90.0
_OPEN_THROUGH_RESTART_S: Final = 120
"""The window of a restart's orders, beyond the longest wait: who comes late must still find them open."""
_DRAINED_WITHIN_S: Final = 30.0
_ROUNDS_A_FREEZE: Final = 7
"""As many as are over before the hub closes the frozen for their silence, also with ten thousand agents."""
_FREEZE_SHARE: Final = 2
"""Rounds with frozen agents for each round of another measurement: a round varies by more than the bar leaves."""
_BURST: Final = 300
"""Questions at a time: their answers fit into what the hub lets wait for one peer, so that none is closed for it."""
_REPLY_BYTES: Final = 70


def acks(hub: Hub, count: int, rounds: int, say: Say) -> dict[str, Any]:
    """Publish to all acks in the database, agents acking as soon as they read."""
    taken = []
    hub.generator.ask("acks", mode="now")
    for _ in range(rounds):
        hub.generator.ask("arm", count=count, pids=hub.program.pids)
        before = hub.program.cpu_ns()
        published = hub.publish()
        ms = hub.wait_acked(published.order_id, published.t0, count)
        taken.append({"ms": ms, "cpu_us": (hub.program.cpu_ns() - before) / count / 1000})
        hub.generator.ask("beats", on=True)
        say(f"publish to {count} acks in the database: {ms:.0f} ms")
    hub.generator.ask("acks", mode="hold")
    return {"rounds": taken, **{f"median_{key}": statistics.median(r[key] for r in taken) for key in taken[0]}}


def idle(hub: Hub, count: int, seconds: float, say: Say) -> dict[str, Any]:
    """CPU of the hub with nothing to do but heartbeats, in percent of a core, for 1,000 connections."""
    time.sleep(1.0)
    beats = hub.generator.ask("stats")["seen"].get("beats", 0)
    before, begun = hub.program.cpu_ns(), time.monotonic()
    time.sleep(seconds)
    cpu = (hub.program.cpu_ns() - before) / 1e9 / (time.monotonic() - begun)
    beats = hub.generator.ask("stats")["seen"].get("beats", 0) - beats
    per_thousand = cpu * 100 / count * 1000
    say(f"idle: {per_thousand:.2f} % of a core per 1,000 connections, {beats / seconds:.0f} heartbeats a second")
    return {"percent_per_1000": per_thousand, "seconds": seconds, "heartbeats_per_s": beats / seconds}


def frozen(hub: Hub, count: int, rounds: int, say: Say) -> dict[str, Any]:
    """p99 of those who read: without frozen agents, with 1 % of them frozen and their buffers full, and so on in turns.

    Each round with them is held against the rounds without, next before and next after: the machine's speed drifts.
    """
    some = max(1, count // 100)
    at_once = min(rounds, _ROUNDS_A_FREEZE)
    without = [[one_round(hub, count) for _ in range(at_once)]]
    with_frozen, waiting, stayed = [], 0, True
    for _ in range(math.ceil(_FREEZE_SHARE * rounds / at_once)):
        ports, waiting = _freeze(hub, some)
        with_frozen.append([_round_of_readers(hub, count - some) for _ in range(at_once)])
        stayed = stayed and hub.generator.ask("stats")["open"] == count
        _thaw(hub, count, ports)
        without.append([one_round(hub, count) for _ in range(at_once)])
    ratios = []
    for turn, block in enumerate(with_frozen):
        beside = statistics.median(sample["p99_ms"] for sample in without[turn] + without[turn + 1])
        ratios += [sample["p99_ms"] / beside for sample in block]
    ratio = statistics.median(ratios)
    say(f"p99 with {some} frozen ÷ without: {ratio:.2f}; {waiting // some} bytes wait for each")
    figures = {"frozen": some, "unsent_bytes_each": waiting // some, "stayed_connected": stayed}
    return figures | {"with": with_frozen, "without": without, "ratios": ratios, "p99_ratio": ratio}


def _thaw(hub: Hub, count: int, ports: set[int]) -> None:
    """The frozen read on, until nothing waits for them and all are connected."""
    hub.generator.ask("thaw")
    until = time.monotonic() + _DRAINED_WITHIN_S
    while any(unsent_bytes(hub.host.port, ports).values()) and time.monotonic() < until:
        time.sleep(0.1)
    hub.generator.connect(count)


def _freeze(hub: Hub, some: int) -> tuple[set[int], int]:
    """Freeze agents, and let each ask until the kernel takes no more answers to it; their ports, the bytes."""
    ports = set(hub.generator.ask("freeze", count=some)["ports"])
    waiting = unsent_bytes(hub.host.port, ports)
    filling = ports
    while filling:
        hub.generator.ask("ask", 60, ports=sorted(filling), times=_BURST)
        time.sleep(0.05 + len(filling) * _BURST * 2e-5)
        now = unsent_bytes(hub.host.port, ports)
        filling = {port for port in filling if now.get(port, 0) - waiting.get(port, 0) > _BURST * _REPLY_BYTES // 2}
        waiting = now
    return ports, sum(waiting.values())


def _round_of_readers(hub: Hub, readers: int) -> dict[str, Any]:
    hub.generator.ask("arm", count=readers, pids=hub.program.pids)
    published = hub.publish()
    hub.generator.ask("wait", 35, timeout=30)
    seen = hub.generator.ask("report", order=published.order_id, t0=published.t0)
    hub.generator.ask("acks", mode="now")
    hub.wait_acked(published.order_id, published.t0, readers)
    hub.generator.ask("acks", mode="hold")
    hub.generator.ask("beats", on=True)
    return {name: seen[name] for name in ("frames", "p50_ms", "p99_ms", "max_ms")}


def restart(hub: Hub, count: int, say: Say) -> dict[str, Any]:
    """A hub restart under `count` agents: one order unacked from before, one published as soon as it is back."""
    hub.generator.ask("arm", count=count, pids=[])
    before = hub.publish(_OPEN_THROUGH_RESTART_S)
    hub.generator.ask("wait", 35, timeout=30)
    hub.generator.ask("forget")
    hub.generator.ask("reconnect", on=True)
    begun = time.monotonic_ns()
    stopping_s = hub.host.stop()
    hub.generator.ask("arm", count=2 * count, pids=[])
    hub.host.start()
    ready = time.monotonic_ns()
    hub.restarted()
    after = hub.publish(_OPEN_THROUGH_RESTART_S)
    hub.generator.ask("beats", on=True)
    is_open = hub.generator.wait_open(count, _CAUGHT_UP_WITHIN_S)
    result = _wait_caught_up(hub, count, [before.order_id, after.order_id], begun)
    ready_ms = (ready - begun) / 1e6
    result |= {"all_open": is_open, "stop_s": stopping_s, "ready_s": ready_ms / 1000}
    result["from_ready_s"] = result["from_sigterm_s"] - ready_ms / 1000
    hub.generator.ask("reconnect", on=False)
    for published in (before, after):
        hub.cancel(published.order_id)  # else whoever connects next would be given it, too
    say(
        f"restart: all {count} caught up {result['from_sigterm_s']:.1f} s after SIGTERM, "
        f"{result['from_ready_s']:.1f} s after the hub was ready"
    )
    return result


def _wait_caught_up(hub: Hub, count: int, orders: list[int], begun: int) -> dict[str, Any]:
    until = time.monotonic() + _CAUGHT_UP_WITHIN_S
    while True:
        seen = [hub.generator.ask("report", order=order_id, t0=begun) for order_id in orders]
        if all(one["connections"] == count for one in seen) or time.monotonic() > until:
            break
        time.sleep(0.1)
    return {
        "complete": all(one["connections"] == count for one in seen),
        "from_sigterm_s": max(one.get("max_ms", float("nan")) for one in seen) / 1000,
        "median_s": max(one.get("p50_ms", float("nan")) for one in seen) / 1000,
        "frames": [one["frames"] for one in seen],
    }


def pulls(programs: Programs, hub: Hub, seconds: float, say: Say) -> dict[str, Any]:
    """GET /api/orders/pull with no order pending, from 64 kept connections that never wait."""
    command = [sys.executable, "-m", "tests.bench.pull_load", "--port", str(hub.host.port)]
    command += ["--tokens", str(hub.host.tokens), "--connections", "64", "--seconds", str(seconds)]
    pinned = ["taskset", "-c", str(programs.cores.load), *command]
    answer = subprocess.run(pinned, capture_output=True, check=True, timeout=seconds + 30)
    result: dict[str, Any] = json.loads(answer.stdout)
    say(f"polling: {result['pulls_per_s']:.0f} pulls a second, p50 {result['p50_ms']:.0f} ms")
    return result
