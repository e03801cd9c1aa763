"""The hub's clock: what is said to be certain is certain."""

import asyncio
from random import Random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from agent.link.hub_time import HubClock
from agent.model.clock import NO_IDEA_MS, SAMPLES_KEPT, Clock, Reading, Sample
from agent.world import World

HUB_AHEAD = 5_000_000
WALL_AHEAD = 77_000_000

delays = st.integers(0, 4_000)


def exchange(start: int, there: int, thinking: int, back: int) -> Sample:
    """An exchange begun at `start` on the monotonic clock, with these delays in ms."""
    t1 = start + there + HUB_AHEAD
    end = start + there + thinking + back
    return Sample(start, t1, t1 + thinking, Reading(wall_ms=end + WALL_AHEAD, monotonic_ms=end))


def reading(monotonic: int) -> Reading:
    return Reading(wall_ms=monotonic + WALL_AHEAD, monotonic_ms=monotonic)


@given(st.lists(st.tuples(delays, delays, delays), min_size=1, max_size=20))
def test_the_truth_lies_within_the_uncertainty(ways: list[tuple[int, int, int]]) -> None:
    clock, now = Clock(), 1_000
    for there, thinking, back in ways:
        clock = clock.add(exchange(now, there, thinking, back))
        now += there + thinking + back + 15_000
        told = clock.at(reading(now))
        assert abs(told.ms - (now + HUB_AHEAD)) <= told.uncertainty_ms


def test_the_least_round_trip_of_the_last_eight_wins() -> None:
    clock = Clock().add(exchange(0, 1, 0, 1))
    for number in range(1, SAMPLES_KEPT):
        clock = clock.add(exchange(number * 1_000, 90, 5, 10))
    assert clock.at(reading(9_000)).uncertainty_ms == 3  # of which one for its age
    clock = clock.add(exchange(9_000, 90, 5, 10))
    assert clock.at(reading(10_000)).uncertainty_ms == 52


def test_the_hubs_thinking_is_no_uncertainty() -> None:
    clock = Clock().add(exchange(0, 2, 3_000, 2))
    assert clock.at(reading(4_000)).uncertainty_ms == 4


def test_without_a_sample_nothing_is_certain() -> None:
    told = Clock().at(reading(10))
    assert (told.ms, told.uncertainty_ms) == (10 + WALL_AHEAD, NO_IDEA_MS)


def test_a_wall_clock_that_was_set_costs_certainty_until_the_next_sample() -> None:
    clock = Clock().add(exchange(0, 5, 0, 5))
    jumped = Reading(wall_ms=1_000 + WALL_AHEAD - 60_000, monotonic_ms=1_000)
    assert clock.at(jumped).uncertainty_ms == 60_000 + 7
    sample = exchange(1_000, 50, 0, 50)
    late = msgspec.structs.replace(sample.t3, wall_ms=sample.t3.wall_ms - 60_000)
    clock = clock.add(Sample(sample.t0_ms, sample.t1_ms, sample.t2_ms, late))
    assert clock.at(late).uncertainty_ms == 51


def test_a_computer_that_slept_is_uncertain_by_its_sleep() -> None:
    clock = Clock().add(exchange(0, 5, 0, 5))
    woken = Reading(wall_ms=1_000 + WALL_AHEAD + 3_600_000, monotonic_ms=1_000)
    assert clock.at(woken).uncertainty_ms >= 3_600_000


def test_a_new_connection_forgets_the_last_ones_samples() -> None:
    now = reading(20)
    clock = HubClock(World(lambda: now, asyncio.sleep, Random(0)))
    clock.restart(exchange(0, 1, 0, 1))
    clock.add(exchange(4, 1, 0, 1))
    clock.restart(exchange(8, 5, 0, 5))
    assert clock.now().uncertainty_ms == 7
    assert clock.offset_ms() == HUB_AHEAD - WALL_AHEAD


def test_a_hub_whose_clock_was_put_right_is_believed_at_once() -> None:
    """The old samples have the lesser round trip, and are wrong by six seconds."""
    clock = Clock()
    for number in range(5):
        clock = clock.add(exchange(number * 1_000, 1, 0, 1))
    slow = exchange(6_000, 40, 0, 40)
    right = msgspec.structs.replace(slow, t1_ms=slow.t1_ms + 6_000, t2_ms=slow.t2_ms + 6_000)
    told = clock.add(right).at(reading(6_100))
    assert abs(told.ms - (6_100 + HUB_AHEAD + 6_000)) <= told.uncertainty_ms < 100


def test_a_sample_is_worth_less_as_it_ages() -> None:
    clock = Clock().add(exchange(0, 1, 0, 1))
    assert clock.at(reading(100_000)).uncertainty_ms >= clock.at(reading(10)).uncertainty_ms + 9


def test_what_the_hub_sent_is_a_lower_bound_of_its_clock() -> None:
    """The whole computer was paused: both of its clocks stood still, and the frame says so."""
    clock = Clock().add(exchange(0, 1, 0, 1))
    assert clock.not_before(HUB_AHEAD + 10, reading(10)).samples == clock.samples
    assert clock.not_before(HUB_AHEAD + 3_000, reading(10)).samples == ()


def test_only_a_young_sample_is_fresh() -> None:
    clock = Clock().add(exchange(0, 1, 0, 1))
    assert clock.is_fresh(reading(1_900))
    assert not clock.is_fresh(reading(2_100))
    assert not Clock().is_fresh(reading(0))


async def test_an_old_sample_is_renewed_before_anything_depends_on_it() -> None:
    at = 0
    clock = HubClock(World(lambda: reading(at), asyncio.sleep, Random(0)))
    clock.restart(exchange(0, 1, 0, 1))
    asked: list[int] = []

    def ask() -> None:
        asked.append(at)
        clock.add(exchange(at - 2, 1, 0, 1))

    clock.ask_by(ask)
    at = 60_000
    assert await clock.freshen(HUB_AHEAD + 120_000)
    assert await clock.freshen(HUB_AHEAD + 120_000)
    assert asked == [60_000]
    clock.ask_by(None)
    at = 200_000
    assert not await clock.freshen(HUB_AHEAD + 120_000)
