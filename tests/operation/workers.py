"""`hub serve --workers 2`: one port, two processes under uvicorn's supervisor."""

import http.client
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client.parser import text_string_to_metric_families

from tests.services.hub_process import HubProcess
from tests.services.waiting import wait_until

from .kernel import children, command_of, held_by

WORKERS = 2
MOST_TRIES = 200
"""The kernel gives a connection to whichever worker takes it; so often in a row the same one is no chance."""


class WorkersHub(HubProcess):
    """A hub of several workers."""

    def command(self) -> list[str]:
        return [*super().command(), "--workers", str(WORKERS)]

    def workers(self) -> dict[int, set[int]]:
        """The workers that serve: pid -> the peers' ports of its own."""
        return {pid: held_by(pid, self.port) for pid in children(self.pid) if _is_worker(pid)}

    def worker_of(self, peer_port: int) -> int | None:
        """Who serves the connection from this port."""
        return next((pid for pid, peers in self.workers().items() if peer_port in peers), None)

    def kill_worker(self, pid: int) -> None:
        assert pid in self.workers()
        os.kill(pid, signal.SIGKILL)

    def metrics_by_worker(self) -> dict[int, dict[str, float]]:
        """What /metrics says when each of the workers is asked: a sample -> its value."""
        said: dict[int, dict[str, float]] = {}
        for _ in range(MOST_TRIES):
            with self._asking() as connection:
                connection.request("GET", "/metrics")
                text = connection.getresponse().read().decode()
                worker = wait_until(lambda: self.worker_of(_port(connection)), "someone serves it")
            assert worker is not None
            said.setdefault(worker, samples(text))
            if len(said) == WORKERS:
                return said
        raise AssertionError("one worker answers all")

    @contextmanager
    def _asking(self) -> Iterator[http.client.HTTPConnection]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            yield connection
        finally:
            connection.close()


def samples(text: str) -> dict[str, float]:
    """`name{label="value"}` -> value, of an exposition."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def _port(connection: http.client.HTTPConnection) -> int:
    port: int = connection.sock.getsockname()[1]
    return port


def _is_worker(pid: int) -> bool:
    """Python's resource tracker is a child as well."""
    return b"spawn_main" in command_of(pid)
