"""PURE: the hub's clock, estimated from four-timestamp exchanges.

The invariant: the true time of the hub lies within `uncertainty_ms` of what `at` says,
as far as the samples and the two local clocks can tell; when the local clocks disagree about how much time has passed
(the computer slept, somebody set the clock), the disagreement counts as uncertainty until a newer sample comes.
"""

from typing import Final

import msgspec

SAMPLES_KEPT: Final = 8
ROUNDING_MS: Final = 1
NO_IDEA_MS: Final = 10**12
"""The uncertainty before any sample: nothing is in window for certain."""


class Reading(msgspec.Struct, frozen=True):
    """What the local clocks show at one moment, in ms: the one on the wall, and one that never jumps."""

    wall_ms: int
    monotonic_ms: int


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

    def uncertainty_ms(self, now: Reading) -> int:
        """Half the way, the rounding, and what the two local clocks disagree about since then."""
        steady = now.monotonic_ms - self.t3.monotonic_ms
        wall = now.wall_ms - self.t3.wall_ms
        apart = abs(wall - steady)
        return (self.rtt_ms + 1) // 2 + ROUNDING_MS + (apart if apart > ROUNDING_MS else 0)


class HubTime(msgspec.Struct, frozen=True):
    """The hub's clock: `ms` since the epoch, give or take `uncertainty_ms`."""

    ms: int
    uncertainty_ms: int


class Clock(msgspec.Struct, frozen=True):
    """The last samples of one connection, oldest first."""

    samples: tuple[Sample, ...] = ()

    def add(self, sample: Sample) -> "Clock":
        """The clock with one more sample; the ninth pushes out the first."""
        return Clock((*self.samples, sample)[-SAMPLES_KEPT:])

    def best(self, now: Reading) -> Sample | None:
        """The sample that leaves least in doubt: the least round trip, unless the local clocks jumped since."""
        newest_first = reversed(self.samples)
        return min(newest_first, key=lambda sample: sample.uncertainty_ms(now), default=None)

    def at(self, now: Reading) -> HubTime:
        """The hub's time at a local reading; without a sample the wall clock, with no certainty at all."""
        best = self.best(now)
        if best is None:
            return HubTime(now.wall_ms, NO_IDEA_MS)
        return HubTime(now.monotonic_ms + best.offset_ms, best.uncertainty_ms(now))
