"""What the stand-in got, one JSON line a request, written before anything is answered: the witness of every test.

The invariant: bytes that reached the stand-in are in it, also those of a request that never became whole.
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

PLACE_ORDER: Final = "/bapi/futures/v2/private/future/event-contract/place-order"


class Seen(msgspec.Struct, frozen=True):
    """A request. `nth`: which one of its connection. A request that was cut has `is_whole` false, and what came."""

    at_ms: int
    connection: int
    nth: int
    method: str
    target: str
    headers: dict[str, str]
    body: str
    is_whole: bool = True
    fault: str | None = None

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]


class Witness:
    """Keeps what was seen, in memory and, where a file is named, in it."""

    def __init__(self, file: Path | None = None) -> None:
        self.seen: list[Seen] = []
        self._file = None if file is None else os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, seen: Seen) -> None:
        """One line, whole or not at all."""
        self.seen.append(seen)
        if self._file is not None:
            os.write(self._file, msgspec.json.encode(seen) + b"\n")

    def of(self, path: str) -> list[Seen]:
        """The requests for one path, so far."""
        return [seen for seen in self.seen if seen.path == path]

    @property
    def orders(self) -> list[Seen]:
        """The place-order requests, whole or not."""
        return self.of(PLACE_ORDER)

    def close(self) -> None:
        """Give the file back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def read(file: Path) -> list[Seen]:
    """What a witness file holds; empty where there is none yet."""
    if not file.exists():
        return []
    return [msgspec.json.decode(line, type=Seen) for line in file.read_bytes().splitlines()]


def part_of_request(received: bytes, connection: int, nth: int, fault: str | None = None) -> Seen:
    """What there is of a request that was cut: the method and target if they came, all bytes as its body."""
    words = received.partition(b"\r\n")[0].decode("latin-1").split(" ")
    method, target = (words[0], words[1]) if len(words) > 1 else ("", "")
    return Seen(now_ms(), connection, nth, method, target, {}, received.decode("latin-1"), False, fault)


def of_request(
    connection: int, nth: int, method: str, target: str, headers: Mapping[str, str], body: bytes, fault: str | None
) -> Seen:
    """A whole request."""
    named = {name.lower(): value for name, value in headers.items()}
    return Seen(now_ms(), connection, nth, method, target, named, body.decode("utf-8", "replace"), True, fault)


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000
