"""Publish to frame: every peer in turn, round by round, so that all ratios come from one run.

Used by `__main__`. In a round one server is measured and the others are paused (SIGSTOP), so that no heartbeat or
collection of theirs falls into it; which one begins moves on with each round.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from .peers.base import Peer
from .processes import ProgramFailed

_ROUND_WITHIN_S: Final = 30.0
_BREATH_S: Final = 0.25
"""Between two rounds, for what the pause left behind: heartbeats, pings, collections."""

Say = Callable[[str], None]


def connect(peers: Sequence[Peer], count: int, say: Say) -> dict[str, dict[str, Any]]:
    """Start and fill all peers; what connecting cost each of them."""
    costs = {}
    for peer in peers:
        peer.start()
        before = peer.program.rss()
        seconds = peer.connect(count)
        time.sleep(_BREATH_S)
        after = peer.program.rss()
        costs[peer.name] = {
            "connects_per_s": round(count / seconds) if seconds else None,
            "kib_per_connection": round((after - before) / count / 1024, 1) if seconds else None,
            "kib_per_connection_with_process": round(after / count / 1024, 1),
        }
        say(f"{peer.name}: {count} connected in {seconds:.1f} s, {costs[peer.name]['kib_per_connection']} KiB each")
    return costs


def rounds(peers: Sequence[Peer], count: int, number: int, say: Say) -> dict[str, list[dict[str, Any]]]:
    """`number` rounds after one to warm up, of all peers; the samples of each."""
    samples: dict[str, list[dict[str, Any]]] = {peer.name: [] for peer in peers}
    for turn in range(number + 1):
        shift = turn % len(peers)
        for peer in (*peers[shift:], *peers[:shift]):
            with alone(peer, peers):
                sample = one_round(peer, count)
            if turn:
                samples[peer.name].append(sample)
        shown = ", ".join(f"{name} {taken[-1]['p99_ms']:.1f}" for name, taken in samples.items() if taken)
        say(f"round {turn} of {number}: p99 ms {shown}" if turn else "warmed up")
    return samples


def one_round(peer: Peer, count: int) -> dict[str, Any]:
    """One publish to `count` connections. Raises ProgramFailed where not each got it exactly once."""
    peer.generator.ask("arm", count=count, pids=peer.program.pids)
    published = peer.publish()
    peer.generator.ask("wait", _ROUND_WITHIN_S + 5, timeout=_ROUND_WITHIN_S)
    seen = peer.generator.ask("report", order=published.order_id, t0=published.t0)
    if seen["frames"] != count or seen["connections"] != count:
        stats = peer.generator.ask("stats")
        raise ProgramFailed(f"{peer.name}: {seen['frames']} frames for {count} connections: {stats}")
    sample = {name: seen[name] for name in ("p50_ms", "p99_ms", "max_ms")}
    sample["cpu_us"] = seen["cpu_ns"] / count / 1000
    settled = peer.settle(published)
    if "ack_cpu_ns" in settled:
        sample["ack_cpu_us"] = settled["ack_cpu_ns"] / count / 1000
    return sample


@contextlib.contextmanager
def alone(peer: Peer, peers: Sequence[Peer]) -> Iterator[None]:
    """Everybody else's server stands still inside."""
    others = {other.program.process.pid: other.program for other in peers if other.program is not peer.program}
    for program in others.values():
        program.pause()
    try:
        time.sleep(_BREATH_S / 5)
        yield
    finally:
        for program in others.values():
            program.resume()
        time.sleep(_BREATH_S)
