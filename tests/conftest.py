"""What every test may ask for, and how the tests are shared out between processes.

The real services of `tests/services` are stopped also when the run is ended early. With several processes (`make test`
runs two) the tests of a file stay together, and those of a folder whose hubs live as long as its tests.
"""

import pytest

pytest_plugins = ["tests.services.fixtures"]

STORM = ("test_mass.py", "test_crash.py")
TOGETHER = ("story", "operation", "hub", "cli")
FIRST = ("story", "storm", "operation", "hub", "cli", "agent")
"""The longest ones: begun last they would keep one process busy while the other waits."""


LONG = ("tests/faults/", "tests/agent/test_kills.py")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="only the long tables, whole, and what is marked faults")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--long"):
        items[:] = [item for item in items if item.get_closest_marker("faults") or item.nodeid.startswith(LONG)]
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))
    items.sort(key=_rank)


def _group(item: pytest.Item) -> str:
    folder = item.path.parent.name
    if item.path.name in STORM:
        return "storm"
    if folder in TOGETHER:
        return folder
    return str(item.path.relative_to(item.config.rootpath))


def _rank(item: pytest.Item) -> int:
    group = _group(item)
    places = [place for place, name in enumerate(FIRST) if name in group]
    return places[0] if places else len(FIRST)
