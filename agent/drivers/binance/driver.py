"""The driver `binance-web`: orders on a trader's own account, through the interface that the web pages use.

The invariants: one order is one request at most; what is not certain is `Ambiguous`; nothing is sent without consent
and a session; a position is ours only where every mark agrees.
"""

import asyncio
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Final

from agent.drivers.binance import answers, history, positions
from agent.drivers.binance.answers import Kind, Raw, Verdict
from agent.drivers.binance.api import NoAnswer, WebApi, WebSession, body_of
from agent.drivers.binance.facts import Facts
from agent.drivers.binance.history import KeptHistory
from agent.drivers.binance.network import Unreachable
from agent.drivers.binance.positions import Position
from agent.drivers.binance.session import OVER, REGION, UNBOUND, SessionKeeper
from agent.drivers.market import Market, outcome
from agent.model.engine import Ambiguous, Answer, Entry, Mode, NotSent, Refused, Settlement, Submitted
from agent.model.events import Events, RatioRefused
from agent.model.reasons import Reason
from agent.world import REAL, World, sleep_while
from protocol.messages import INCREMENT_SECONDS, Order

LONGEST_MS: Final = max(INCREMENT_SECONDS.values()) * 1000

CONFIRMED_AFTER_S: Final = (5.0, 15.0, 60.0, 300.0, 900.0, *(1800.0,) * 48)
"""The pauses between questions for how a position ended: a day, then nobody will say any more."""


class BinanceWeb:
    """A `Driver`. `may_trade` says why the person has not allowed it; None: has allowed it.

    `others` are the journal's live entries that were submitted since a time of the wall clock.
    """

    name = "binance-web"
    mode = Mode.LIVE

    def __init__(
        self,
        facts: Facts,
        api: WebApi,
        sessions: SessionKeeper,
        market: Market,
        events: Events,
        may_trade: Callable[[], Reason | None],
        others: Callable[[int], Iterable[Entry]] = lambda _: (),
        read_history: KeptHistory | None = None,
        world: World = REAL,
    ) -> None:
        self._facts = facts
        self._api = api
        self._sessions = sessions
        self._market = market
        self._events = events
        self._may_trade = may_trade
        self._others = others
        self._history = read_history
        self._world = world
        self._warming: asyncio.Task[None] | None = None
        self._one_question = asyncio.Lock()  # many open positions must not be a burst of requests

    async def start(self) -> None:
        """Check the session and open a connection; from then on keep both so."""
        if self._warming is None:
            self._warming = asyncio.create_task(self._keep_warm(), name="warm connection")
        await self._market.start()
        await self._sessions.start()

    def refuses(self) -> Reason | None:
        """No consent, no session, a region that the exchange does not serve."""
        return self._may_trade() or self._sessions.refuses()

    async def submit(self, order: Order, stake: Decimal, payout_ratio: Decimal, within_s: float) -> Answer:
        """One request, or none. The request begins within `within_s`; the answer is waited for a little longer."""
        session, refused = self._sessions.session, self.refuses()
        if session is None or refused is not None:
            return NotSent(refused or UNBOUND)
        try:
            body = body_of(order, stake, payout_ratio)
        except ValueError:
            return NotSent(Reason("exchange.ratio_decimals", {"ratio": str(payout_ratio)}))
        answer = await self._api.place(session, body, within_s)
        if isinstance(answer, NoAnswer):
            return _without_answer(answer)
        return self._understand(answer, session, order, payout_ratio)

    async def find(self, entry: Entry) -> Submitted | Refused | None:
        """The exchange's lists, then the income history. Not found is never a no."""
        found = self._ours(await self._positions(entry), entry)
        if found is not None:
            data = {"source": "list", "orderId": found.id, "openTime": found.opened_ms}
            return Submitted(found.id, data, found.entry_price)
        return await self._booked(entry)

    async def settle(self, entry: Entry) -> Settlement | None:
        """Wait for the end, then say what a list says, else what the index says; an estimate waits for a list."""
        end_ms = _end_ms(entry)
        if end_ms is None or self._world.read().wall_ms - end_ms > self._facts.timing.listed_s * 1000:
            return None
        await sleep_while(self._world, lambda: end_ms - self._world.read().wall_ms)
        estimated = await self._estimated(entry, end_ms) if entry.source is None else None
        if (confirmed := await self._confirmed(entry)) is not None:
            return confirmed
        if estimated is not None:
            return estimated
        for pause_s in CONFIRMED_AFTER_S:
            await self._world.sleep(pause_s)
            if (confirmed := await self._confirmed(entry)) is not None:
                return confirmed
        return None

    async def close(self) -> None:
        """End the checks and give the connections back."""
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.gather(self._warming, return_exceptions=True)
        await self._sessions.close()
        await self._market.close()
        await self._api.close()
        if self._history is not None:
            await self._history.close()

    async def _keep_warm(self) -> None:
        while True:
            await self._api.warm()
            await self._world.sleep(self._facts.timing.warm_s)

    def _understand(self, raw: Raw, session: WebSession, order: Order, ratio: Decimal) -> Answer:
        """What each kind of answer means for the order, and for the next one."""
        said = answers.judge(raw, self._facts, session.secrets)
        match said.kind:
            case Kind.TAKEN:
                price = said.entry_price or self._market.price(order.symbol_name)
                return Submitted(said.order_id, said.kept, price)
            case Kind.RATIO_CHANGED:
                self._events.emit(RatioRefused(order.time_increments, ratio, said.ratio))
                return Refused(_ratio(ratio, said.ratio), said.kept)
            case Kind.SESSION_OVER:
                self._sessions.is_over()
                return Refused(OVER, said.kept)
            case Kind.REGION:
                self._sessions.doubt()
                return Refused(REGION, said.kept)
            case Kind.REFUSED:
                return Refused(Reason("exchange.refused", {"code": said.code, "words": said.words}), said.kept)
            case Kind.UNKNOWN:
                return Ambiguous(_unknown(raw, said), said.kept)

    def _ours(self, listed: Iterable[Position], entry: Entry) -> Position | None:
        """The entry's own position: by its id where that is known, else by every mark."""
        if entry.exchange_order_id is not None:
            return next((one for one in listed if one.id == entry.exchange_order_id), None)
        others = [other for other in self._since(entry, 60_000) if other.order.id != entry.order.id]
        unplaced = (other for other in others if other.exchange_order_id is None and _may_stand(other))
        if any(positions.are_rivals(entry, other, self._facts.timing) for other in unplaced):
            return None
        taken = {other.exchange_order_id for other in others if other.exchange_order_id is not None}
        return positions.ours(listed, entry, taken, self._facts.timing)

    async def _positions(self, entry: Entry) -> list[Position]:
        """What both lists hold around the time of an entry; as much of it as can be had."""
        session, timing, paths = await self._sessions.at_hand(), self._facts.timing, self._facts.paths
        times = [at for at in (entry.submitted_ms, entry.submitted_wall_ms) if at is not None]
        if session is None or not times:
            return []
        length_s = INCREMENT_SECONDS[entry.order.time_increments]
        span = {
            "startTime": str(round(min(times) - timing.match_before_s * 1000)),
            "endTime": str(round(max(times) + (length_s + timing.match_after_s) * 1000)),
        }
        async with self._one_question:
            return [*await self._pages(session, paths.ongoing, {}), *await self._pages(session, paths.closed, span)]

    async def _pages(self, session: WebSession, path: str, query: dict[str, str]) -> list[Position]:
        found: list[Position] = []
        size = self._facts.timing.list_rows
        for page in range(1, self._facts.timing.list_pages + 1):
            try:
                rows = await self._api.rows(session, path, {**query, "page": str(page), "rows": str(size)})
            except Unreachable:
                return found
            found += [one for row in rows or [] if (one := positions.position(row, self._facts)) is not None]
            if rows is None or len(rows) < size:
                return found
        return found

    async def _booked(self, entry: Entry) -> Submitted | None:
        times = [at for at in (entry.submitted_ms, entry.submitted_wall_ms) if at is not None]
        if self._history is None or not times:
            return None
        rows = await self._history.rows(min(times) - 60_000, max(times) + 60_000)
        row = history.stake_row(rows, entry, self._since(entry, 60_000), self._facts)
        return None if row is None else Submitted(None, {"source": "income", "tranId": row.number, "time": row.at_ms})

    async def _estimated(self, entry: Entry, end_ms: int) -> Settlement | None:
        if entry.entry_price is None or entry.stake is None or entry.payout_ratio is None:
            return None
        end = await self._market.at(entry.order.symbol_name, end_ms)
        if end is None:
            return None
        result, profit = outcome(entry.order.direction, entry.entry_price, end, entry.stake, entry.payout_ratio)
        return Settlement(end_ms, result, "estimated", profit)

    async def _confirmed(self, entry: Entry) -> Settlement | None:
        """By the list, where the profit is one of the three that there are; else by the income history."""
        end_ms = _end_ms(entry) or 0
        one = self._ours(await self._positions(entry), entry)
        if one is not None and one.profit is not None and (settled := _settled(entry, one.profit, end_ms)) is not None:
            return settled
        if self._history is None:
            return None
        rows = await self._history.rows(end_ms - 60_000, self._world.read().wall_ms)
        return history.settlement(rows, entry, self._since(entry, LONGEST_MS), self._facts)

    def _since(self, entry: Entry, before_ms: int) -> Iterable[Entry]:
        return self._others((entry.submitted_wall_ms or 0) - before_ms)


def _without_answer(answer: NoAnswer) -> Answer:
    facts = {"why": answer.why}
    if answer.has_left:
        return Ambiguous(Reason("exchange.no_answer", facts))
    return NotSent(Reason("window.over") if answer.is_late else Reason("exchange.unreachable", facts), answer.is_late)


def _ratio(ours: Decimal, theirs: Decimal | None) -> Reason:
    if theirs is None:
        return Reason("exchange.ratio_unnamed", {"ours": str(ours)})
    return Reason("exchange.ratio", {"ours": str(ours), "theirs": str(theirs)})


def _unknown(raw: Raw, said: Verdict) -> Reason:
    """In words: what was odd about it."""
    if not raw.is_whole:
        return Reason("exchange.cut", {"bytes": str(len(raw.body))})
    if 300 <= raw.status < 400:
        return Reason("exchange.redirect", {"status": str(raw.status)})
    if said.code:
        return Reason("exchange.unknown_code", {"code": said.code, "words": said.words})
    return Reason("exchange.unknown_answer", {"status": str(raw.status)})


def _may_stand(entry: Entry) -> bool:
    """Whether it may have a position without our knowing its id."""
    return entry.submitted_wall_ms is not None and entry.outcome in (None, "unknown", "success")


def _end_ms(entry: Entry) -> int | None:
    if entry.submitted_wall_ms is None:
        return None
    return entry.submitted_wall_ms + INCREMENT_SECONDS[entry.order.time_increments] * 1000


def _settled(entry: Entry, profit: Decimal, end_ms: int) -> Settlement | None:
    """What a listed profit means; None for one that is neither of the three."""
    if entry.stake is None or entry.payout_ratio is None:
        return None
    if profit == entry.stake * entry.payout_ratio:
        return Settlement(end_ms, "won", "confirmed", profit)
    if profit == 0:
        return Settlement(end_ms, "tie", "confirmed", profit)
    return Settlement(end_ms, "lost", "confirmed", profit) if profit == -entry.stake else None
