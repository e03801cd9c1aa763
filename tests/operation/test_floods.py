"""All floods at once: agents beside them are not dropped, lack no order, get none late. `floods` measures the same."""

import pytest

from tests.kit.cluster import Clusters, trial_on
from tests.kit.people import log_all_in

from .flooders import KINDS
from .floods import Site, Trader

AGENTS = 20
SECONDS = 8.0


@pytest.mark.faults
async def test_beside_all_floods_at_once_no_agent_is_dropped_and_no_order_is_late(clusters: Clusters) -> None:
    cluster = clusters.servers(hubs=1)
    async with trial_on(cluster) as trial:
        people = await trial.enrol(AGENTS + len(KINDS))
        tokens = await log_all_in(trial.http, trial.urls[0], people)
        pairs = list(zip(people, tokens, strict=True))
        traders = [Trader(trial.http, trial.urls[0], *pair) for pair in pairs[:AGENTS]]
        try:
            for trader in traders:
                await trader.connect()
            site = Site(cluster.hubs[0], trial.admin, traders, dict(zip(KINDS, tokens[AGENTS:], strict=True)))
            stretch, got = await site.flooded_for(SECONDS, list(KINDS))
            assert site.broken() == []
            assert stretch.broken() == []
            assert len(stretch.published) > 1
            assert set(got) == set(KINDS)
        finally:
            for trader in traders:
                await trader.drop()
