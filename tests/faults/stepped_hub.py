"""A hub whose machine's clock somebody puts right or wrong while it runs.

`python -m tests.faults.stepped_hub FILE serve …` is the hub's program; FILE holds by how many milliseconds its time of
day is off, and `hub.clock` alone reads the time of day, so its view of `time` is all that is stepped. The monotonic
clock runs on.
"""

import mmap
import struct
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import hub.clock
from hub.__main__ import main
from tests.services.hub_process import HubProcess, HubSettings

_OFF: Final = struct.Struct("<q")
SLOW_MS: Final = 1_000


class SteppedHub(HubProcess):
    """A hub with a clock that the test steps."""

    def __init__(self, directory: Path, settings: HubSettings) -> None:
        super().__init__(directory, settings)
        self._off_file = directory / "clock-is-off-by"
        self.step_to(0)

    def step_to(self, off_ms: int) -> None:
        """Its machine's clock is off by so much from now on."""
        with self._off_file.open("r+b" if self._off_file.exists() else "wb") as file:
            file.write(_OFF.pack(off_ms))

    def command(self) -> list[str]:
        serve = ("serve", "--host", "127.0.0.1", "--port", str(self.port))
        return [sys.executable, "-m", "tests.faults.stepped_hub", str(self._off_file), *serve]


def follow(path: Path) -> None:
    """Shifts the hub's time of day by what the file holds at each reading."""
    with path.open("rb") as file:
        off = mmap.mmap(file.fileno(), _OFF.size, prot=mmap.PROT_READ)
    before_ms = hub.clock.now_ms()
    shifted = {"time_ns": lambda: time.time_ns() + 1_000_000 * _OFF.unpack_from(off)[0]}
    vars(hub.clock)["time"] = SimpleNamespace(**vars(time) | shifted)
    if abs(hub.clock.now_ms() - before_ms - _OFF.unpack_from(off)[0]) > SLOW_MS:
        raise SystemExit("hub.clock reads another clock than the one that is stepped here")


if __name__ == "__main__":
    follow(Path(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
