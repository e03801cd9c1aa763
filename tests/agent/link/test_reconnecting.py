"""The link: how it comes back, and when it does not."""

import asyncio
import itertools
from pathlib import Path
from random import Random

import pytest

from agent.link.reconnecting import backoff
from agent.model import events
from agent.model.account import Owner
from agent.model.clock import HubTime
from agent.model.engine import Mode, State
from agent.model.events import End
from agent.trading.accounts import Accounts
from agent.trading.journal import Journal
from protocol import closes
from protocol.closes import Close
from protocol.messages import CAUGHT_UP, CaughtUp, Error, Recorded
from tests.agent.conftest import Trade
from tests.agent.hub_on_loopback import HubOnLoopback
from tests.services.waiting import eventually


class Always(Random):
    """The same draw each time."""

    def __init__(self, draw: float) -> None:
        super().__init__()
        self._draw = draw

    def random(self) -> float:
        return self._draw


def test_backoff_grows_from_half_a_second_to_thirty() -> None:
    longest = list(itertools.islice(backoff(Always(1.0)), 9))
    assert longest == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_backoff_has_full_jitter() -> None:
    assert list(itertools.islice(backoff(Always(0.0)), 3)) == [0, 0, 0]
    chance = Random(1)
    assert all(0 <= delay <= 0.5 for delay in (next(backoff(chance)) for _ in range(100)))


@pytest.mark.parametrize(
    ("close", "end"),
    [
        (closes.SESSION_REPLACED, End.REPLACED),
        (closes.TOKEN_EXPIRED, End.SESSION_OVER),
        (closes.ACCOUNT_EXPIRED, End.ACCOUNT),
        (closes.ACCOUNT_DISABLED, End.ACCOUNT),
        (closes.BAD_MESSAGE, End.PROTOCOL),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
async def test_a_close_that_allows_no_return_ends_it(hub: HubOnLoopback, trade: Trade, close: Close, end: End) -> None:
    async with trade() as trader:
        await hub.close(close)
        ended = await asyncio.wait_for(trader.run, 10)
        assert ended.end is end
        assert hub.handshakes == 1


@pytest.mark.parametrize(
    "close",
    [closes.GOING_AWAY, closes.RESTARTING, closes.SLOW_CONSUMER, closes.HEARTBEAT_LOST, closes.HELLO_TIMEOUT],
    ids=lambda close: close.name,
)
async def test_a_close_that_allows_it_is_followed_by_a_return(hub: HubOnLoopback, trade: Trade, close: Close) -> None:
    async with trade() as trader:
        await hub.close(close)
        await eventually(lambda: len(trader.told(events.Connected)) == 2, "it is back")


@pytest.mark.parametrize(("status", "end"), [(401, End.SESSION_OVER), (403, End.ACCOUNT)])
async def test_a_refused_handshake_ends_it_with_the_hubs_words(
    hub: HubOnLoopback, trade: Trade, status: int, end: End
) -> None:
    hub.refuses_sockets = status
    async with trade(connected=False) as trader:
        ended = await asyncio.wait_for(trader.run, 10)
        assert (ended.end, ended.reason) == (end, "not with this token")


async def test_a_hub_in_trouble_is_tried_again(hub: HubOnLoopback, trade: Trade) -> None:
    hub.refuses_sockets = 503
    async with trade(connected=False) as trader:
        await eventually(lambda: trader.told(events.Disconnected), "a try failed")
        hub.refuses_sockets = None
        await eventually(lambda: trader.told(events.Connected), "it is connected")


async def test_a_hub_that_asks_to_be_left_alone_for_a_while_is_tried_after_it(hub: HubOnLoopback, trade: Trade) -> None:
    hub.refuses_sockets, hub.retry_after = 429, "40"
    async with trade(connected=False) as trader:
        await eventually(lambda: trader.told(events.Disconnected), "a try failed")
        (lost,) = trader.told(events.Disconnected)
        assert lost.retry_in_s >= 40


async def test_a_hub_that_falls_silent_is_hung_up_on(hub: HubOnLoopback, trade: Trade) -> None:
    hub.heartbeat_s = 1
    async with trade() as trader:
        hub.is_mute = True
        await eventually(lambda: closes.HEARTBEAT_LOST.code in hub.goodbyes, "it hangs up with 4006", 10)
        hub.is_mute = False
        await eventually(lambda: len(trader.told(events.Connected)) > 1, "it is back")


async def test_the_clock_is_sampled_in_a_burst_and_then_with_each_heartbeat(hub: HubOnLoopback, trade: Trade) -> None:
    hub.heartbeat_s = 1
    async with trade() as trader:
        await eventually(lambda: hub.times >= 5, "a burst of three, and two heartbeats", 10)
        assert len(trader.told(events.ClockChanged)) >= 4


async def test_a_hub_that_breaks_the_protocol_is_told_so(hub: HubOnLoopback, trade: Trade) -> None:
    async with trade() as trader:
        await hub.seats[0].socket.send_str('{"type":"cancel","order_id":"one","reason":""}')
        ended = await asyncio.wait_for(trader.run, 10)
        assert ended.end is End.PROTOCOL
        assert ended.reason.startswith("order_id: expected")
        await eventually(lambda: hub.goodbyes == [4000], "the hub heard it")


async def test_what_it_does_not_know_is_ignored_however_often_it_comes(hub: HubOnLoopback, trade: Trade) -> None:
    async with trade() as trader:
        for number in range(10):
            await hub.seats[0].socket.send_str(f'{{"type":"weather {number}","order_id":1}}')
        await hub.push(hub.order(1))
        await eventually(lambda: trader.is_in(1, State.REPORTED), "orders go on")
        assert [said.code for said in trader.told(events.HubSaid)] == ["UNKNOWN_TYPE"]
        assert hub.handshakes == 1


async def test_a_hub_that_does_not_understand_it_ends_it_with_clear_words(hub: HubOnLoopback, trade: Trade) -> None:
    hub.refuses_sockets = 400
    async with trade(connected=False) as trader:
        ended = await asyncio.wait_for(trader.run, 10)
        assert ended.end is End.PROTOCOL
        assert ended.reason.startswith("this agent and the hub do not understand each other")
        assert hub.handshakes == 1


async def test_recorded_for_nothing_is_noted(hub: HubOnLoopback, trade: Trade) -> None:
    async with trade() as trader:
        await hub.seats[0].socket.send_str('{"type":"recorded","order_id":99}')
        await eventually(lambda: trader.told(events.HubSaid), "it is noted")


async def test_nothing_that_it_has_starts_before_the_hub_says_that_this_was_all(
    hub: HubOnLoopback, trade: Trade, tmp_path: Path
) -> None:
    hub.features = [CAUGHT_UP]
    owner, accounts = Owner(hub.url, "alice"), Accounts(tmp_path / "data")
    journal = Journal(accounts.folder(owner), owner)
    for number in (1, 2):
        journal.note_received(hub.order(number), HubTime(hub.now_ms(), 5), "paper", Mode.PAPER)
    journal.close()
    async with trade() as trader:
        await eventually(lambda: hub.times >= 3, "the clock is sampled")
        await hub.push(hub.order(3))
        await eventually(lambda: trader.is_in(3, State.REPORTED), "a new one goes its way")
        assert trader.is_in(1, State.RECEIVED)
        await hub.say(Recorded(1, "unknown"))
        await hub.say(CaughtUp())
        await eventually(lambda: trader.is_in(2, State.REPORTED), "the other goes on")
        assert (trader.entry(1).outcome, hub.results[2][0].outcome) == ("unknown", "success")
        assert [trader.exchange.positions(number) for number in (1, 2, 3)] == [0, 1, 1]
        assert (hub.hellos[0].have, len({hub.hellos[0].journal, hub.hellos[0].start})) == ([2, 1], 2)


async def test_a_hub_that_says_that_this_was_all_twice_starts_nothing_twice(hub: HubOnLoopback, trade: Trade) -> None:
    hub.features = [CAUGHT_UP]
    async with trade() as trader:
        await hub.push(hub.order(1))
        await hub.say(CaughtUp())
        await hub.say(CaughtUp())
        await eventually(lambda: trader.is_in(1, State.REPORTED), "the result is recorded")
        assert trader.exchange.positions(1) == 1


async def test_a_result_that_the_hub_cannot_take_now_is_repeated_without_a_reconnect(
    hub: HubOnLoopback, trade: Trade
) -> None:
    hub.errors[1] = [Error("UNAVAILABLE", "the database is out of reach", 1)] * 2
    async with trade() as trader:
        await hub.push(hub.order(1))
        await eventually(lambda: trader.is_in(1, State.REPORTED), "the result is recorded")
        assert (len(hub.results[1]), hub.handshakes) == (3, 1)


async def test_a_result_that_the_hub_never_takes_does_not_keep_the_agent_from_its_end(
    hub: HubOnLoopback, trade: Trade
) -> None:
    hub.errors[1] = [Error("NOT_YOURS", "the order is not this device's", 1)]
    async with trade() as trader:
        await hub.push(hub.order(1))
        await eventually(lambda: trader.told(events.NotReported), "it is told")
        ended = await trader.stop()
        assert (ended.end, hub.by_http, len(hub.results[1])) == (End.STOPPED, {}, 1)
