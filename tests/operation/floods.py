"""Floods, measured: 200 agents that ack and report every order, and one flooder of each kind beside them.
`python -m tests.operation.floods [--seconds 10] [--only "time,pings"]`, or all kinds at once for `--minutes 10`.

A row a kind: how long an order took to the others meanwhile (p99) beside the same just before and just after, and how
many times the mean of both that is; the hub's memory before, at most, and when it was back within 5 %, or how it stood
after a minute; how many agents were dropped, lack an order, got one late; and what the flooder got. The latter three
are judged. How long an order takes is said: the flooders share the machine with the hub.

All at once comes twice: for half a minute on a hub that has just started, and for so long as is asked for. What the
first leaves that the second does not is not the flood's but the process's size at its first crowd: Python keeps small
objects by the MiB, and one that stays keeps the whole.
"""

import argparse
import asyncio
import json
import math
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp

from hub.clock import now_ms
from protocol.messages import Order
from tests.kit.admin import Admin
from tests.kit.agents import ScriptedAgent
from tests.kit.people import Person, enrol, log_all_in
from tests.services.hub_process import HubProcess
from tests.services.mariadb import MariaDB
from tests.services.waiting import WaitedTooLong, eventually

from .flooders import KINDS
from .stage import hub_in, on_stage

AGENTS: Final = 200
WINDOW_S: Final = 60
EVERY_S: Final = 0.5
BASELINE_S: Final = 5.0
FIRST_S: Final = 30.0
"""The first flood that a hub sees."""
FLOODER_ENDS_S: Final = 60.0
PATIENCE_S: Final = 60.0
BACK: Final = 1.05


class Trader(ScriptedAgent):
    """Notes when each order comes."""

    def __init__(self, http: aiohttp.ClientSession, hub_url: str, person: Person, token: str) -> None:
        super().__init__(http, hub_url, person, token, acts=True)
        self.came: dict[int, float] = {}
        self.late: list[int] = []

    async def _act(self, order: Order) -> None:
        self.came.setdefault(order.id, time.monotonic())
        if now_ms() > order.expires_ms:
            self.late.append(order.id)
        await super()._act(order)


@dataclass
class Stretch:
    """Orders that were published in a while, and when each was."""

    published: dict[int, float] = field(default_factory=dict)
    refused: list[int] = field(default_factory=list)
    missing: int = 0

    def lacking(self, traders: Sequence[Trader]) -> int:
        """How many times an agent lacks an order."""
        return sum(order_id not in one.came for one in traders for order_id in self.published)

    def took_ms(self, traders: Sequence[Trader]) -> list[float]:
        """From the publish to the frame, of each order and agent."""
        pairs = ((order_id, at, one) for order_id, at in self.published.items() for one in traders)
        return [(one.came[order_id] - at) * 1_000 for order_id, at, one in pairs if order_id in one.came]

    def broken(self) -> list[str]:
        """What may not be."""
        refused = [f"{len(self.refused)} publishes refused: {set(self.refused)}"] * bool(self.refused)
        return refused + [f"{self.missing} orders lacking"] * bool(self.missing)

    def p99_ms(self, traders: Sequence[Trader]) -> float:
        took_ms = self.took_ms(traders)
        return statistics.quantiles(took_ms, n=100)[98] if len(took_ms) > 1 else math.nan


class Memory:
    """The hub's resident memory, looked at often."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        self.most_mib = 0.0

    def mib(self) -> float:
        line = next(line for line in self._status.read_text().splitlines() if line.startswith("VmRSS"))
        now = int(line.split()[1]) / 1024
        self.most_mib = max(self.most_mib, now)
        return now

    async def watch(self) -> None:
        while True:
            self.mib()
            await asyncio.sleep(0.1)

    async def back_after_s(self, before_mib: float) -> float | None:
        """Seconds until it is within 5 % of what it was; None where it is not after a minute."""
        began = time.monotonic()
        while self.mib() > before_mib * BACK:
            if time.monotonic() - began > PATIENCE_S:
                return None
            await asyncio.sleep(0.5)
        return time.monotonic() - began


@dataclass
class Site:
    """One hub with its traders, and a token for each flooder."""

    hub: HubProcess
    admin: Admin
    traders: list[Trader]
    tokens: dict[str, str]

    async def publish_for(self, seconds: float) -> Stretch:
        """An order to all each half second; returns when every agent has each of them, or when the last one's window is
        over."""
        stretch, until = Stretch(), time.monotonic() + seconds
        people = [one.person.id for one in self.traders]
        while time.monotonic() < until:
            at = time.monotonic()
            answer = await self.admin.try_publish(people, WINDOW_S)
            if answer.status == 200:
                stretch.published[answer.data["order_id"]] = at
            else:
                stretch.refused.append(answer.status)
            await asyncio.sleep(max(0.0, at + EVERY_S - time.monotonic()))
        with suppress(WaitedTooLong):
            await eventually(lambda: not stretch.lacking(self.traders), "all have all orders", WINDOW_S)
        stretch.missing = stretch.lacking(self.traders)
        return stretch

    async def flooded_for(self, seconds: float, kinds: Sequence[str]) -> tuple[Stretch, dict[str, dict[str, int]]]:
        pairs = [f"{kind}={self.tokens[kind]}" for kind in kinds]
        command = [sys.executable, "-m", "tests.operation.flooders", self.hub.url, str(seconds + 1), *pairs]
        flooder = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        await asyncio.sleep(1)  # it starts meanwhile; the orders of the flood come after
        stretch = await self.publish_for(seconds)
        try:
            async with asyncio.timeout(FLOODER_ENDS_S):
                out, _err = await flooder.communicate()
        except TimeoutError:
            flooder.kill()
            return stretch, {kind: {"did not end": 1} for kind in kinds}
        return stretch, json.loads(out.decode().splitlines()[-1])

    def broken(self) -> list[str]:
        """What may not be, whatever the flood."""
        gone = [one for one in self.traders if one.closed is not None]
        late = sum(len(one.late) for one in self.traders)
        twice = sum(count > 1 for one in self.traders for count in one.submissions.values())
        _before, _sign, trace = self.hub.log().partition("Traceback")
        said = {"dropped": len(gone), "late orders": late, "orders twice": twice}
        return [f"{count} {what}" for what, count in said.items() if count] + [f"a trace:{trace[:3_000]}"] * bool(trace)


async def row_of(site: Site, kinds: Sequence[str], seconds: float, name: str) -> list[str]:
    """One row of the table, printed; what is broken."""
    memory = Memory(site.hub.pid)
    baseline = (await site.publish_for(BASELINE_S)).p99_ms(site.traders)
    before = memory.mib()
    watching = asyncio.create_task(memory.watch())
    stretch, got = await site.flooded_for(seconds, kinds)
    watching.cancel()
    back_s = await memory.back_after_s(before)
    during, at_last = stretch.p99_ms(site.traders), memory.mib()
    after = (await site.publish_for(BASELINE_S)).p99_ms(site.traders)
    back = f"back after {back_s:.0f} s" if back_s is not None else f"{at_last / before:.2f} × after a minute"
    times = during / statistics.mean((baseline, after))
    ratio = f"{baseline:4.0f} -> {during:5.0f} -> {after:4.0f} ms = {times:4.1f} ×"
    broken = site.broken() + stretch.broken()
    harm = ", ".join(broken) or "none dropped, lacking or late"
    print(f"{name:22} p99 {ratio}  {before:4.0f} -> {memory.most_mib:4.0f} MiB, {back}; {harm}", flush=True)
    for kind, what in got.items():
        print(f"    {kind}: {_in_words(what)}", flush=True)
    return broken


def _in_words(got: dict[str, int]) -> str:
    """Closings by their age count together from the fourth kind on."""
    most = sorted(got.items(), key=lambda item: -item[1])
    return ", ".join(f"{what} {count:,}" for what, count in most[:6]) or "nothing"


@asynccontextmanager
async def site_in(directory: Path, mariadb: MariaDB, kinds: Sequence[str], agents: int) -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(hub_in(directory, mariadb))
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=50)))
        people = await enrol(hub.settings.database_url, agents + len(kinds))
        tokens = await log_all_in(http, hub.url, people)
        traders = [Trader(http, hub.url, *one) for one in zip(people[:agents], tokens[:agents], strict=True)]
        for trader in traders:
            stack.push_async_callback(trader.drop)
            await trader.connect()
        admin = Admin(http, hub.url, hub.admin_token)
        yield Site(hub, admin, traders, dict(zip(kinds, tokens[agents:], strict=True)))


async def measure(directory: Path, mariadb: MariaDB, options: argparse.Namespace) -> list[str]:
    kinds = [kind for kind in KINDS if not options.only or kind in options.only.split(",")]
    async with site_in(directory, mariadb, kinds, options.agents) as site:
        await site.publish_for(BASELINE_S)  # warm
        if options.minutes:
            first = await row_of(site, kinds, FIRST_S, "all at once, first")
            return first + await row_of(site, kinds, options.minutes * 60, "all at once")
        broken = []
        for kind in kinds:
            broken += [f"{kind}: {what}" for what in await row_of(site, [kind], options.seconds, kind)]
        return broken


def main() -> int:
    parser = argparse.ArgumentParser(description="Floods, measured: see the head of this module.")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--minutes", type=float, default=0.0, help="all kinds at once, for so long")
    parser.add_argument("--agents", type=int, default=AGENTS)
    parser.add_argument("--only", default="", help="kinds with commas between them: " + ", ".join(KINDS))
    options = parser.parse_args()
    broken = on_stage(lambda directory, mariadb: measure(directory, mariadb, options))
    for what in broken:
        print("  BROKEN:", what)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
