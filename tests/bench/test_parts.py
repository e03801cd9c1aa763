"""The parts: measured small on real stores, their sums and their page; and claims on a real Redis Cluster."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from redis import Redis
from redis.asyncio import RedisCluster
from redis.exceptions import ResponseError

import hub.cluster.claims
from hub.cluster.claims import NEW, OURS
from hub.cluster.redis import CLAIMS_COMPLETE, EMBEDDED_IDENTITY, claim_prefix
from hub.store.migrations import migrate
from tests.services.mariadb import MariaDB
from tests.services.process import free_port
from tests.services.redis_server import RedisServer
from tests.services.waiting import eventually

from .cpu import ServerClock
from .part_limits import AGENTS, limits, one_order
from .part_page import BEGIN, END, Conditions, write_page
from .part_rig import Cost, Figure, Measured, Meter, Part, Rig, Sizes
from .parts import measure

_SHARD = f"{EMBEDDED_IDENTITY}of-this-test"
"""An identity that the script takes at its word."""

SCRIPT = Path(hub.cluster.claims.__file__).with_name("claim.lua")
SMALL = Sizes(rounds=2, users=100, chunk=50, orders=3, sockets=5, readers=2)
KEYS = (
    *("claim", "admit", "offer", "event_more", "announce", "hear_many", "joined", "tick", "survey"),
    *("insert", "ack", "result", "funnel", "open_orders", "owners", "restore", "sweep"),
)
FIGURES = {"claims_per_s": 200_000, "claim_bytes": 200, "row_bytes": 250}
CONDITIONS = Conditions("2026-01-01T00:00:00+00:00", "2 cores", 0.1, 5, {"Python": "3.11"})
BENCH = {
    "fanout": {
        "1000": {
            "connect": {"hub": {"kib_per_connection": 26.0, "connects_per_s": 1_300}},
            "summary": {"hub": {"cpu_us": 10.0}},
        }
    },
    "hub": {"1000": {"acks": {"median_cpu_us": 90.0}, "idle": {"percent_per_1000": 0.5}}},
}


def assumed() -> Measured:
    """Every part costs 10 µs of everything."""
    lines: list[Part | Figure] = [Part(key, key, "one", Cost(10, 10, 10, 10)) for key in KEYS]
    return Measured.of(lines + [Figure(key, key, value, "") for key, value in FIGURES.items()])


async def test_every_part_is_measured_on_real_stores(
    database_url: str, redis_url: str, mariadb: MariaDB, redis_server: RedisServer, tmp_path: Path
) -> None:
    await asyncio.to_thread(migrate, database_url)
    meter = Meter(ServerClock(min(os.sched_getaffinity(0))), redis_server.pid, mariadb.pid, SMALL.rounds)
    measured = await measure(await Rig.make((database_url, redis_url), tmp_path, meter, SMALL))
    assert set(KEYS) <= measured.parts.keys()
    assert FIGURES.keys() <= measured.figures.keys()
    assert all(cost > 0 for cost in (measured.cost("claim").redis, measured.cost("insert").mariadb))
    assert limits(measured)
    assert one_order(measured)


def test_what_breaks_first_stands_first() -> None:
    holds = [limit.agents for limit in limits(assumed())]
    assert holds == sorted(holds)
    strict = next(limit for limit in limits(assumed()) if "strict" in limit.what)
    assert strict.agents == pytest.approx(100_000)  # 1 s ÷ 10 µs


def test_an_order_for_all_takes_each_part_as_often_as_there_are_agents() -> None:
    takes = {share.what: share.takes for share in one_order(assumed())}
    assert takes["claims at one Redis"] == f"{AGENTS / 200_000:.1f} s; 5 masters for 1 s"
    assert takes["rows in MariaDB"] == "10 s of hub cores, 10 s of MariaDB's"


def test_only_the_generated_part_of_the_page_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "scaling.md"
    page.write_text(f"before\n{BEGIN}\nyesterday\n{END}\nafter\n")
    write_page(assumed(), CONDITIONS, BENCH, page)
    write_page(assumed(), CONDITIONS, BENCH, page)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "yesterday" not in text
    assert text.count("| 25 MiB | memory | 1,000 × 26.0 KiB |") == 1


def test_a_page_without_marks_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "scaling.md"
    page.write_text("prose")
    with pytest.raises(ValueError, match="lacks"):
        write_page(assumed(), CONDITIONS, None, page)
    assert page.read_text() == "prose"


class Master(RedisServer):
    """A Redis that holds a part of a cluster's slots."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.bus_port = free_port()

    def command(self) -> list[str]:
        return [*super().command(), "--cluster-enabled", "yes", "--cluster-port", str(self.bus_port)]


@pytest.fixture
def two_masters(running: Callable[..., Master]) -> tuple[Master, Master]:
    return running(Master), running(Master)


async def _joined_up(masters: tuple[Master, Master]) -> RedisCluster:
    """The slots dealt, the masters introduced, a client that knows both."""
    clients: list[Redis] = [master.client() for master in masters]
    for client, slots in zip(clients, ((0, 8_191), (8_192, 16_383)), strict=True):
        client.execute_command("CLUSTER ADDSLOTSRANGE", *slots)
    clients[1].execute_command("CLUSTER SET-CONFIG-EPOCH", 2)
    clients[0].execute_command("CLUSTER MEET", "127.0.0.1", masters[1].port, masters[1].bus_port)
    await eventually(lambda: all(_is_whole(client) for client in clients), "the cluster is whole")
    for client in clients:
        client.close()
    return RedisCluster(host="127.0.0.1", port=masters[0].port, protocol=2)


def _is_whole(client: Redis) -> bool:
    info: dict[str, str] = client.execute_command("CLUSTER INFO")
    return info["cluster_state"] == "ok"


async def test_claims_shard_when_prefix_and_mark_share_a_hash_tag(two_masters: tuple[Master, Master]) -> None:
    """What `hub/docs/scaling.md` says of Redis Cluster: claim.lua stays as it is, the keys get a tag a shard."""
    cluster = await _joined_up(two_masters)
    script = cluster.register_script(SCRIPT.read_text())
    try:
        for shard in range(8):
            mark, prefix = f"{CLAIMS_COMPLETE}:{{{shard}}}", f"order:assigned:{{{shard}}}:17:"
            with pytest.raises(ResponseError, match="INCOMPLETE"):
                await script(keys=[mark], args=[prefix, 60, b"1,2", b"a,b", _SHARD])
            await cluster.set(mark, _SHARD)
            assert await script(keys=[mark], args=[prefix, 60, b"1,2", b"a,b", _SHARD]) == bytes([NEW, NEW])
            assert await script(keys=[mark], args=[prefix, 60, b"1,2", b"a,c", _SHARD]) == bytes([OURS, ord("0")])
        held = [master.client().dbsize() for master in two_masters]
        assert min(held) > 0
        assert sum(held) == 8 * 3
    finally:
        await cluster.aclose()


async def test_todays_keys_are_refused_by_a_cluster(two_masters: tuple[Master, Master]) -> None:
    cluster = await _joined_up(two_masters)
    script = cluster.register_script(SCRIPT.read_text())
    try:
        await cluster.set(CLAIMS_COMPLETE, _SHARD)
        users = ",".join(map(str, range(1, 33))).encode()
        with pytest.raises(ResponseError, match=r"non local key|same slot"):
            await script(keys=[CLAIMS_COMPLETE], args=[claim_prefix(17), 60, users, users, _SHARD])
    finally:
        await cluster.aclose()
