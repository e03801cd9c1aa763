"""Two hubs on MariaDB and Redis, and one hub on a laptop's stores.

They live as long as this package's tests: each test brings its own people and publishes for them only. A test that
stops a store or a hub for good builds a cluster of its own with `clusters`.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.kit.cluster import Cluster, Clusters, Trial, trial_on
from tests.services.mariadb import MariaDB


@pytest.fixture(scope="package")
def story_dir(services_dir: Path) -> Path:
    return services_dir / "story"


@pytest.fixture(scope="package")
def clusters(story_dir: Path, mariadb_template: Path, mariadb: MariaDB) -> Iterator[Clusters]:
    with ExitStack() as stack:
        yield Clusters(story_dir / "kept", mariadb_template, mariadb, stack)


@pytest.fixture(scope="package")
def pair_cluster(clusters: Clusters) -> Cluster:
    return clusters.servers()


@pytest.fixture(scope="package")
def laptop_cluster(clusters: Clusters) -> Cluster:
    return clusters.laptop()


@pytest.fixture(scope="package")
def strict_cluster(clusters: Clusters) -> Cluster:
    return clusters.servers(own_database=True, HUB_CLAIMS="strict")


@pytest.fixture
async def pair(pair_cluster: Cluster) -> AsyncIterator[Trial]:
    """Two hubs on MariaDB and Redis."""
    async with trial_on(pair_cluster) as trial:
        yield trial


@pytest.fixture
async def strict(strict_cluster: Cluster) -> AsyncIterator[Trial]:
    """The same, where rows are committed before frames leave, on a database that may be stopped."""
    async with trial_on(strict_cluster) as trial:
        yield trial


@pytest.fixture
async def laptop(laptop_cluster: Cluster) -> AsyncIterator[Trial]:
    """One hub on SQLite and the Redis inside it."""
    async with trial_on(laptop_cluster) as trial:
        yield trial


@pytest.fixture(params=["laptop", "servers"])
async def either(request: pytest.FixtureRequest) -> AsyncIterator[Trial]:
    """The test runs twice: on a laptop's stores, and with two hubs on MariaDB and Redis."""
    cluster: Cluster = request.getfixturevalue({"laptop": "laptop_cluster", "servers": "pair_cluster"}[request.param])
    async with trial_on(cluster) as trial:
        yield trial
