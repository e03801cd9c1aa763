"""What a process of the hub counts and measures, for Prometheus.

Names and units follow Prometheus's conventions: base units, `_total` on counters. With several workers on one port
(PROMETHEUS_MULTIPROC_DIR is set) each keeps its values in files there, and whichever is scraped answers for all. The
invariant: nothing here waits, and nothing on the way of a frame is counted one by one.
"""

import asyncio
import contextlib
import gc
import os
import platform
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from hub import __version__

MULTIPROCESS_DIR: Final = "PROMETHEUS_MULTIPROC_DIR"
LAG_EVERY_S: Final = 0.5

MOST_VERSIONS: Final = 20
_RELEASE: Final = re.compile(r"\d{1,3}\.\d{1,3}\.\d{1,3}")
_DRIVERS: Final = ("paper", "binance-web")
_CODES: Final = frozenset({1000, 1001, 1002, 1005, 1006, 1009, 1011, 1012, *range(4000, 4008)})
_versions: Final[set[str]] = set()

_REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=_REGISTRY)
_MILLISECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_WINDOW: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300)


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(name, text, labels, registry=_REGISTRY)


def _gauge(name: str, text: str, *labels: str, mode: Literal["livesum", "livemax", "livemin"] = "livesum") -> Gauge:
    return Gauge(name, text, labels, registry=_REGISTRY, multiprocess_mode=mode)


def _histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
    return Histogram(name, text, labels, buckets=buckets, registry=_REGISTRY)


CONNECTIONS: Final = _gauge("bn_hub_connections", "Agents connected.")
CLOSES: Final = _counter("bn_hub_closes_total", "Connections ended by the hub, by close code.", "reason")
ORDERS: Final = _counter("bn_hub_orders_published_total", "Orders published through this process.")
DISCONNECTS: Final = _counter(
    "bn_hub_disconnects_total", "Connections that ended, by the close code that either side sent.", "code"
)
AGENTS: Final = _gauge("bn_hub_agents", "Agents connected, by version and driver.", "version", "driver")
HTTP_REQUESTS: Final = _counter(
    "bn_hub_http_requests_total", "HTTP requests answered, by route and status.", "route", "status"
)
STORE_UP: Final = _gauge(
    "bn_hub_store_up", "Whether a store took the last write that tried it.", "store", mode="livemin"
)
STORE_SECONDS: Final = _histogram(
    "bn_hub_store_answer_seconds", "How long a store took for the write that tries it.", _MILLISECONDS, "store"
)
OUTCOMES_NOW: Final = _gauge(
    "bn_hub_deliveries_last_day",
    "Deliveries of the last 24 hours by outcome, as the database has them now.",
    "outcome",
    mode="livemax",
)
ACKED_NOW: Final = _gauge(
    "bn_hub_deliveries_acked_last_day",
    "Deliveries of the last 24 hours that were acked, as the database has them now.",
    mode="livemax",
)
ORDERS_NOW: Final = _gauge(
    "bn_hub_orders_last_day", "Orders of the last 24 hours, as the database has them now.", mode="livemax"
)
CLAIMS: Final = _counter("bn_hub_claims_total", "Claims asked for, by what Redis answered.", "result")
SENT: Final = _counter("bn_hub_deliveries_sent_total", "Orders handed to a connection.")
UNSENT: Final = _counter("bn_hub_deliveries_unsent_total", "Claims whose connection did not take the order.")
ACKS: Final = _counter("bn_hub_acks_total", "Orders that an agent said it has on disk.")
OUTCOMES: Final = _counter("bn_hub_outcomes_total", "Deliveries that ended, by outcome.", "outcome")
CONTRADICTIONS: Final = _counter(
    "bn_hub_contradictions_total", "Results of a second device: an order may have been submitted twice."
)
COPIES: Final = _counter("bn_hub_journal_copies_total", "Agents whose journal is a copy, or came back from a backup.")
NEWER_JOURNALS: Final = _counter(
    "bn_hub_newer_journals_total", "Agents that know a newer order than the database: it was restored from a backup."
)
CLOCK_OFFSET: Final = _gauge(
    "bn_hub_clock_offset_seconds", "How far Redis's clock is ahead of this machine's.", mode="livemax"
)
PULLS: Final = _counter("bn_hub_pulls_total", "Pulls of polling clients, by whether there was an order.", "result")
LOGINS: Final = _counter("bn_hub_logins_total", "Logins, by result.", "result")
WRONG_TOKENS: Final = _counter("bn_hub_wrong_bootstrap_tokens_total", "Wrong bootstrap tokens that were shown.")
PUBLISH_TO_SENT: Final = _histogram(
    "bn_hub_publish_to_sent_seconds",
    "From an order's creation to the last frame of a chunk of up to 1000 agents; one observation a chunk.",
    _WINDOW,
)
PUBLISH_TO_ACKED: Final = _histogram(
    "bn_hub_publish_to_acked_seconds", "From an order's creation to the arrival of an agent's ack.", _WINDOW
)
ACK_ROUND_TRIP: Final = _histogram(
    "bn_hub_ack_round_trip_seconds", "From an order's frame to the arrival of the agent's ack.", _MILLISECONDS
)
LEDGER_ROWS: Final = _gauge("bn_hub_ledger_rows", "Facts that wait to be written to the database.")
LEDGER_AGE: Final = _gauge(
    "bn_hub_ledger_oldest_seconds", "How long the oldest of those facts has waited.", mode="livemax"
)
FLUSH_ROWS: Final = _histogram(
    "bn_hub_flush_rows", "Rows written in one batch.", (1, 10, 50, 100, 500, 1_000, 2_000, 5_000)
)
FLUSH_SECONDS: Final = _histogram("bn_hub_flush_seconds", "Time that one batch took to commit.", _MILLISECONDS)
UNAVAILABLE: Final = _counter("bn_hub_unavailable_total", "Times that a store was out of reach.", "store")
SERVICE_FAILURES: Final = _counter(
    "bn_hub_service_failures_total", "Failures of a service or duty that are the hub's own, not a store's.", "service"
)
LOOP_LAG: Final = _histogram(
    "bn_hub_event_loop_lag_seconds", "How much later than asked the event loop woke a task.", _MILLISECONDS
)
GC_PAUSE: Final = _histogram(
    "bn_hub_gc_pause_seconds", "Time that one garbage collection took.", (0.0001, 0.0005, *_MILLISECONDS)
)
BUILD: Final = Gauge(
    "bn_hub_info",
    "Always 1; the labels say what runs.",
    ("version", "python"),
    registry=_REGISTRY,
    multiprocess_mode="livemax",
)


def start() -> None:
    """Sets what stands from the start. Every label that is known appears at 0, so that rates have a beginning."""
    CONNECTIONS.set(0)
    BUILD.labels(__version__, platform.python_version()).set(1)
    for result in ("new", "own", "other"):
        CLAIMS.labels(result)
    for outcome in ("success", "failed", "rejected", "expired", "unknown"):
        OUTCOMES.labels(outcome)
    for result in ("success", "refused", "limited"):
        LOGINS.labels(result)
    for store in ("database", "redis"):
        UNAVAILABLE.labels(store)
        STORE_UP.labels(store).set(0)
    for result in ("order", "none"):
        PULLS.labels(result)


def disconnected(code: int) -> None:
    """A connection ended. Peers may send any code; those that nobody defined are one series."""
    DISCONNECTS.labels(str(code) if code in _CODES else "other").inc()


def agents(change: int, version: str, driver: str) -> None:
    """An agent came (1) or went (-1). What it says of itself makes no more series than there are releases."""
    is_known = version in _versions or (len(_versions) < MOST_VERSIONS and _RELEASE.fullmatch(version) is not None)
    if is_known:
        _versions.add(version)
    AGENTS.labels(version if is_known else "other", driver if driver in _DRIVERS else "other").inc(change)


def exposition() -> bytes:
    """The text that Prometheus scrapes: this process's, or that of all workers."""
    folder = os.environ.get(MULTIPROCESS_DIR)
    if folder is None:
        return generate_latest(_REGISTRY)
    _forget_dead(Path(folder))
    registry = CollectorRegistry()
    MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
    ProcessCollector(registry=registry)  # of the worker that answers
    return generate_latest(registry)


def end() -> None:
    """Takes this process's gauges out of the sum."""
    if MULTIPROCESS_DIR in os.environ:
        mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]


def _forget_dead(folder: Path) -> None:
    """A worker that was killed leaves its gauges behind: nobody is connected to it any more."""
    for file in folder.glob("gauge_live*_*.db"):
        pid = int(file.stem.rpartition("_")[2])
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            with contextlib.suppress(FileNotFoundError):  # another worker, scraped at the same moment, was quicker
                mark_process_dead(pid)  # type: ignore[no-untyped-call]


async def measure_lag_forever() -> None:
    """Feeds `bn_hub_event_loop_lag_seconds`."""
    loop = asyncio.get_running_loop()
    while True:
        asked = loop.time() + LAG_EVERY_S
        await asyncio.sleep(LAG_EVERY_S)
        LOOP_LAG.observe(max(0.0, loop.time() - asked))


@contextlib.contextmanager
def measured_gc() -> Iterator[None]:
    """Feeds `bn_hub_gc_pause_seconds` while it is open."""
    began = 0.0

    def watch(phase: str, _info: dict[str, Any]) -> None:
        nonlocal began
        if phase == "start":
            began = time.perf_counter()
        else:
            GC_PAUSE.observe(time.perf_counter() - began)

    gc.callbacks.append(watch)
    try:
        yield
    finally:
        gc.callbacks.remove(watch)
