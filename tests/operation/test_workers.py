"""Several workers on one port: orders reach everyone once, and whoever is asked knows the sums."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from protocol import closes
from tests.kit.agents import ScriptedAgent
from tests.kit.cluster import Cluster, Trial, trial_on
from tests.services.fixtures import Stores
from tests.services.hub_process import HubProcess, HubSettings
from tests.services.process import free_port
from tests.services.waiting import WaitedTooLong, eventually

from .workers import MOST_TRIES, WORKERS, WorkersHub

AT_LEAST = 12
EACH_AT_LEAST = 2
ORDERS = 4
SUMMED_S = 10
EMPTY_ELSE = {"HUB_LANGUAGE": "zh_CN", "HUB_PROCESS_FAMILY": "f", "HUB_TRUSTED_PROXIES": "127.0.0.1,10.0.0.0/8"}


@pytest.fixture
async def trial(operation_dir: Path, server_stores: Stores) -> AsyncIterator[Trial]:
    settings = HubSettings(server_stores.database_url, server_stores.redis_url)
    hub = WorkersHub(operation_dir / "workers", settings)
    with ExitStack() as stack:
        stack.callback(hub.kill)
        await asyncio.to_thread(hub.migrate)
        await asyncio.to_thread(hub.start)
        await eventually(lambda: len(hub.workers()) == WORKERS, "both workers run")
        async with trial_on(Cluster([hub], server_stores.database_url)) as playing:
            yield playing


async def test_two_workers_act_as_one_hub(trial: Trial) -> None:
    hub = trial.cluster.hubs[0]
    assert isinstance(hub, WorkersHub)
    traders = await _spread(trial, hub)
    everyone = [trader.person.id for trader in traders]

    order_ids = [await trial.admin.publish(everyone) for _ in range(ORDERS)]
    await _all_have(traders, order_ids)
    deliveries = ORDERS * len(traders)
    assert len(await trial.books.rows(*order_ids)) == deliveries
    await _everyone_says(hub, connections=len(traders), acks=deliveries, orders=ORDERS)

    await _replaced_by_one_on_the_other_worker(trial, hub)

    killed = hub.worker_of(_port(traders[0]))
    assert killed is not None
    here, away = _split(hub, killed, traders)
    hub.kill_worker(killed)
    await eventually(lambda: all(trader.closed for trader in away), "their connections are broken")
    await eventually(lambda: len(hub.workers()) == WORKERS and killed not in hub.workers(), "another worker runs")
    await _everyone_says(hub, connections=len(here), acks=deliveries, orders=ORDERS)

    missed = await trial.admin.publish(everyone)
    for trader in away:
        await trader.connect()
    await _all_have(traders, [*order_ids, missed])
    await _everyone_says(hub, connections=len(traders), acks=deliveries + len(traders), orders=ORDERS + 1)


async def _spread(trial: Trial, hub: WorkersHub) -> list[ScriptedAgent]:
    """As many as wanted and more, until each worker has some."""
    traders: list[ScriptedAgent] = []
    while len(traders) < AT_LEAST or any(len(peers) < EACH_AT_LEAST for peers in hub.workers().values()):
        assert len(traders) < MOST_TRIES, "one worker takes all"
        traders.append(await trial.trader(acts=True))
        await traders[-1].connect()
    return traders


async def _replaced_by_one_on_the_other_worker(trial: Trial, hub: WorkersHub) -> None:
    """The same login again and again, until the other worker gets it."""
    first = await trial.trader()
    await first.connect()
    for _ in range(MOST_TRIES):
        second = trial.desk.device(hub.url, first.person, first.token)
        home = hub.worker_of(_port(first))
        await second.connect()
        await eventually(lambda: first.closed == closes.SESSION_REPLACED, "the first is replaced")  # noqa: B023
        if hub.worker_of(_port(second)) != home:
            assert second.closed is None
            await second.drop()
            return
        first = second
    raise AssertionError("one worker takes all")


async def _all_have(traders: list[ScriptedAgent], order_ids: list[int]) -> None:
    wanted = set(order_ids)
    await eventually(lambda: all(trader.recorded() == wanted for trader in traders), "everyone has all")
    assert [trader.submissions for trader in traders] == [dict.fromkeys(order_ids, 1)] * len(traders)


async def _everyone_says(hub: WorkersHub, *, connections: int, acks: int, orders: int) -> None:
    wanted = {
        "bn_hub_connections": connections,
        "bn_hub_acks_total": acks,
        'bn_hub_outcomes_total{outcome="success"}': acks,
        "bn_hub_orders_published_total": orders,
        'bn_hub_claims_total{result="new"}': acks,
    }

    said: list[dict[str, float]] = []

    async def is_so() -> bool:
        said[:] = (await asyncio.to_thread(hub.metrics_by_worker)).values()
        return all({name: values[name] for name in wanted} == wanted for values in said)

    try:
        await eventually(is_so, "both say the sums", SUMMED_S)
    except WaitedTooLong:
        for values in said:
            assert {name: values[name] for name in wanted} == wanted
        raise


def _split(
    hub: WorkersHub, worker: int, traders: list[ScriptedAgent]
) -> tuple[list[ScriptedAgent], list[ScriptedAgent]]:
    """Those whose connection another worker serves, and those whose connection this one serves."""
    its_own = hub.workers()[worker]
    here = [trader for trader in traders if _port(trader) not in its_own]
    return here, [trader for trader in traders if trader not in here]


def _port(trader: ScriptedAgent) -> int:
    assert trader._socket is not None
    port: int = trader._socket.local_address[1]
    return port


def test_every_setting_at_once_is_known_to_the_check_and_to_the_workers(
    operation_dir: Path, server_stores: Stores
) -> None:
    plain = HubProcess(operation_dir / "plain", HubSettings(server_stores.database_url, server_stores.redis_url))
    rows = json.loads(plain.cli("settings", "--json").stdout)
    own = {row["name"]: row["value"] for row in rows if row["value"] and "***" not in row["value"]}
    for name in ("HUB_URL", "HUB_DATA_DIR", "HUB_PORT"):
        del own[name]  # the next hub's own
    metrics = {"HUB_METRICS_PORT": str(free_port()), "HUB_METRICS_TOKEN": "m" * 32}
    every = own | plain.settings.environment() | EMPTY_ELSE | metrics
    hub = WorkersHub(operation_dir / "every", HubSettings(extra=every | {"HUB_PORT": "0"}))
    assert {row["name"] for row in rows} <= hub.environment().keys()
    with ExitStack() as stack:
        stack.callback(hub.kill)
        hub.migrate()
        hub.start()
        listed = hub.cli("users", "list")
        assert listed.returncode == 0, listed.stderr
        assert "Traceback" not in hub.log()
