"""`python -m tests.faults.skewed_hub SECONDS serve …`: the hub's program with a clock that is off by so much.

`hub.clock` alone reads the time of day, so its view of `time` is all that is shifted; the monotonic clock runs on.
"""

import sys
import time
from types import SimpleNamespace

import hub.clock
from hub.__main__ import main

SLOW_MS = 1_000


def shift(seconds: float) -> None:
    by_ns = round(seconds * 1e9)
    before_ms = hub.clock.now_ms()
    vars(hub.clock)["time"] = SimpleNamespace(**vars(time) | {"time_ns": lambda: time.time_ns() + by_ns})
    if abs(hub.clock.now_ms() - before_ms - seconds * 1_000) > SLOW_MS:
        raise SystemExit("hub.clock reads another clock than the one that is shifted here")


if __name__ == "__main__":
    shift(float(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
