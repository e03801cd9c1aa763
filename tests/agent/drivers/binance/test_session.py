"""The session while the agent runs: checked, told about when it changes, and used for no order once it is over."""

import asyncio
import time

import msgspec
import pytest

from agent.drivers.binance.session import OVER, REGION, UNBOUND
from agent.model.engine import NotSent, Refused, Submitted
from agent.model.events import ExchangeSession
from agent.vault.base import VaultUnavailable
from tests.exchange.server import Exchange
from tests.services.waiting import eventually

from .conftest import Desk, Open

HOUR_MS = 3_600_000


def states(desk: Desk) -> list[str]:
    return [event.state for event in desk.of(ExchangeSession)]


def expiring(desk: Desk, left_ms: int) -> None:
    """The bound session ends in so long."""
    session = desk.exchange.log_in()
    kept = msgspec.structs.replace(session, expires_ms=time.time_ns() // 1_000_000 + left_ms)
    desk.kept = msgspec.json.encode(kept).decode()


async def test_a_valid_session_is_told_once_and_orders_may_go(desk: Desk) -> None:
    await desk.sessions.check()
    assert states(desk) == ["bound"]
    assert desk.driver.refuses() is None


async def test_without_a_session_orders_are_refused_at_once(open_desk: Open, exchange: Exchange) -> None:
    desk = open_desk(bound=False)
    await desk.driver.start()
    assert desk.driver.refuses() == UNBOUND
    assert await desk.submit() == NotSent(UNBOUND)
    assert states(desk) == ["unbound"]
    assert exchange.witness.orders == []


async def test_bound_while_the_agent_runs_it_is_used_without_a_restart(open_desk: Open) -> None:
    desk = open_desk(bound=False, unbound_check_s=0.05)
    await desk.driver.start()
    desk.bind()
    await eventually(lambda: desk.driver.refuses() is None, "the new session is found", 5)
    assert isinstance(await desk.submit(), Submitted)


async def test_a_session_that_ended_refuses_this_order_and_the_next_never_leaves(
    desk: Desk, exchange: Exchange
) -> None:
    exchange.account.end_sessions()
    answer = await desk.submit(1)
    assert isinstance(answer, Refused)
    assert answer.reason == OVER
    assert await desk.submit(2) == NotSent(OVER)
    assert len(exchange.witness.orders) == 1
    assert states(desk) == ["bound", "over"]


async def test_a_code_that_was_a_false_alarm_is_taken_back_by_a_check(desk: Desk, exchange: Exchange) -> None:
    exchange.faults.arm("code-100001", times=1)
    await desk.submit(1)
    await eventually(lambda: desk.driver.refuses() is None, "the check said that it is valid", 5)
    assert states(desk) == ["bound", "over", "bound"]


async def test_every_few_minutes_it_is_checked(open_desk: Open, exchange: Exchange) -> None:
    desk = open_desk(check_s=0.05)
    await desk.driver.start()
    exchange.account.end_sessions()
    await eventually(lambda: desk.driver.refuses() == OVER, "the end was noticed without an order", 5)
    assert exchange.witness.orders == []


async def test_a_start_that_is_cancelled_as_its_check_ends_is_cancelled(open_desk: Open) -> None:
    desk = open_desk()
    starting = asyncio.create_task(desk.sessions.start())
    await asyncio.sleep(0)
    desk.sessions._checked.set()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting


async def test_the_region_is_not_the_session(desk: Desk, exchange: Exchange) -> None:
    exchange.faults.arm("451", on="all")
    answer = await desk.submit()
    assert isinstance(answer, Refused)
    assert answer.reason == REGION
    await eventually(lambda: desk.driver.refuses() == REGION, "the check said so, too", 5)


@pytest.mark.parametrize("fault", ["503", "html", "cut-after-reading", "unknown-code", "changed-fields"])
async def test_a_check_that_says_nothing_ends_nothing(desk: Desk, exchange: Exchange, fault: str) -> None:
    exchange.faults.arm(fault, on="user")
    await desk.sessions.check()
    assert desk.driver.refuses() is None


async def test_at_a_start_without_an_answer_it_is_bound_and_said_to_be_unchecked(
    open_desk: Open, exchange: Exchange
) -> None:
    desk = open_desk()
    exchange.faults.arm("503", on="user")
    await desk.sessions.check()
    (told,) = desk.of(ExchangeSession)
    assert (told.state, told.reason.code) == ("bound", "session.unchecked")


@pytest.mark.parametrize(
    ("left_ms", "minutes"), [(25 * HOUR_MS, None), (23 * HOUR_MS, 1380), (HOUR_MS // 2, 30), (5 * 60_000, 5)]
)
async def test_its_end_is_told_beforehand_once(open_desk: Open, left_ms: int, minutes: int | None) -> None:
    desk = open_desk()
    expiring(desk, left_ms + 30_000)
    await desk.sessions.check()
    await desk.sessions.check()
    told = [event for event in desk.of(ExchangeSession) if event.state == "ends_soon"]
    assert [event.reason.facts["minutes"] for event in told] == ([] if minutes is None else [str(minutes)])


async def test_past_its_expiry_it_is_over_without_asking(open_desk: Open, exchange: Exchange) -> None:
    desk = open_desk()
    expiring(desk, -1)
    await desk.driver.start()
    assert desk.driver.refuses() == OVER
    assert exchange.witness.of(desk.facts.paths.user) == []


async def test_a_vault_that_does_not_open_is_said_and_refuses(open_desk: Open) -> None:
    desk = open_desk()

    def locked() -> str:
        raise VaultUnavailable("the passphrase is wrong")

    desk.sessions._load = locked
    await desk.driver.start()
    refused = desk.driver.refuses()
    assert refused is not None
    assert refused.text() == "the session could not be read: the passphrase is wrong"
