"""Positions: followed until their end is confirmed, and the hub told without amounts."""

from decimal import Decimal

from agent.model.engine import Settlement
from agent.model.events import Settled
from protocol import messages
from protocol.messages import SETTLED

from .conftest import Desk

ESTIMATED = Settlement(9_000, "won", "estimated", Decimal("4.00"))
CONFIRMED = Settlement(9_000, "tie", "confirmed", Decimal(0))


def told(desk: Desk) -> list[messages.Settled]:
    return [said for said in desk.said if isinstance(said, messages.Settled)]


async def test_an_estimate_is_told_and_then_what_is_confirmed(desk: Desk) -> None:
    desk.exchange.settlements = [ESTIMATED, CONFIRMED]
    await desk.welcome(features=[SETTLED])
    await desk.push(desk.order())
    assert told(desk) == [
        messages.Settled(1, "won", "estimated", 9_000),
        messages.Settled(1, "tie", "confirmed", 9_000),
    ]
    assert len(desk.told(Settled)) == 2
    await desk.again()
    await desk.welcome(features=[SETTLED])
    assert told(desk) == []


async def test_a_hub_that_does_not_name_it_is_not_told_until_one_does(desk: Desk) -> None:
    desk.exchange.settlements = [CONFIRMED]
    await desk.welcome()
    await desk.push(desk.order())
    assert told(desk) == []
    await desk.welcome(features=[SETTLED])
    assert told(desk) == [messages.Settled(1, "tie", "confirmed", 9_000)]


async def test_what_had_no_connection_is_told_after_the_next_welcome(desk: Desk) -> None:
    desk.exchange.settlements = [CONFIRMED]
    await desk.welcome(features=[SETTLED])
    desk.is_open = False
    await desk.push(desk.order())
    desk.is_open = True
    await desk.welcome(features=[SETTLED])
    assert told(desk) == [messages.Settled(1, "tie", "confirmed", 9_000)]


async def test_an_estimate_that_is_never_confirmed_stays_one_and_is_asked_about_at_the_next_start(desk: Desk) -> None:
    desk.exchange.settlements = [ESTIMATED, None]
    await desk.push(desk.order())
    assert desk.entry().source == "estimated"
    desk.exchange.settlements = [CONFIRMED]
    await desk.again()
    assert (desk.entry().source, desk.entry().result) == ("confirmed", "tie")


async def test_a_driver_that_fails_while_a_position_settles_ends_no_agent_and_is_asked_again(desk: Desk) -> None:
    desk.exchange.settlements = [OSError("MARK"), KeyError("profit"), CONFIRMED]
    await desk.push(desk.order(1))
    await desk.stepped.pass_s(10)
    assert (desk.entry().source, desk.executor.lives.failure) == ("confirmed", None)
    await desk.push(desk.order(2))
    assert desk.exchange.submitted == [1, 2]
