"""PURE: the hub's clock, estimated from four-timestamp exchanges.

The invariant: the true time of the hub lies within `uncertainty_ms` of what `at` says, as far as the samples and the
two local clocks can tell. A sample is an interval that grows with its age; one that a newer one contradicts is dropped;
when the local clocks disagree about how much time has passed (the computer slept, somebody set the clock), the
disagreement counts as uncertainty until a newer sample comes.
"""

from typing import Final

import msgspec

SAMPLES_KEPT: Final = 8
ROUNDING_MS: Final = 1
DRIFT_PPM: Final = 100
"""How fast two clocks may part: quartz is good for 20 to 50 ppm each."""
NO_IDEA_MS: Final = 10**12
"""The uncertainty before any sample: nothing is in window for certain."""
FRESH_MS: Final = 2_000
"""A submission wants a sample that is no older: a computer that was paused as a whole leaves no other trace."""


class Reading(msgspec.Struct, frozen=True):
    """What the local clocks show at one moment, in ms: the one on the wall, and one that never jumps."""

    wall_ms: int
    monotonic_ms: int


class HubTime(msgspec.Struct, frozen=True):
    """The hub's clock: `ms` since the epoch, give or take `uncertainty_ms`."""

    ms: int
    uncertainty_ms: int

    @property
    def latest_ms(self) -> int:
        """The latest that it may be."""
        return self.ms + self.uncertainty_ms


class Sample(msgspec.Struct, frozen=True):
    """One exchange: asked at `t0` (monotonic), received by the hub at `t1`, answered at `t2`, back at `t3`."""

    t0_ms: int
    t1_ms: int
    t2_ms: int
    t3: Reading

    @property
    def rtt_ms(self) -> int:
        """Time on the way, both ways."""
        return max(0, (self.t3.monotonic_ms - self.t0_ms) - (self.t2_ms - self.t1_ms))

    @property
    def offset_ms(self) -> int:
        """What to add to the monotonic clock to have the hub's."""
        return ((self.t1_ms - self.t0_ms) + (self.t2_ms - self.t3.monotonic_ms)) // 2

    def at(self, now: Reading) -> HubTime:
        """The hub's time as this sample knows it."""
        return HubTime(now.monotonic_ms + self.offset_ms, self.uncertainty_ms(now))

    def age_ms(self, now: Reading) -> int:
        """How long ago it was, by whichever local clock says longer."""
        return max(0, now.monotonic_ms - self.t3.monotonic_ms, now.wall_ms - self.t3.wall_ms)

    def uncertainty_ms(self, now: Reading) -> int:
        """Half the way, the rounding, the drift since, and what the two local clocks disagree about since then."""
        apart = abs((now.wall_ms - self.t3.wall_ms) - (now.monotonic_ms - self.t3.monotonic_ms))
        drift = -(-self.age_ms(now) * DRIFT_PPM // 1_000_000)
        return (self.rtt_ms + 1) // 2 + ROUNDING_MS + drift + (apart if apart > ROUNDING_MS else 0)


class Clock(msgspec.Struct, frozen=True):
    """The last samples of one connection, oldest first."""

    samples: tuple[Sample, ...] = ()

    def add(self, sample: Sample) -> "Clock":
        """The clock with one more sample; the ninth pushes out the first, and a contradicted one goes."""
        now = sample.t3
        agreeing = (known for known in self.samples if _overlap(known.at(now), sample.at(now)))
        return Clock((*agreeing, sample)[-SAMPLES_KEPT:])

    def not_before(self, hub_ms: int, now: Reading) -> "Clock":
        """The hub said that its clock showed `hub_ms` before `now`: samples that deny it are dropped."""
        return Clock(tuple(known for known in self.samples if known.at(now).latest_ms >= hub_ms))

    def best(self, now: Reading) -> Sample | None:
        """The sample that leaves least in doubt: the least round trip, unless it is old or the local clocks jumped."""
        newest_first = reversed(self.samples)
        return min(newest_first, key=lambda sample: sample.uncertainty_ms(now), default=None)

    def at(self, now: Reading) -> HubTime:
        """The hub's time at a local reading; without a sample the wall clock, with no certainty at all."""
        best = self.best(now)
        return HubTime(now.wall_ms, NO_IDEA_MS) if best is None else best.at(now)

    def is_fresh(self, now: Reading) -> bool:
        """Whether the newest sample is young enough to submit by."""
        return bool(self.samples) and self.samples[-1].age_ms(now) <= FRESH_MS


def _overlap(one: HubTime, other: HubTime) -> bool:
    return abs(one.ms - other.ms) <= one.uncertainty_ms + other.uncertainty_ms
