"""Garbage collection: what is set aside is looked through by nobody but `collect`."""

import gc
import mmap
import weakref
from collections.abc import Iterator
from pathlib import Path

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


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * mmap.PAGESIZE / 2**20


@pytest.mark.parametrize(
    ("is_calm", "is_much", "goes"), [(False, False, True), (False, True, False), (True, True, True)]
)
def test_what_a_crowd_had_goes_back_to_the_system_and_much_only_when_no_order_is_open(
    is_calm: bool, is_much: bool, goes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "QUICKLY_GIVEN", 0 if is_much else 2**40)
    everything = [bytearray(4_000) for _ in range(10_000)]
    stays = everything[::100]  # without it the system gets all back by itself
    everything.clear()
    before_mib = resident_mib()
    memory.give_back(is_calm=is_calm)
    assert (before_mib - resident_mib() > 20) == goes
    assert len(stays) == 100
