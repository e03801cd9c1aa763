"""How long `hub --help` and `agent --help` take beside `python -c pass`: `python -m tests.bench.startup`.

Each is started in turn, so that what else the machine does befalls all alike; the least of the rounds counts.
"""

import argparse
import subprocess
import sys
import time
from typing import Final

COMMANDS: Final = {
    "python -c pass": ("-c", "pass"),
    "hub --help": ("-m", "hub", "--help"),
    "agent --help": ("-m", "agent", "--help"),
}
MOST_S: Final = 0.4


def seconds(command: tuple[str, ...]) -> float:
    """From the start of the process to its end."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *command], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def measured(rounds: int) -> dict[str, list[float]]:
    """The times of each command, shortest first."""
    found: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _round in range(rounds):
        for name, command in COMMANDS.items():
            found[name].append(seconds(command))
    return {name: sorted(times) for name, times in found.items()}


def main() -> int:
    """Prints the table; 1 where a command takes longer than it may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    found = measured(parser.parse_args().rounds)
    print(f"{'':16}{'least':>9}{'median':>9}")
    for name, times in found.items():
        print(f"{name:16}{times[0]:7.3f} s{times[len(times) // 2]:7.3f} s")
    return int(any(times[0] > MOST_S for times in found.values()))


if __name__ == "__main__":
    sys.exit(main())
