"""Garbage collection: what is set aside is looked through by nobody but `collect`."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from hub.runtime import memory


class Ring:
    """Holds itself, so that only the collector can free it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    """The other tests' collector as it was."""
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_what_is_set_aside_is_freed_at_the_next_quiet_moment() -> None:
    found = weakref.ref(Ring())
    memory.set_aside()
    gc.collect()
    assert found() is not None
    memory.collect()
    assert found() is None


def test_what_lives_when_the_hub_starts_is_set_aside() -> None:
    memory.tune()
    assert gc.get_threshold() == memory.THRESHOLDS
    assert gc.get_freeze_count() > 10_000
    assert len(gc.get_objects()) < 10_000
