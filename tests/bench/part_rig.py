"""What the parts are measured on: one hub, wired but not started, on real stores, and the clocks around it.

Used by the `part_*` modules and `parts`. The invariant: hub CPU is this process's own, Redis's and MariaDB's are their
processes', each the median over the rounds, all for one unit of what the part is about.
"""

import os
import resource
import secrets
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hub.app import Hub
from hub.clock import now_ms
from hub.config import Settings
from hub.model.tokens import Token
from hub.sessions.outbox import Outbox
from hub.sessions.registry import Session
from protocol.conversation import Conversation
from protocol.messages import Hello

from .cpu import ServerClock
from .tokens import make_tokens

DEVICE: Final = "0f8fad5b-d9cb-469f-a165-{:012d}"
"""A device id as agents have them: a UUID."""


Work = Callable[[int], Awaitable[object]]


@dataclass(frozen=True)
class Sizes:
    """How much is measured. `users` a multiple of `chunk`; rows are users × orders."""

    rounds: int = 5
    users: int = 5_000
    chunk: int = 1_000
    orders: int = 20
    sockets: int = 500
    readers: int = 16


@dataclass(frozen=True)
class Cost:
    """µs for one unit: the hub's CPU, Redis's, MariaDB's, and what the clock on the wall says."""

    hub: float
    redis: float
    mariadb: float
    wall: float


@dataclass(frozen=True)
class Part:
    """One line of the first table."""

    key: str
    what: str
    unit: str
    cost: Cost


@dataclass(frozen=True)
class Figure:
    """One line of the second table: a figure that is no cost."""

    key: str
    what: str
    value: float
    unit: str


@dataclass(frozen=True)
class Measured:
    """All that was measured."""

    parts: dict[str, Part]
    figures: dict[str, Figure]

    @classmethod
    def of(cls, lines: list[Part | Figure]) -> "Measured":
        return cls(
            {line.key: line for line in lines if isinstance(line, Part)},
            {line.key: line for line in lines if isinstance(line, Figure)},
        )

    def cost(self, key: str) -> Cost:
        return self.parts[key].cost

    def value(self, key: str) -> float:
        return self.figures[key].value


class Meter:
    """Clocks of three processes and the wall."""

    def __init__(self, clock: ServerClock, redis_pid: int, mariadb_pid: int, rounds: int) -> None:
        self._clock = clock
        self._pids = ([redis_pid], [mariadb_pid])
        self._rounds = rounds

    async def cost(self, units: int, work: Work, *, prepare: Work | None = None) -> Cost:
        """The median over the rounds of what `work(round)` costs, for each of its `units`; `prepare` costs nothing."""
        taken = []
        for number in range(self._rounds):
            if prepare is not None:
                await prepare(number)
            before = self._read()
            await work(number)
            taken.append([(now - then) / 1_000 / units for then, now in zip(before, self._read(), strict=True)])
        return Cost(*(statistics.median(column) for column in zip(*taken, strict=True)))

    def _read(self) -> tuple[int, int, int, int]:
        redis, mariadb = (self._clock.read(pids) for pids in self._pids)
        return time.process_time_ns(), redis, mariadb, time.perf_counter_ns()


class Rig:
    """The hub's parts and its users. `close` it at the end."""

    def __init__(self, hub: Hub, meter: Meter, sizes: Sizes, tokens: list[str]) -> None:
        self.hub = hub
        self.meter = meter
        self.sizes = sizes
        self.tokens = tokens
        self.users: list[Token] = [hub.auth.read(token) for token in tokens]
        self._last_order = 1_000_000

    @classmethod
    async def make(cls, urls: tuple[str, str], folder: Path, meter: Meter, sizes: Sizes) -> "Rig":
        """On a migrated, empty database and an empty Redis (`urls`); makes the users."""
        settings = Settings.model_validate(
            {
                "database_url": urls[0],
                "redis_url": urls[1],
                "data_dir": folder,
                "jwt_secret": secrets.token_urlsafe(32),
                "admin_token": secrets.token_urlsafe(32),
            }
        )
        tokens = await make_tokens(settings, sizes.users, "part-")
        return cls(Hub(settings), meter, sizes, tokens)

    async def close(self) -> None:
        await self.hub.background.stop()
        self.hub.auth.close()
        await self.hub.redis.aclose()
        await self.hub.reader.aclose()
        await self.hub.store.close()

    async def empty_redis(self, *, is_complete: bool) -> None:
        """As after its loss, or as after the claims were restored."""
        await self.hub.redis.flushall()
        if is_complete:
            await self.hub.claims.restore(await self.hub.claims.begin_restoring(), [], lambda _order_id: 1)

    def new_order_id(self) -> int:
        """Of no order that is stored: claims need none."""
        self._last_order += 1
        return self._last_order

    def session(self, token: Token, outbox: Outbox) -> Session:
        """A session as it stands after its hello."""
        at_ms = now_ms()
        session = Session(
            token.user_id,
            f"trader-{token.user_id}",
            token.id,
            account_expire_ms=None,
            token_expire_ms=token.expire_ms,
            address=f"127.0.0.{token.user_id % 250}",
            outbox=outbox,
            conversation=Conversation("hub"),
            now_ms=at_ms,
        )
        session.introduce(Hello(DEVICE.format(token.user_id), "0.1.0", "paper", [], 0))
        return session


def allow_many_files() -> None:
    """The soft limit up to the hard one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def cpu_model() -> str:
    """The processor's name."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else os.uname().machine
