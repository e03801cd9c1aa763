"""Fault by fault: what becomes of the order, in which words, and how many requests the witness has."""

import asyncio
import socket
import time
from typing import Any

import aiohttp
import pytest

from agent.drivers.binance.session import OVER
from agent.model.engine import Answer, NotSent, Refused, Submitted, conclude
from agent.model.events import RatioRefused
from tests.exchange.faults import FAULTS
from tests.exchange.server import Exchange
from tests.services.process import free_port
from tests.services.waiting import eventually

from .conftest import Desk, Open, facts_for
from .trading import RATIO, STAKE, order

OUTCOMES = {
    "slow": ("success", ""),
    "never": ("unknown", "it was sent, and no answer came: timeout"),
    "503": ("unknown", "the exchange answered 503 in no known form"),
    "451": ("failed", "the exchange does not serve the region"),
    "401": ("failed", "the session at the exchange has ended"),
    "403": ("failed", "the session at the exchange has ended"),
    "html": ("unknown", "the exchange answered 200 in no known form"),
    "cut-before-reading": ("unknown", "it was sent, and no answer came: the connection was cut"),
    "cut-after-reading": ("unknown", "it was sent, and no answer came: the connection was cut"),
    "half-an-answer": ("unknown", "the answer broke off or was too long"),
    "no-id": ("success", ""),
    "changed-fields": ("unknown", "the exchange answered 200 in no known form"),
    "10-mb": ("unknown", "the answer broke off or was too long"),
    "redirect": ("unknown", "the exchange sent us elsewhere (307)"),
    "code-93420033": ("failed", "Please update to the latest app version (code 93420033)"),
    "code-100001005": ("failed", "the session at the exchange has ended"),
    "code-100002002": ("failed", "the session at the exchange has ended"),
    "code-100001": ("failed", "the session at the exchange has ended"),
    "unknown-code": ("unknown", "the exchange said what nobody knows: Oops (code 987654321)"),
    "echo": ("unknown", "the exchange said what nobody knows: bad … and p20t=… (code 987654322)"),
    "ratio-changed": ("failed", "the exchange no longer takes the payout ratio 0.80, its own is 0.75"),
    "session-ended": ("failed", "the session at the exchange has ended"),
}


def words(answer: Answer) -> str:
    return "" if isinstance(answer, Submitted) else answer.reason.text()


def test_the_table_has_every_fault() -> None:
    assert OUTCOMES.keys() == FAULTS.keys()


@pytest.mark.parametrize("name", OUTCOMES)
async def test_each_fault_has_its_outcome_its_words_and_one_request(desk: Desk, exchange: Exchange, name: str) -> None:
    exchange.faults.arm(name)
    exchange.api.slow_s = 0.3
    answer = await desk.submit()
    outcome = conclude(answer, 0).outcome
    requests = len(exchange.witness.orders)
    print(f"| {name} | {outcome} | {words(answer)} | {requests} |")
    assert (outcome, requests) == (OUTCOMES[name][0], 1)
    assert OUTCOMES[name][1] in words(answer)
    if FAULTS[name].takes:
        assert outcome in ("success", "unknown"), "what stands is never called refused"


@pytest.mark.parametrize("name", OUTCOMES)
async def test_also_on_a_connection_that_was_never_used(open_desk: Open, exchange: Exchange, name: str) -> None:
    desk = open_desk()
    await desk.sessions.check()
    exchange.faults.arm(name)
    exchange.api.slow_s = 0.3
    assert conclude(await desk.submit(), 0).outcome == OUTCOMES[name][0]
    assert len(exchange.witness.orders) == 1


async def test_an_order_goes_out_as_the_web_pages_send_it(desk: Desk, exchange: Exchange) -> None:
    answer = await desk.submit(direction="SHORT")
    (seen,) = exchange.witness.orders
    session = desk.sessions.session
    assert session is not None
    assert isinstance(answer, Submitted)
    assert (answer.exchange_order_id, answer.entry_price) == ("7000000001", exchange.prices.of("BTCUSDT"))
    assert seen.body == (
        '{"orderAmount":"5","timeIncrements":"TEN_MINUTE","symbolName":"BTCUSDT","payoutRatio":"0.80",'
        '"direction":"SHORT"}'
    )
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["clienttype"] == "web"
    assert seen.headers["csrftoken"] == session.csrftoken
    assert seen.headers["cookie"] == f"p20t={session.p20t}"


async def test_the_connection_is_open_before_an_order_comes(desk: Desk, exchange: Exchange) -> None:
    before = exchange.connections
    await desk.submit()
    assert exchange.connections == before
    assert exchange.witness.orders[0].nth > 1


async def test_a_kept_alive_connection_that_is_known_to_be_dead_costs_a_handshake_only(
    desk: Desk, exchange: Exchange
) -> None:
    before = exchange.connections
    assert exchange.drop_idle() >= 1
    await eventually(lambda: not desk.pooled(), "the client has heard of it", 5)
    assert isinstance(await desk.submit(), Submitted)
    assert (len(exchange.witness.orders), exchange.connections) == (1, before + 1)


async def test_a_kept_alive_connection_that_turns_out_dead_is_not_tried_again(desk: Desk, exchange: Exchange) -> None:
    assert desk.pooled()
    exchange.drop_idle()  # no turn of the loop in between: the client cannot know
    answer = await desk.submit()
    seen = len(exchange.witness.orders)
    assert (conclude(answer, 0).outcome, seen) in {("success", 1), ("unknown", 0), ("unknown", 1)}


async def test_an_exchange_that_is_gone_gets_nothing_and_the_order_failed(desk: Desk, exchange: Exchange) -> None:
    await exchange.stop()
    await eventually(lambda: not desk.pooled(), "the client has heard of it", 5)
    answer = await desk.submit()
    assert isinstance(answer, NotSent)
    assert exchange.witness.orders == []


async def test_nobody_listens_so_no_byte_has_left(open_desk: Open, exchange: Exchange) -> None:
    desk = open_desk()
    await desk.sessions.check()
    desk.api._facts = facts_for(f"http://127.0.0.1:{free_port()}")
    answer = await desk.submit()
    assert isinstance(answer, NotSent)
    assert not answer.is_late
    assert "nothing was sent" in answer.reason.text()
    assert exchange.witness.seen[-1].method == "GET"


async def test_a_handshake_that_outlasts_the_window_sends_nothing_and_is_late(open_desk: Open) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # a proxy that accepts and never says a word
        desk = open_desk(proxy=f"socks5://127.0.0.1:{silent.getsockname()[1]}", connect_s=30.0)
        desk.sessions.session = desk.bind()
        desk.sessions._become("bound", None)
        answer = await desk.submit(within_s=0.2)
        silent.settimeout(5)
        connection, _ = silent.accept()
        with connection:
            assert b"POST" not in connection.recv(65_536)
    assert isinstance(answer, NotSent)
    assert answer.is_late


@pytest.mark.parametrize("within_s", [0.0, -1.0])
async def test_after_the_window_nothing_is_sent(desk: Desk, exchange: Exchange, within_s: float) -> None:
    answer = await desk.submit(within_s=within_s)
    assert isinstance(answer, NotSent)
    assert answer.is_late
    assert exchange.witness.orders == []


async def test_a_loop_that_hung_until_the_window_was_over_sends_nothing(
    desk: Desk, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = aiohttp.TCPConnector.connect

    async def hangs(*given: Any, **named: Any) -> Any:
        time.sleep(0.1)  # noqa: ASYNC251 this is the hanging
        return await connect(*given, **named)

    monkeypatch.setattr(aiohttp.TCPConnector, "connect", hangs)
    answer = await desk.submit(within_s=0.05)
    assert isinstance(answer, NotSent)
    assert answer.is_late
    assert exchange.witness.orders == []


async def test_an_answer_may_come_after_the_window_of_an_order_that_went_out_in_it(
    desk: Desk, exchange: Exchange
) -> None:
    exchange.faults.arm("slow")
    exchange.api.slow_s = 0.5
    answer = await desk.submit(within_s=0.2)
    assert isinstance(answer, Submitted)


async def test_a_changed_ratio_is_told_with_both_ratios(desk: Desk, exchange: Exchange) -> None:
    exchange.account.ratios["TEN_MINUTE"] = "0.77"
    answer = await desk.submit()
    assert isinstance(answer, Refused)
    assert answer.reason.facts == {"ours": "0.80", "theirs": "0.77"}
    (told,) = desk.of(RatioRefused)
    assert (told.increment, str(told.ours), str(told.theirs)) == ("TEN_MINUTE", "0.80", "0.77")


async def test_without_consent_nothing_is_sent(desk: Desk, exchange: Exchange) -> None:
    desk.consent = OVER
    assert desk.driver.refuses() == OVER
    assert await desk.submit() == NotSent(OVER)
    assert exchange.witness.orders == []


async def test_a_hundred_orders_with_faults_at_random_are_one_request_each(desk: Desk, exchange: Exchange) -> None:
    exchange.faults.rate, exchange.api.slow_s = 0.5, 0.1
    for number in range(1, 101):
        await desk.sessions.check()
        before = len(exchange.witness.orders)
        answer = await desk.driver.submit(order(number), STAKE, RATIO, 5.0)
        left = len(exchange.witness.orders) - before
        assert left == (0 if isinstance(answer, NotSent) else 1)
    await eventually(lambda: len(exchange.witness.orders) == 100, "each order is in the witness", 5)


async def test_twenty_orders_at_once_are_twenty_requests(desk: Desk, exchange: Exchange) -> None:
    exchange.faults.rate = 0.3
    exchange.api.slow_s = 0.1
    orders = [desk.submit(number, direction=("LONG", "SHORT")[number % 2]) for number in range(1, 21)]
    answers = await asyncio.gather(*orders)
    assert not any(isinstance(answer, NotSent) for answer in answers)
    assert len(exchange.witness.orders) == 20
    assert sum(isinstance(answer, Submitted) for answer in answers) <= len(exchange.account.positions)
