"""The load generator: thousands of agents in one process, on plain sockets and epoll.

A program of its own (`python -m tests.bench.load`), driven by JSON lines on stdin, each answered by one line on
stdout. Reading comes first: acks and heartbeats are sent when no frame waits, so the clock in `recorder` shows
the server and not this program. It ends when its stdin does.
"""

import argparse
import gc
import json
import os
import resource
import select
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from .connections import Crowd
from .cpu import ServerClock
from .dialects import dialect_for
from .leisure import Frost, Leisure
from .recorder import Recorder

_TICK_S: Final = 0.02
_STDIN: Final = 0
_LEISURE: Final = 8
"""Acks sent in one go while no frame waits: more would keep the next frame waiting."""


class Load:
    """The loop and the commands; the crowd of connections and the recorder do the rest."""

    def __init__(self, crowd: Crowd, recorder: Recorder) -> None:
        self.crowd = crowd
        self.recorder = recorder
        self.leisure = Leisure(crowd)
        self.frost = Frost(crowd)
        self._waiting: tuple[Callable[[], bool], float, str] | None = None
        self._lines = b""
        self._is_ending = False
        os.set_blocking(_STDIN, False)
        crowd.epoll.register(_STDIN, select.EPOLLIN)
        crowd.others[_STDIN] = self._read_commands

    def run(self) -> None:
        """Serve commands and connections until stdin ends or `quit` comes."""
        while not self._is_ending:
            events = self.crowd.epoll.poll(0 if self.leisure.is_due else _TICK_S, 1024)
            self.crowd.handle_all(events)
            if not events:
                self.leisure.work(_LEISURE)
            now = time.monotonic()
            self.crowd.tick(now)
            self.leisure.beat(now)
            self._end_wait()

    def _read_commands(self) -> None:
        data = os.read(_STDIN, 65536)
        self._is_ending = not data
        *lines, self._lines = (self._lines + data).split(b"\n")
        for line in lines:
            command = json.loads(line)
            answer = getattr(self, "do_" + command.pop("do"))(**command)
            if answer is not None:
                _say(answer)

    def _end_wait(self) -> None:
        if self._waiting is None:
            return
        is_done, until, event = self._waiting
        if is_done() or time.monotonic() > until:
            self._waiting = None
            _say({"event": event, "done": is_done(), **self.crowd.counts()})

    def _wait(self, event: str, is_done: Callable[[], bool], timeout: float) -> None:
        self._waiting = (is_done, time.monotonic() + timeout, event)

    # the commands, one method each; None: the answer comes when a wait is over

    def do_connect(self, count: int, window: int, timeout: float) -> None:
        """Connect until `count` are open, `window` at a time. Answers with the seconds it took."""
        self.crowd.connect(count, window)
        self._wait("connected", lambda: self.crowd.open >= count, timeout)

    def do_await_open(self, count: int, timeout: float) -> None:
        """Wait until `count` are open, however often each was opened."""
        self._wait("open", lambda: self.crowd.open >= count, timeout)

    def do_await_gone(self, count: int, timeout: float) -> None:
        """Wait until at most `count` are open."""
        self._wait("gone", lambda: self.crowd.open <= count, timeout)

    def do_arm(self, count: int, pids: list[int]) -> dict[str, Any]:
        """Forget earlier rounds; `count` frames of one order complete the next."""
        self.recorder.arm(count, pids)
        self.crowd.usual = None
        return {"event": "armed"}

    def do_wait(self, timeout: float) -> None:
        """Wait until the armed round is complete."""
        self._wait("round", lambda: self.recorder.is_complete, timeout)

    def do_report(self, order: int, t0: int) -> dict[str, Any]:
        """Counts and quantiles of one order's frames."""
        return {"event": "report", **self.recorder.report(order, t0)}

    def do_acks(self, mode: str) -> dict[str, Any]:
        """hold: keep acks back; now: send them when no frame waits."""
        self.leisure.holds_acks = mode == "hold"
        return {"event": "acks", "held": len(self.crowd.to_ack)}

    def do_forget(self) -> dict[str, Any]:
        """Drop the acks that are held: their order was nobody's."""
        self.crowd.to_ack.clear()
        return {"event": "forgotten"}

    def do_beats(self, on: bool) -> dict[str, Any]:
        """Heartbeats on or off. Off is for the length of a round only: the hub closes the silent."""
        self.leisure.beats = on
        return {"event": "beats"}

    def do_reconnect(self, on: bool) -> dict[str, Any]:
        """Whether a lost connection comes back by itself, as an agent's does."""
        self.crowd.reconnects = on
        return {"event": "reconnect"}

    def do_freeze(self, count: int) -> dict[str, Any]:
        """The first `count` stop reading."""
        return {"event": "frozen", "ports": self.frost.freeze(count)}

    def do_ask(self, ports: list[int], times: int) -> dict[str, Any]:
        """Frozen agents ask so often for something, so that answers pile up."""
        self.frost.ask(ports, times)
        return {"event": "asked"}

    def do_thaw(self) -> dict[str, Any]:
        """The frozen read again."""
        self.frost.thaw()
        return {"event": "thawed"}

    def do_stats(self) -> dict[str, Any]:
        """What was counted since the start."""
        return {"event": "stats", **self.crowd.counts()}

    def do_quit(self) -> dict[str, Any]:
        """End; the kernel closes what is open."""
        self._is_ending = True
        return {"event": "quit"}


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Parse the arguments and run until stdin ends."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.load", description=__doc__)
    parser.add_argument("--dialect", required=True, choices=("bare", "nchan", "nats", "socketio", "hub"))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--hosts", default="127.0.0.1", help="loopback addresses to spread over, with commas")
    parser.add_argument("--path", default="/")
    parser.add_argument("--server-core", type=int, default=0, help="where the measured server runs")
    parser.add_argument("--narrow", type=int, default=0, help="how many agents have small socket buffers")
    parser.add_argument("--tokens", type=Path, help="one token a line, for the hub")
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    tokens = options.tokens.read_bytes().split() if options.tokens else []
    recorder = Recorder(ServerClock(options.server_core))
    targets = [(host, options.port) for host in options.hosts.split(",")]
    crowd = Crowd(dialect_for(options.dialect, options.path, tokens), targets, recorder)
    crowd.narrow = options.narrow
    gc.disable()  # the connections live as long as the process, and a collection would show as latency
    Load(crowd, recorder).run()


if __name__ == "__main__":
    main()
