"""/metrics: what Prometheus's own tools and a real Prometheus make of it."""

import asyncio
import math
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from hub.runtime import metrics
from hub.web.exposition import FRESH_S
from tests.kit.cluster import Cluster, Trial
from tests.services.process import ROOT
from tests.services.waiting import eventually

from .conftest import Visit
from .prometheus import Prometheus, check_metrics

PAGE = (ROOT / "hub/docs/metrics.md").read_text()
AGENTS = 10
ORDERS = 3
COUNTED_S = 5

METRICS = [
    ("connections", "bn_hub_connections", "gauge", set()),
    ("connections that the hub ended", "bn_hub_closes", "counter", {"reason"}),
    ("orders", "bn_hub_orders_published", "counter", set()),
    ("claims by result", "bn_hub_claims", "counter", {"result"}),
    ("deliveries", "bn_hub_deliveries_sent", "counter", set()),
    ("deliveries that failed", "bn_hub_deliveries_unsent", "counter", set()),
    ("acks", "bn_hub_acks", "counter", set()),
    ("outcomes of deliveries", "bn_hub_outcomes", "counter", {"outcome"}),
    ("publish to sent", "bn_hub_publish_to_sent_seconds", "histogram", set()),
    ("publish to acked", "bn_hub_publish_to_acked_seconds", "histogram", set()),
    ("ack round trips", "bn_hub_ack_round_trip_seconds", "histogram", set()),
    ("queue depth", "bn_hub_ledger_rows", "gauge", set()),
    ("flush batches", "bn_hub_flush_rows", "histogram", set()),
    ("flush times", "bn_hub_flush_seconds", "histogram", set()),
    ("Redis and database errors", "bn_hub_unavailable", "counter", {"store"}),
    ("logins by result", "bn_hub_logins", "counter", {"result"}),
    ("wrong bootstrap tokens", "bn_hub_wrong_bootstrap_tokens", "counter", set()),
    ("pulls by result", "bn_hub_pulls", "counter", {"result"}),
    ("event-loop lag", "bn_hub_event_loop_lag_seconds", "histogram", set()),
    ("GC pauses", "bn_hub_gc_pause_seconds", "histogram", set()),
    ("build info", "bn_hub_info", "gauge", {"version", "python"}),
    ("agents by version and driver", "bn_hub_agents", "gauge", {"version", "driver"}),
    ("disconnects by code", "bn_hub_disconnects", "counter", {"code"}),
    ("requests by route and status", "bn_hub_http_requests", "counter", {"route", "status"}),
    ("stores up", "bn_hub_store_up", "gauge", {"store"}),
    ("their answers", "bn_hub_store_answer_seconds", "histogram", {"store"}),
    ("outcomes as they stand", "bn_hub_deliveries_last_day", "gauge", {"outcome"}),
    ("orders as they stand", "bn_hub_orders_last_day", "gauge", set()),
    ("acked as it stands", "bn_hub_deliveries_acked_last_day", "gauge", set()),
    ("age of the oldest row", "bn_hub_ledger_oldest_seconds", "gauge", set()),
    ("the process", "process_open_fds", "gauge", set()),
]
"""What is measured, its metric, its kind, and its labels."""

KNOWN = {
    "bn_hub_claims_total": {"new", "own", "other"},
    "bn_hub_outcomes_total": {"success", "failed", "rejected", "expired", "unknown"},
    "bn_hub_logins_total": {"success", "refused", "limited"},
    "bn_hub_unavailable_total": {"database", "redis"},
}
"""Label values that stand at 0 from the start, so that a first increase is seen as one."""

GROWS = {
    'sum(bn_hub_outcomes_total{outcome="success"})': ORDERS * AGENTS,
    "sum(bn_hub_deliveries_sent_total)": ORDERS * AGENTS,
    "sum(bn_hub_acks_total)": ORDERS * AGENTS,
    "sum(bn_hub_publish_to_acked_seconds_count)": ORDERS * AGENTS,
    "sum(bn_hub_orders_published_total)": ORDERS,
    'sum(bn_hub_logins_total{result="success"})': AGENTS,
}
"""A question, and by how much its answer grows when each agent logs in and gets each order."""

on_a_laptop = pytest.mark.parametrize("door", [("wire", 15)], indirect=True, ids=["laptop"])


@on_a_laptop
async def test_each_metric_is_there_in_its_kind_with_its_labels(visit: Visit) -> None:
    trader = await visit.trader()
    order_id = await visit.admin.publish([trader.person.id])
    await eventually(lambda: trader.recorded() == {order_id}, "it is recorded")
    line = await visit.line()
    again = visit.desk.device(visit.door.url, line.person, line.token)
    await again.connect()
    families = {family.name: family for family in text_string_to_metric_families((await _scrape_now(visit)).decode())}
    for what, name, kind, labels in METRICS:
        assert name in families, what
        assert families[name].type == kind, what
        found = {label for sample in families[name].samples for label in sample.labels} - {"le"}
        assert found == labels, what


@on_a_laptop
async def test_known_labels_stand_at_zero_from_the_start(visit: Visit) -> None:
    families = text_string_to_metric_families((await _scrape(visit)).decode())
    found: dict[str, set[str]] = {}
    for sample in (sample for family in families for sample in family.samples if len(sample.labels) == 1):
        found.setdefault(sample.name, set()).update(sample.labels.values())
    assert {name: found[name] for name in KNOWN} == KNOWN


@on_a_laptop
async def test_the_page_has_each_metric_and_no_other(visit: Visit) -> None:
    families = text_string_to_metric_families((await _scrape(visit)).decode())
    found = {f"{family.name}{'_total' if family.type == 'counter' else ''}" for family in families}
    named = set(re.findall(r"`((?:bn_hub|process)_[a-z_]+)(?:\{[a-z,]*\})?`", PAGE.partition("## Every metric")[2]))
    assert {name for name in found if not name.endswith("_created")} == named


@on_a_laptop
async def test_whatever_users_send_makes_no_new_series(visit: Visit) -> None:
    for n in range(30):
        async with visit.http.get(f"{visit.door.url}/no/such/path/{n}") as answer:
            assert answer.status == 404
        metrics.agents(1, f"9.9.{n}", f"driver {n}")
        metrics.agents(1, f"<{n}>", "paper")
        metrics.disconnected(3000 + n)
    said = (await _scrape_now(visit)).decode()
    assert said.count('route="none"') == 1 + said.count('bn_hub_http_requests_created{route="none"')
    versions = set(re.findall(r'bn_hub_agents\{driver="[^"]*",version="([^"]*)"', metrics.exposition().decode()))
    assert len(versions) <= metrics.MOST_VERSIONS + 1
    drivers = set(re.findall(r'bn_hub_agents\{driver="([^"]*)"', metrics.exposition().decode()))
    assert drivers <= {"paper", "binance-web", "other"}
    assert set(re.findall(r'disconnects_total\{code="(3\d*)"', metrics.exposition().decode())) == set()


@on_a_laptop
async def test_promtool_finds_nothing_to_say(visit: Visit) -> None:
    assert check_metrics(await _scrape(visit)) == ""


@on_a_laptop
async def test_a_result_that_is_repeated_counts_once(visit: Visit) -> None:
    trader = await visit.trader()
    before = await visit.metric('bn_hub_outcomes_total{outcome="success"}')
    order_id = await visit.admin.publish([trader.person.id])
    await eventually(lambda: trader.recorded() == {order_id}, "it is recorded")
    known = len(trader.heard)
    await trader.report(order_id)
    await eventually(lambda: len(trader.heard) > known, "it is recorded again")
    assert await visit.metric('bn_hub_outcomes_total{outcome="success"}') == before + 1


@on_a_laptop
async def test_what_the_sweep_ends_is_counted(visit: Visit) -> None:
    """It was sent and no result came: nobody knows."""
    line = await visit.line()
    before = await visit.metric('bn_hub_outcomes_total{outcome="unknown"}')
    order_id = await visit.admin.publish([line.person.id], seconds=1)

    async def is_over() -> bool:
        return await visit.books.outcomes(order_id) == {line.person.id: "unknown"}

    await eventually(is_over, "the sweep has closed it")

    async def is_counted() -> bool:
        return await visit.metric('bn_hub_outcomes_total{outcome="unknown"}') == before + 1

    await eventually(is_counted, "it is counted", COUNTED_S)


@pytest.fixture(scope="module")
def prometheus(pair_cluster: Cluster, operation_dir: Path) -> Iterator[Prometheus]:
    with ExitStack() as stack:
        server = Prometheus(operation_dir / "prometheus", [hub.port for hub in pair_cluster.hubs])
        stack.callback(server.kill)
        server.start()
        yield server


@pytest.mark.faults
async def test_a_real_prometheus_answers_questions_about_two_hubs(pair: Trial, prometheus: Prometheus) -> None:
    await _becomes(prometheus, "sum(up)", 2)
    since = {question: await _known(prometheus, question) for question in GROWS}
    traders = [await pair.trader(hub=n % 2, acts=True) for n in range(AGENTS)]
    for trader in traders:
        await trader.connect()
    await _becomes(prometheus, "sum(bn_hub_connections)", AGENTS)
    await _becomes(prometheus, "count(bn_hub_connections > 0)", 2)

    everyone = [trader.person.id for trader in traders]
    order_ids = [await pair.admin_at(n % 2).publish(everyone) for n in range(ORDERS)]
    await eventually(lambda: all(trader.recorded() == set(order_ids) for trader in traders), "all is recorded")
    for question, growth in GROWS.items():
        await _becomes(prometheus, question, since[question] + growth)
    assert await _known(prometheus, 'sum(increase(bn_hub_outcomes_total{outcome="success"}[1m]))') > 0
    for histogram in ("publish_to_acked", "publish_to_sent", "ack_round_trip"):
        question = f"histogram_quantile(0.9, sum by (le) (bn_hub_{histogram}_seconds_bucket))"
        assert math.isfinite(await _known(prometheus, question)), histogram


async def test_prometheus_sees_that_redis_is_away(pair: Trial, prometheus: Prometheus) -> None:
    assert pair.cluster.redis is not None
    await _becomes(prometheus, "sum(up)", 2)
    count = "sum(bn_hub_unavailable_total{{store='{}'}})".format
    before = await _known(prometheus, count("redis")), await _known(prometheus, count("database"))
    await asyncio.to_thread(pair.cluster.redis.stop)
    try:

        async def is_noticed() -> bool:
            return await _number(prometheus, count("redis")) > before[0]

        await eventually(is_noticed, "Redis is missed")
        assert await _known(prometheus, count("database")) == before[1]
        assert check_metrics(await _exposition(pair.http, pair.urls[0])) == ""
    finally:
        await asyncio.to_thread(pair.cluster.redis.start)


async def _becomes(prometheus: Prometheus, question: str, value: float) -> None:
    async def is_so() -> bool:
        return await _number(prometheus, question) == value

    await eventually(is_so, f"{question} is {value}")


async def _known(prometheus: Prometheus, question: str) -> float:
    """The answer once there is one: a hub that was not scraped in time has none until the next scrape."""
    said: list[float] = []

    async def is_known() -> bool:
        said[:] = [await _number(prometheus, question)]
        return not math.isnan(said[0])

    await eventually(is_known, f"{question} is known")
    return said[0]


async def _number(prometheus: Prometheus, question: str) -> float:
    """The answer as of now; the loop goes on meanwhile, since the test's own agents run in it."""
    return await asyncio.to_thread(prometheus.number, question)


async def _scrape(visit: Visit) -> bytes:
    return await _exposition(visit.http, visit.door.url)


async def _scrape_now(visit: Visit) -> bytes:
    """With all that has been until now: what is shown may be a second old."""
    await asyncio.sleep(FRESH_S)
    return await _scrape(visit)


async def _exposition(http: aiohttp.ClientSession, url: str) -> bytes:
    async with http.get(f"{url}/metrics", raise_for_status=True) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return await answer.read()
