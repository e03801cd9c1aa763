"""What every test may ask for, and how the tests are shared out between processes.

The real services of `tests/services` are stopped also when the run is ended early. With several processes (`make test`
runs two) the tests of a file stay together, so that they share its servers; those of the story share a whole stage.
"""

import pytest

pytest_plugins = ["tests.services.fixtures"]

STAGES = {"test_mass.py": "storm", "test_crash.py": "storm"}
FIRST = ("story", "storm", "operation", "agent")
"""The longest ones: begun last they would keep one process busy while the other waits."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))
    items.sort(key=_rank)


def _group(item: pytest.Item) -> str:
    if item.path.parent.name == "story":
        return STAGES.get(item.path.name, "story")
    return str(item.path.relative_to(item.config.rootpath))


def _rank(item: pytest.Item) -> int:
    group = _group(item)
    places = [place for place, name in enumerate(FIRST) if name in group]
    return places[0] if places else len(FIRST)
