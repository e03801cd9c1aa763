"""Saturates GET /api/orders/pull: kept connections, each asking again as soon as it is answered.

A program of its own (`python -m tests.bench.pull_load`); one line of JSON at the end. Each connection is another user.
"""

import argparse
import json
import select
import socket
import time
from collections import Counter
from pathlib import Path
from typing import Any

from .recorder import quantile


class Poller:
    """One client that polls."""

    def __init__(self, port: int, token: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request = b"GET /api/orders/pull HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer " + token + b"\r\n\r\n"
        self.answer = b""
        self.asked = 0

    def ask(self) -> None:
        """Send one request."""
        self.answer = b""
        self.asked = time.monotonic_ns()
        self.socket.sendall(self.request)

    def read(self) -> int | None:
        """The status once the answer is whole, else None. Raises ConnectionError at the end of the stream."""
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the server hung up on a poller")
        self.answer += data
        head, end, body = self.answer.partition(b"\r\n\r\n")
        if not end:
            return None
        length = next((line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b"0")
        return int(head[9:12]) if len(body) >= int(length) else None


def saturate(pollers: list[Poller], seconds: float) -> dict[str, Any]:
    """Poll for `seconds`; the rate of answers, their statuses and latencies."""
    epoll = select.epoll()
    by_fd = {poller.socket.fileno(): poller for poller in pollers}
    for fd, poller in by_fd.items():
        epoll.register(fd, select.EPOLLIN)
        poller.ask()
    delays: list[int] = []
    statuses: Counter[int] = Counter()
    begun = time.monotonic()
    while (now := time.monotonic()) < begun + seconds:
        for fd, _ in epoll.poll(0.1):
            poller = by_fd[fd]
            status = poller.read()
            if status is not None:
                delays.append(time.monotonic_ns() - poller.asked)
                statuses[status] += 1
                poller.ask()
    delays.sort()
    return {
        "pulls_per_s": statuses[200] / (now - begun),
        "statuses": {str(status): number for status, number in statuses.items()},
        "connections": len(pollers),
        "p50_ms": quantile(delays, 0.5) / 1e6,
        "p99_ms": quantile(delays, 0.99) / 1e6,
    }


def main() -> None:
    """Parse the arguments, poll, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.pull_load", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--tokens", type=Path, required=True)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    tokens = options.tokens.read_bytes().split()[: options.connections]
    print(json.dumps(saturate([Poller(options.port, token) for token in tokens], options.seconds)))


if __name__ == "__main__":
    main()
