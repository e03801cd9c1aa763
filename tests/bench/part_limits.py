"""From the cost of each part to what breaks first, and to what one order for a million agents takes. Pure.

Used by `parts` and its page. Every line shows its sum; the invariant: nothing in it but measured costs, the hub's own
constants, and the assumptions that stand here.
"""

import math
from dataclasses import dataclass
from typing import Final

from hub.sessions.restart_hint import RECONNECTS_A_SECOND
from hub.store.database import TIMEOUT_S

from .part_rig import Measured

AGENTS: Final = 1_000_000
A_PROCESS: Final = 10_000
"""Connections of one hub process: the most that `make bench` measures."""
ORDERS_A_DAY: Final = 100
ORDERS_AN_HOUR: Final = 20
KEPT_DAYS: Final = 30
WINDOW_S: Final = 60
GIB: Final = 1024**3


@dataclass(frozen=True)
class Limit:
    """Up to how many agents something holds."""

    what: str
    sum: str
    agents: float


@dataclass(frozen=True)
class Share:
    """What one order for AGENTS takes of something."""

    what: str
    sum: str
    takes: str


def limits(m: Measured) -> list[Limit]:
    """What breaks, the first first."""
    found = [*_statements(m), *_stores(m), *_between_processes(m)]
    return sorted(found, key=lambda limit: limit.agents)


def _statements(m: Measured) -> list[Limit]:
    """One statement over all rows of an order has the patience of every statement."""
    lines = []
    for key, what in (
        ("funnel", "the funnel of one order is read in time"),
        ("sweep", "one statement closes an order's open rows"),
        ("owners", "the claims of one live order are read back from its rows"),
    ):
        wall = m.cost(key).wall
        lines.append(Limit(what, f"{TIMEOUT_S} s ÷ {wall:.2f} µs", TIMEOUT_S * 1e6 / wall))
    wall, rows = m.cost("open_orders").wall, ORDERS_A_DAY * 25 / 24
    text = f"{TIMEOUT_S} s ÷ ({wall:.2f} µs × {rows:.0f} orders in 25 h)"
    lines.append(Limit("the ten-minute look for open rows ends in time", text, TIMEOUT_S * 1e6 / wall / rows))
    wall = m.cost("restore").wall
    text = f"{WINDOW_S} s ÷ {wall:.1f} µs"
    lines.append(
        Limit(f"Redis emptied, one process restores one order's claims in {WINDOW_S} s", text, WINDOW_S * 1e6 / wall)
    )
    return lines


def _stores(m: Measured) -> list[Limit]:
    """Redis's and MariaDB's cores and memory."""
    rows = sum(m.cost(key).mariadb for key in ("insert", "ack", "result"))
    insert, rate = m.cost("insert").mariadb, m.value("claims_per_s")
    disk, memory = m.value("row_bytes"), m.value("claim_bytes")
    orders = ORDERS_A_DAY * KEPT_DAYS
    strict = f"1 s ÷ {insert:.1f} µs"
    return [
        Limit("one Redis gives everyone the claim within 1 s", f"1 s × {rate:,.0f}/s", rate),
        Limit("an order a minute: insert, ack and result on one MariaDB core", f"60 s ÷ {rows:.1f} µs", 60e6 / rows),
        Limit("`strict`: all rows committed within 1 s, one MariaDB core", strict, 1e6 / insert),
        Limit(
            f"{KEPT_DAYS} days of rows, {ORDERS_A_DAY} orders a day, in 1 TiB",
            f"1 TiB ÷ ({disk:.0f} B × {orders:,})",
            1024 * GIB / disk / orders,
        ),
        Limit(
            f"claims of {ORDERS_AN_HOUR} orders an hour in 8 GiB of Redis",
            f"8 GiB ÷ ({memory:.0f} B × {ORDERS_AN_HOUR})",
            8 * GIB / memory / ORDERS_AN_HOUR,
        ),
    ]


def _between_processes(m: Measured) -> list[Limit]:
    called, tick = m.cost("survey").hub, m.cost("tick")
    processes = f"N ÷ {A_PROCESS:,}"
    restore = m.cost("restore").redis
    text = f"N × N ÷ {A_PROCESS:,} × {restore:.2f} µs = {WINDOW_S} s"
    everyone = math.sqrt(WINDOW_S * 1e6 / restore * A_PROCESS)
    found = [Limit(f"Redis emptied, every process restores all: {WINDOW_S} s of Redis's core", text, everyone)]
    found += [Limit("a survey holds one loop for less than 1 s", f"1 s ÷ {called:.2f} µs", 1e6 / called)]
    for what, cost in (("a MariaDB core", tick.mariadb), ("Redis's core", tick.redis)):
        text = f"{processes} × {cost:.0f} µs = 0.1 s"
        found.append(Limit(f"the duties of each second take 10 % of {what}", text, 0.1e6 / cost * A_PROCESS))
    return found + _storm(m)


def _storm(m: Measured) -> list[Limit]:
    """All reconnect, as fast as they are asked to; in the worst case an event each. Every process hears of all."""
    rate, tell, hear = RECONNECTS_A_SECOND, m.cost("announce"), m.cost("hear_many")
    hub = (0.5e6 / rate - tell.hub) / hear.hub
    # processes × rate × (tell + processes × hear) = half a core
    redis = (math.sqrt(tell.redis**2 + 4 * hear.redis * 0.5e6 / rate) - tell.redis) / (2 * hear.redis)
    sum_of = "{:,}/s × ({:.1f} + N ÷ {:,} × {:.2f} µs){} = 0.5 s".format
    return [
        Limit(
            "all reconnect, an event each: half of every hub's core",
            sum_of(rate, tell.hub, A_PROCESS, hear.hub, ""),
            hub * A_PROCESS,
        ),
        Limit(
            "all reconnect, an event each: half of Redis's core",
            sum_of(rate, tell.redis, A_PROCESS, hear.redis, f" × N ÷ {A_PROCESS:,}"),
            redis * A_PROCESS,
        ),
    ]


def one_order(m: Measured) -> list[Share]:
    """One order for AGENTS, all connected, `fast`."""
    seconds = AGENTS / 1e6
    claim, offer = m.cost("claim"), m.cost("offer").hub
    shards = math.ceil(AGENTS / m.value("claims_per_s"))
    lines = [
        Share(
            "claims and frames in each hub process",
            f"{A_PROCESS:,} × ({claim.hub:.1f} + {offer:.1f} µs)",
            f"{A_PROCESS * (claim.hub + offer) / 1e6:.2f} s of its core",
        ),
        Share(
            "claims at one Redis",
            f"{AGENTS:,} ÷ {m.value('claims_per_s'):,.0f}/s",
            f"{AGENTS / m.value('claims_per_s'):.1f} s; {shards} masters for 1 s",
        ),
    ]
    for key, what in (("insert", "rows"), ("ack", "acks"), ("result", "results")):
        cost = m.cost(key)
        text = f"{AGENTS:,} × ({cost.hub:.1f} hub, {cost.mariadb:.1f} MariaDB µs)"
        takes = f"{cost.hub * seconds:.0f} s of hub cores, {cost.mariadb * seconds:.0f} s of MariaDB's"
        lines.append(Share(f"{what} in MariaDB", text, takes))
    for key, what in (("row_bytes", "on MariaDB's disk"), ("claim_bytes", "in Redis, until window + 1 h")):
        size = m.value(key)
        lines.append(Share(what, f"{AGENTS:,} × {size:.0f} B", f"{size * AGENTS / 1024**2:,.0f} MiB"))
    return lines + _looked_at(m)


def _looked_at(m: Measured) -> list[Share]:
    seconds, processes = AGENTS / 1e6, AGENTS // A_PROCESS
    admit, tick, joined = m.cost("admit"), m.cost("tick"), m.cost("joined")
    bell = m.cost("event_more").redis * processes / 1_000
    arrivals = f"{AGENTS:,} × {processes} × {joined.redis:.3f} µs"
    lines = [
        Share("its event at Redis", f"{processes} × {m.cost('event_more').redis:.1f} µs", f"{bell:.1f} ms of its core")
    ]
    for key, what in (("funnel", "its funnel, each time it is read"), ("restore", "its claims, if Redis was emptied")):
        wall = m.cost(key).wall
        lines.append(Share(what, f"{AGENTS:,} × {wall:.1f} µs", f"{wall * seconds:.0f} s"))
    return [
        *lines,
        Share(
            "all duties, each second, order or not",
            f"{processes} × ({tick.redis:.0f} Redis, {tick.mariadb:.0f} MariaDB µs)",
            f"{processes * tick.redis / 1e4:.1f} % of Redis, {processes * tick.mariadb / 1e4:.1f} % of a MariaDB core",
        ),
        Share(
            "all connect: accounts looked up",
            f"{AGENTS:,} × ({admit.hub:.0f} hub, {admit.mariadb:.1f} MariaDB µs)",
            f"{admit.hub * seconds:.0f} s of hub cores, {admit.mariadb * seconds:.0f} s of MariaDB's",
        ),
        Share(
            "all connect: arrivals told in batches of a thousand",
            arrivals,
            f"{AGENTS * processes * joined.redis / 1e6:.0f} s of Redis's core",
        ),
    ]
