"""A user has one live session; and a fact is never refused for its messenger's state."""

import asyncio
from pathlib import Path

import pytest

from agent.model.events import End, Submitting
from protocol import closes
from tests.kit.agents import ScriptedAgent
from tests.kit.cluster import Trial
from tests.kit.crowd import crowd_in
from tests.kit.people import log_in
from tests.services.waiting import eventually


async def test_a_second_connection_under_the_same_login_replaces_the_first(either: Trial) -> None:
    first, _ = await _announced(either)
    second = either.desk.device(either.urls[-1], first.person, first.token)
    await second.connect()
    await eventually(lambda: first.closed == closes.SESSION_REPLACED, "the first is replaced")
    assert second.closed is None

    async def is_listed() -> bool:
        """A hub that is slow to answer is missing from the list."""
        return (await either.admin.connected()).get(first.person.id) == second.device_id

    await eventually(is_listed, "the second is the one that is connected")


async def test_a_new_login_ends_the_older_ones_token_and_connection(either: Trial) -> None:
    trader = await either.trader()
    await trader.connect()
    await log_in(either.http, either.urls[-1], trader.person)
    await eventually(lambda: trader.closed == closes.SESSION_REPLACED, "the older login is over")
    answer = await either.admin.ask("GET", "/api/auth/verify")
    assert answer.status == 200
    assert (await trader.hand_in(1)).status in (401, 404)


async def test_an_agent_replaced_while_it_executes_gets_its_result_recorded(either: Trial) -> None:
    trader, order_id = await _executing(either)
    newer = either.desk.device(either.urls[-1], trader.person, trader.token)
    await newer.connect()
    await eventually(lambda: trader.closed == closes.SESSION_REPLACED, "the first is replaced")
    assert (await trader.hand_in(order_id)).status == 200
    assert await either.books.outcomes(order_id) == {trader.person.id: "success"}
    assert newer.orders() == []


@pytest.mark.parametrize(("end", "why"), [("login", End.REPLACED), ("disable", End.ACCOUNT)])
async def test_a_true_agent_finishes_what_is_at_the_exchange_and_reports_it(
    pair: Trial, story_dir: Path, end: str, why: End
) -> None:
    [person] = await pair.enrol()
    async with crowd_in(story_dir / "agents") as crowd:
        member = await crowd.join(pair.urls[0], person, paper_latency_s=1)
        order_id = await pair.admin.publish([person.id])
        await eventually(lambda: member.told(Submitting), "the order is on its way to the exchange")
        if end == "login":
            await log_in(pair.http, pair.urls[1], person)
        else:
            await pair.admin_at(1).disable(person.id)
        assert (await member.running).end is why
    assert member.submissions() == {order_id: 1}
    assert await pair.books.outcomes(order_id) == {person.id: "success"}


async def test_a_result_is_taken_under_a_token_that_a_new_login_ended(either: Trial) -> None:
    trader, order_id = await _executing(either)
    await log_in(either.http, either.urls[-1], trader.person)
    assert (await trader.hand_in(order_id)).status == 200
    assert await either.books.outcomes(order_id) == {trader.person.id: "success"}


async def test_a_result_is_taken_from_a_disabled_account_but_nothing_else(either: Trial) -> None:
    trader, order_id = await _executing(either)
    assert (await either.admin.disable(trader.person.id)).status == 200
    await eventually(lambda: trader.closed == closes.ACCOUNT_DISABLED, "the session feels it")
    assert (await trader.hand_in(order_id, "failed")).status == 200
    assert await either.books.outcomes(order_id) == {trader.person.id: "failed"}


async def test_a_result_is_taken_after_logging_out(either: Trial) -> None:
    trader, order_id = await _executing(either)
    async with either.http.post(
        f"{either.urls[-1]}/api/auth/logout", headers={"Authorization": f"Bearer {trader.token}"}
    ) as answer:
        assert answer.status == 200
    await eventually(lambda: trader.closed == closes.TOKEN_EXPIRED, "the session feels it")
    assert (await trader.hand_in(order_id)).status == 200
    assert await either.books.outcomes(order_id) == {trader.person.id: "success"}


async def test_the_first_result_stands(either: Trial) -> None:
    trader, order_id = await _executing(either)
    assert (await trader.hand_in(order_id, "success")).status == 200
    assert (await trader.hand_in(order_id, "failed")).status == 200
    assert await either.books.outcomes(order_id) == {trader.person.id: "success"}


async def test_a_frozen_device_that_was_replaced_takes_nothing_from_the_new_one(pair: Trial) -> None:
    traders = [await pair.trader(hub=0) for _ in range(8)]
    newer = [pair.desk.device(pair.urls[1], trader.person, trader.token, acts=True) for trader in traders]
    for trader in traders:
        await trader.connect()
        trader.freeze()
    await asyncio.gather(*(device.connect() for device in newer))

    only = {(device.person.id, device.device_id) for device in newer}

    async def is_heard() -> bool:
        people = {person_id for person_id, _ in only}
        return {one for one in await pair.admin.devices() if one[0] in people} == only

    await eventually(is_heard, "the newer devices are the only ones that count")
    order_id = await pair.admin.publish([trader.person.id for trader in traders])
    await asyncio.gather(*(device.gets(order_id, 5) for device in newer))


async def _announced(either: Trial) -> tuple[ScriptedAgent, int]:
    """A connected trader, of whom every hub has been told: an order that was there before comes after that. Of two
    connections within the same milliseconds the one that is announced later stands, and that may be the older."""
    trader = await either.trader()
    order_id = await either.admin.publish([trader.person.id])
    await trader.connect()
    await trader.gets(order_id)
    return trader, order_id


async def _executing(either: Trial) -> tuple[ScriptedAgent, int]:
    """A trader with an order on disk, acknowledged, at the exchange and not answered yet."""
    trader, order_id = await _announced(either)
    await trader.ack(order_id)
    await trader.is_idle()
    return trader, order_id
