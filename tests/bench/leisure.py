"""What an agent does when no frame waits: acks, heartbeats; and the agents that stop reading.

Used by `load` only. The invariant: nothing here is done while a frame could be read instead.
"""

import time
from typing import Final

from .connections import READ, WRITE, Connection, Crowd

_BURST_AT_ONCE: Final = 50


class Leisure:
    """Acks and heartbeats of a crowd."""

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd
        self.holds_acks = False
        self.beats = True
        self._paid_until = time.monotonic()
        self._at = 0

    @property
    def is_due(self) -> bool:
        """Whether an ack may go out as soon as no frame waits."""
        return bool(self.crowd.to_ack) and not self.holds_acks

    def work(self, most: int) -> None:
        """Send up to `most` acks."""
        for _ in range(min(most, len(self.crowd.to_ack)) if self.is_due else 0):
            connection, order_id = self.crowd.to_ack.popleft()
            ack = self.crowd.dialect.ack(order_id)
            if ack is not None and self._is_here(connection):
                self.crowd.send(connection, ack)

    def beat(self, now: float) -> None:
        """The heartbeats that fell due, spread evenly over interval and agents; those of a pause come at its end."""
        interval = getattr(self.crowd.dialect, "heartbeat_s", 0)
        agents = len(self.crowd.connections)
        if not interval or not agents:
            self._paid_until = now
        if not interval or not agents or not self.beats:
            return
        due = min(agents, int((now - self._paid_until) / interval * agents))
        self._paid_until += due * interval / agents
        for _ in range(due):
            self._at = (self._at + 1) % agents
            self._beat_one(self.crowd.agents.get(self._at))

    def _beat_one(self, connection: Connection | None) -> None:
        beat = self.crowd.dialect.beat()
        if beat is not None and connection is not None:
            self.crowd.seen["beats"] += 1
            self.crowd.send(connection, beat)

    def _is_here(self, connection: Connection) -> bool:
        return self.crowd.connections.get(connection.fd) is connection


class Frost:
    """The agents that stop reading while their lines stay up."""

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd
        self.frozen: dict[int, Connection] = {}

    def freeze(self, count: int) -> list[int]:
        """Agents 0 to `count` read no more. Returns their ports, by which the kernel's table knows them."""
        for index in range(count):
            connection = self.crowd.agents.get(index)
            if connection is not None:
                connection.is_frozen = True
                self.crowd.epoll.modify(connection.fd, 0)
                self.frozen[connection.sock.getsockname()[1]] = connection
        return list(self.frozen)

    def ask(self, ports: list[int], times: int) -> None:
        """These of the frozen ask the hub for the time, so that answers pile up."""
        question = self.crowd.dialect.beat() or b""
        for _ in range(times // _BURST_AT_ONCE):
            for port in ports:
                self.crowd.send(self.frozen[port], question * _BURST_AT_ONCE)

    def thaw(self) -> None:
        """All read again."""
        for connection in self.frozen.values():
            connection.is_frozen = False
            if self.crowd.connections.get(connection.fd) is connection:
                self.crowd.epoll.modify(connection.fd, READ | (WRITE if connection.out else 0))
        self.frozen.clear()
