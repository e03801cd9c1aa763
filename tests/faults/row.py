"""One row of the table: what is done while a store is ill, and the figures that come of it.

Agents are connected and one order has gone out; the illness begins; an order is published through each hub, and a
user of each hub is disabled through each hub; it mends; refused orders are repeated under their keys, as the command
line does, and one order more is published. Invariant: figures are taken whether or not they please; `Figures.faults`
names what broke a promise.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from uuid import uuid4

import aiohttp

from agent.model.events import Disconnected, Reported
from protocol import closes
from tests.kit.admin import Answer
from tests.kit.agents import ScriptedAgent
from tests.kit.crowd import Crowd, Member, crowd_in
from tests.kit.people import enrol
from tests.services.waiting import WaitedTooLong, eventually

from .figures import Figures
from .illness import Illness
from .readiness import Readiness, watched
from .site import Site, Way
from .traces import Traces

ILL_S: Final = 5
"""The shortest time of an illness."""
MENDED_WITHIN_S: Final = 15
GONE_WITHIN_S: Final = 3
UNREADY_WITHIN_S: Final = 5
ANSWER_S: Final = 40
WINDOW_S: Final = 120


@dataclass
class Wish:
    """One order that somebody wants published, until a hub has taken it."""

    hub: int
    key: str = field(default_factory=lambda: uuid4().hex)
    order_id: int | None = None


@dataclass(frozen=True)
class Removal:
    """A user of hub `home`, whom hub `by` is to disable."""

    victim: ScriptedAgent
    home: int
    by: int


class Row:
    """One illness on one site. `ill`: which hubs it befalls."""

    def __init__(self, site: Site, illness: Illness, ill: list[int], name: str) -> None:
        self._site = site
        self._illness = illness
        self._ill = ill
        self._hubs = range(len(site.hubs))
        self._traders: list[ScriptedAgent] = []
        self._agents: list[Member] = []
        self._removals: list[Removal] = []
        self._owed: list[Removal] = []
        """Those whose hub could not know before it mended."""
        self._wishes: list[Wish] = []
        self.figures = Figures(name)

    async def run(self) -> Figures:
        """All of it, once."""
        with TemporaryDirectory(dir=self._site.redis.directory) as directory:
            async with crowd_in(Path(directory)) as crowd:
                return await self._run(crowd)

    async def _run(self, crowd: Crowd) -> Figures:
        await self._gather(crowd)
        traces = [Traces(hub) for hub in self._site.hubs]
        await self._publish_before()
        pids = [hub.pid for hub in self._site.hubs]
        async with watched(self._site) as readiness:
            readiness.begins()
            async with self._illness.befalls(self._site, self._ways()):
                await self._while_ill(readiness)
            readiness.mends()
            mended = time.monotonic()
            await self._after(mended)
            await self._ready_again(readiness, mended)
        self._judge(readiness, pids, traces)
        return self.figures

    def _ways(self) -> list[Way]:
        return [self._site.ways[hub] for hub in self._ill]

    async def _gather(self, crowd: Crowd) -> None:
        """At each hub two scripted traders, a true agent, and one to be disabled through each hub."""
        people = iter(await enrol(self._site.database_url, len(self._hubs) * (3 + len(self._hubs))))
        for home in self._hubs:
            url = self._site.hubs[home].url
            self._traders += [await self._site.desk.trader(url, next(people), acts=True) for _ in range(2)]
            self._agents.append(await crowd.join(url, next(people)))
            for by in self._hubs:
                victim = await self._site.desk.trader(url, next(people), acts=True)
                self._removals.append(Removal(victim, home, by))
        everyone = [*self._traders, *(removal.victim for removal in self._removals)]
        await asyncio.gather(*(trader.connect() for trader in everyone))

    async def _publish_before(self) -> None:
        await self._publish(Wish(0))
        await self._all_have_all(10)

    async def _while_ill(self, readiness: Readiness) -> None:
        begun = time.monotonic()
        wishes = [Wish(hub) for hub in self._hubs]
        answers, gone = await asyncio.gather(
            asyncio.gather(*(self._timed(self._publish(wish)) for wish in wishes)),
            asyncio.gather(*(self._remove(removal) for removal in self._removals)),
        )
        self.figures.published_ill = [(answer.status, took_s) for answer, took_s in answers]
        self.figures.gone_s = [figure for figure in gone if figure is not None]
        if self._illness.shows:
            await readiness.says_no(self._ill, UNREADY_WITHIN_S)
        await asyncio.sleep(max(0.0, begun + ILL_S - time.monotonic()))  # its duration is what is tested, no bet

    async def _after(self, mended: float) -> None:
        """What was refused is wanted still, and one order more at each hub."""
        refused = [wish for wish in self._wishes if wish.order_id is None]
        after = [Wish(hub) for hub in self._hubs]
        gone, *_ = await asyncio.gather(
            asyncio.gather(*(self._is_gone(removal) for removal in self._owed)),
            *(self._insist(wish) for wish in refused + after),
        )
        self.figures.gone_s += gone
        try:
            await self._all_have_all(mended + MENDED_WITHIN_S - time.monotonic())
        except WaitedTooLong as error:
            self.figures.faults.append(str(error))
        self.figures.delivered_s = time.monotonic() - mended

    async def _ready_again(self, readiness: Readiness, mended: float) -> None:
        try:
            await readiness.says_yes(MENDED_WITHIN_S)
        except WaitedTooLong as error:
            self.figures.faults.append(str(error))
        self.figures.ready_after_s = time.monotonic() - mended

    async def _publish(self, wish: Wish) -> Answer:
        """Asks once. A hub that hangs or drops the request answers with 0."""
        if wish not in self._wishes:
            self._wishes.append(wish)
        users = [one.person.id for one in (*self._traders, *self._agents)]
        try:
            async with asyncio.timeout(ANSWER_S):
                answer = await self._site.admin_at(wish.hub).try_publish(users, WINDOW_S, wish.key)
        except (TimeoutError, aiohttp.ClientError) as error:
            return Answer(0, None, repr(error))
        if answer.status == 200:
            wish.order_id = answer.data["order_id"]
        return answer

    async def _insist(self, wish: Wish) -> None:
        async def is_taken() -> bool:
            return (await self._publish(wish)).status == 200

        begun = time.monotonic()
        try:
            await eventually(is_taken, f"hub {wish.hub} takes an order again", MENDED_WITHIN_S)
            took_s = time.monotonic() - begun
            self.figures.published_after_s = max(took_s, self.figures.published_after_s or 0)
        except WaitedTooLong as error:
            self.figures.faults.append(str(error))

    async def _remove(self, removal: Removal) -> float | None:
        """How long after the answer the session was over; None where the change was refused."""
        try:
            async with asyncio.timeout(ANSWER_S):
                answer = await self._site.admin_at(removal.by).disable(removal.victim.person.id)
        except (TimeoutError, aiohttp.ClientError) as error:
            answer = Answer(0, None, repr(error))
        self.figures.disabled_ill.append(answer.status)
        if answer.status != 200:
            return None
        if self._illness.cuts_off and removal.home in self._ill:
            self._owed.append(removal)
            return None
        return await self._is_gone(removal)

    async def _is_gone(self, removal: Removal) -> float:
        """How long it took from now on."""
        begun = time.monotonic()
        what = f"hub {removal.home} ends the session of a user whom hub {removal.by} disabled"
        try:
            await eventually(lambda: removal.victim.closed == closes.ACCOUNT_DISABLED, what, GONE_WITHIN_S)
        except WaitedTooLong as error:
            self.figures.faults.append(str(error))
        return time.monotonic() - begun

    async def _timed(self, asking: Awaitable[Answer]) -> tuple[Answer, float]:
        begun = time.monotonic()
        return await asking, time.monotonic() - begun

    async def _all_have_all(self, timeout_s: float) -> None:
        wanted = {wish.order_id for wish in self._wishes if wish.order_id is not None}
        await _eventually(
            lambda: all(wanted <= got for got in self._recorded()),
            lambda: f"results recorded of the orders {sorted(wanted)}: {[sorted(got) for got in self._recorded()]}",
            timeout_s,
        )

    def _recorded(self) -> list[set[int]]:
        """Of each trader and agent: the orders whose results the hub has."""
        of_agents = [{event.order_id for event in agent.told(Reported)} for agent in self._agents]
        return [trader.recorded() for trader in self._traders] + of_agents

    def _judge(self, readiness: Readiness, pids: list[int], traces: list[Traces]) -> None:
        figures, faults = self.figures, self.figures.faults
        figures.unready_s = readiness.unready_s(self._ill)
        figures.is_alive = all(
            hub.is_running() and hub.pid == pid for hub, pid in zip(self._site.hubs, pids, strict=True)
        )
        figures.dropped = [str(trader.closed) for trader in self._traders if trader.closed is not None]
        figures.dropped += [str(event) for agent in self._agents for event in agent.told(Disconnected)]
        figures.traces = [cause for found in traces for cause in found.new()]
        wanted = sorted(wish.order_id for wish in self._wishes if wish.order_id is not None)
        for trader in self._traders:
            if sorted(trader.orders()) != wanted or any(n != 1 for n in trader.submissions.values()):
                faults.append(f"{trader.person.username} got {trader.orders()}, wanted {wanted}, each once")
        for agent in self._agents:
            if agent.submissions() != Counter(wanted):
                faults.append(f"{agent.person.username} submitted {agent.submissions()}, wanted {wanted}, each once")
        if self._illness.shows and figures.unready_s is None:
            faults.append("readyz never said that the hub is ill")
        figures.judge()


async def _eventually(condition: Callable[[], bool], what: Callable[[], str], timeout_s: float) -> None:
    """`eventually`, with words made when it has failed."""
    try:
        await eventually(condition, "", timeout_s)
    except WaitedTooLong:
        raise WaitedTooLong(f"not in {timeout_s:.1f} s: {what()}") from None
