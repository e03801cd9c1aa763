"""The agent's promises, against a hub on loopback: at most once, never late, nothing lost."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.app import build
from agent.link.api import Credentials
from agent.model import events
from agent.model.account import Owner
from agent.model.clock import HubTime
from agent.model.engine import Conclusion, Mode, Refused, State, Submission
from agent.model.events import End
from agent.trading.accounts import Accounts, by_address
from agent.trading.journal import Journal, JournalBusy
from agent.trading.terms import Approved
from agent.vault import MemoryVault, VaultUnavailable
from protocol import closes
from protocol.messages import Cancel, Halt, HaltMessage, Order, Resume
from tests.exchange.server import Exchange
from tests.services.waiting import eventually

from .conftest import Trade, Trader
from .consenting import accept_live
from .hub_on_loopback import HubOnLoopback


async def test_an_order_in_window_is_placed_reported_and_settled(hub: HubOnLoopback, trade: Trade) -> None:
    async with trade(paper_seed=3) as trader:
        await hub.push(hub.order(1))
        await eventually(lambda: trader.told(events.Settled), "the position is settled")
        await eventually(lambda: trader.is_in(1, State.REPORTED), "the result is recorded")
        entry = trader.entry(1)
        assert [ack.order_id for ack in hub.acks[1]] == [1]
        [result] = hub.results[1]
        assert (result.outcome, result.data["stake"], result.data["payout_ratio"]) == ("success", "5", "0.80")
        assert result.data["exchange_order_id"] == entry.exchange_order_id == "P1"
        assert entry.profit == (Decimal("4.00") if entry.result == "won" else Decimal(-5))
        kinds = [type(event) for event in trader.events if not isinstance(event, events.ClockChanged)]
        assert kinds[:5] == [
            events.LoggedIn,
            events.Connected,
            events.OrderReceived,
            events.Submitting,
            events.Executed,
        ]


async def test_a_late_order_is_never_submitted(hub: HubOnLoopback, trade: Trade) -> None:
    async with trade() as trader:
        await hub.push(hub.order(1, expires_ms=hub.now_ms() - 1))
        await eventually(lambda: hub.results[1], "a result came")
        assert hub.results[1][0].outcome == "expired"
        assert trader.exchange.positions(1) == 0


async def test_the_hubs_clock_decides_and_not_the_computers(hub: HubOnLoopback, trade: Trade) -> None:
    hub.clock_ahead_ms = 7_200_000
    async with trade() as trader:
        await hub.push(hub.order(1, valid_s=20))
        await hub.push(hub.order(2, expires_ms=hub.now_ms() - 5_000))
        await eventually(lambda: hub.results[1] and hub.results[2], "two results came")
        assert [hub.results[n][0].outcome for n in (1, 2)] == ["success", "expired"]
        assert abs(hub.acks[1][0].received_ms - hub.now_ms()) < 10_000
        assert trader.told(events.ClockChanged)[-1].offset_ms > 7_100_000


async def test_the_same_order_twice_is_placed_once_and_reported_again(hub: HubOnLoopback, trade: Trade) -> None:
    async with trade() as trader:
        order = hub.order(1)
        await hub.push(order)
        await hub.push(order)
        await eventually(lambda: trader.is_in(1, State.REPORTED), "the result is recorded")
        await hub.push(order)
        await eventually(lambda: len(hub.acks[1]) == 3 and len(hub.results[1]) >= 2, "the fact is repeated")
        assert {result.outcome for result in hub.results[1]} == {"success"}
        assert trader.exchange.positions(1) == 1


async def test_another_order_under_a_known_id_does_not_run(hub: HubOnLoopback, trade: Trade) -> None:
    async with trade() as trader:
        await hub.push(hub.order(1))
        await eventually(lambda: trader.is_in(1, State.REPORTED), "the result is recorded")
        await hub.push(hub.order(1, symbol_name="ETHUSDT"))
        await eventually(lambda: len(hub.results[1]) == 2, "the second is answered")
        assert hub.results[1][1].outcome == "rejected"
        assert trader.entry(1).outcome == "success"
        assert trader.exchange.positions(1) == 1


async def test_limits_reject_with_the_reason(hub: HubOnLoopback, trade: Trade) -> None:
    async with trade(order_amount="7.5") as trader:
        await hub.push(hub.order(1))
        await hub.push(hub.order(2, symbol_name="DOGEUSDT"))
        await eventually(lambda: hub.results[1] and hub.results[2], "two results came")
        assert (hub.results[1][0].outcome, hub.results[1][0].message) == (
            "rejected",
            "stake 7.5 is not a multiple of 1",
        )
        assert hub.results[2][0].message == "symbol DOGEUSDT is not allowed here, only BTCUSDT, ETHUSDT"
        assert trader.exchange.positions(1) == trader.exchange.positions(2) == 0


async def test_a_refusal_of_the_exchange_is_failed_and_a_lost_answer_unknown(hub: HubOnLoopback, trade: Trade) -> None:
    async with trade(paper_refusal_rate=1) as trader:
        await hub.push(hub.order(1))
        await eventually(lambda: trader.is_in(1, State.REPORTED), "the result is recorded")
    hub.times = 0
    async with trade(paper_ambiguous_rate=1) as trader:
        await hub.push(hub.order(2))
        await eventually(lambda: trader.is_in(2, State.REPORTED), "the result is recorded")
    assert [hub.results[n][0].outcome for n in (1, 2)] == ["failed", "unknown"]


async def test_an_exchange_that_does_not_answer_in_time_is_unknown(hub: HubOnLoopback, trade: Trade) -> None:
    async with trade(paper_latency_s=60, submit_timeout_s=0.05) as trader:
        await hub.push(hub.order(1))
        await eventually(lambda: trader.is_in(1, State.REPORTED), "the result is recorded")
        assert hub.results[1][0].outcome == "unknown"


async def test_a_cancel_stops_what_is_not_submitted(hub: HubOnLoopback, trade: Trade) -> None:
    asked = asyncio.Event()

    async def think(_order: Order, _approved: Approved) -> Refused | None:
        asked.set()
        await asyncio.Event().wait()
        return None

    async with trade(decide=think) as trader:
        await hub.push(hub.order(1))
        await asyncio.wait_for(asked.wait(), 10)
        await hub.say(Cancel(1, "wrong symbol"))
        await eventually(lambda: trader.is_in(1, State.REPORTED), "the result is recorded")
        assert (hub.results[1][0].outcome, hub.results[1][0].message) == (
            "rejected",
            "cancelled by the admin: wrong symbol",
        )
        assert trader.exchange.positions(1) == 0


async def test_a_cancel_too_late_changes_nothing(hub: HubOnLoopback, trade: Trade) -> None:
    async with trade(paper_latency_s=0.2) as trader:
        await hub.push(hub.order(1))
        await eventually(lambda: trader.is_in(1, State.SUBMITTING), "it is on its way")
        await hub.say(Cancel(1, "too late"))
        await eventually(lambda: trader.is_in(1, State.REPORTED), "the result is recorded")
        assert hub.results[1][0].outcome == "success"


async def test_a_cancel_that_overtakes_its_order_still_stops_it(hub: HubOnLoopback, trade: Trade) -> None:
    async with trade() as trader:
        await hub.say(Cancel(1, "changed my mind"))
        await hub.push(hub.order(1))
        await eventually(lambda: trader.is_in(1, State.REPORTED), "the result is recorded")
        assert hub.results[1][0].outcome == "rejected"


async def test_nobody_decides_in_time(hub: HubOnLoopback, trade: Trade) -> None:
    async def think(_order: Order, _approved: Approved) -> Refused | None:
        await asyncio.Event().wait()
        return None

    async with trade(decide=think):
        await hub.push(hub.order(1, valid_s=1))
        await eventually(lambda: hub.results[1], "a result came")
        assert hub.results[1][0].outcome == "expired"


async def test_a_halt_stands_until_it_is_lifted_also_over_a_restart(hub: HubOnLoopback, trade: Trade) -> None:
    async with trade() as trader:
        await hub.say(HaltMessage(4, "flash crash"))
        await hub.push(hub.order(1))
        await eventually(lambda: trader.is_in(1, State.REPORTED), "the result is recorded")
        assert (hub.results[1][0].outcome, hub.results[1][0].message) == ("rejected", "halted: flash crash")
        assert hub.halted == [4]
    hub.halt = Halt(4, "flash crash")
    hub.times = 0
    async with trade() as trader:
        assert hub.hellos[-1].halt_epoch == 4
        await hub.push(hub.order(2))
        await eventually(lambda: hub.results[2], "a result came")
        assert hub.results[2][0].outcome == "rejected"
        await hub.say(Resume(3, "an older one"))
        await hub.say(Resume(4, "calm again"))
        await hub.push(hub.order(3))
        await eventually(lambda: hub.results[3], "a result came")
        assert hub.results[3][0].outcome == "success"
        assert [event.reason for event in trader.told(events.HaltChanged)] == [None]


async def test_a_halt_counts_also_while_the_trader_thinks(hub: HubOnLoopback, trade: Trade) -> None:
    asked, agreed = asyncio.Event(), asyncio.Event()

    async def think(_order: Order, _approved: Approved) -> Refused | None:
        asked.set()
        await agreed.wait()
        return None

    async with trade(decide=think) as trader:
        await hub.push(hub.order(1))
        await asyncio.wait_for(asked.wait(), 10)
        await hub.say(HaltMessage(1, "flash crash"))
        await eventually(lambda: trader.told(events.HaltChanged), "the halt is known")
        agreed.set()
        await eventually(lambda: hub.results[1], "a result came")
        assert hub.results[1][0].message == "halted: flash crash"
        assert trader.exchange.positions(1) == 0


async def test_what_is_not_recorded_is_repeated_after_a_reconnect(hub: HubOnLoopback, trade: Trade) -> None:
    hub.records = False
    async with trade() as trader:
        await hub.push(hub.order(1))
        await eventually(lambda: hub.results[1], "the result came")
        hub.records = True
        await hub.close(closes.RESTARTING)
        await eventually(lambda: trader.is_in(1, State.REPORTED), "the result is recorded")
        assert hub.hellos[-1].have == [1]
        assert (len(hub.acks[1]), len(hub.results[1])) == (1, 2), "a result says more than an ack"
        assert trader.exchange.positions(1) == 1


async def test_replaced_while_executing_the_result_goes_over_http(hub: HubOnLoopback, trade: Trade) -> None:
    hub.http_failures = 1
    async with trade(paper_latency_s=0.4) as trader:
        await hub.push(hub.order(1))
        await eventually(lambda: trader.is_in(1, State.SUBMITTING), "it is on its way")
        await hub.close(closes.SESSION_REPLACED)
        ended = await asyncio.wait_for(trader.run, 20)
        assert ended.end is End.REPLACED
        assert hub.results == {}
        assert hub.by_http[1]["success"] is True
        assert hub.by_http[1]["outcome"] == "success"
        assert hub.by_http[1]["data"]["stake"] == "5"
        assert trader.told(events.Reported)
        assert hub.handshakes == 1


async def test_a_stop_finishes_what_is_executing_and_says_goodbye(hub: HubOnLoopback, trade: Trade) -> None:
    async with trade(paper_latency_s=0.3) as trader:
        await hub.push(hub.order(1))
        await eventually(lambda: trader.is_in(1, State.SUBMITTING), "it is on its way")
        ended = await trader.stop()
        assert ended.end is End.STOPPED
        assert hub.results[1][0].outcome == "success"
        assert hub.by_http == {}
        await eventually(lambda: hub.goodbyes == [1000], "the goodbye is heard")


async def test_a_session_lasts_as_long_as_it_is_good_for(hub: HubOnLoopback, trade: Trade) -> None:
    async with trade(session_s=1) as trader:
        ended = await asyncio.wait_for(trader.run, 20)
        assert ended.end is End.SESSION_OVER


async def test_a_refused_login_says_why(hub: HubOnLoopback, trade: Trade) -> None:
    hub.refuses_login = 403
    async with trade() as trader:
        ended = await asyncio.wait_for(trader.run, 20)
        assert (ended.end, ended.reason) == (End.REFUSED, "no login for you")


async def test_one_journal_belongs_to_one_process(hub: HubOnLoopback, trade: Trade) -> None:
    async with trade():
        with pytest.raises(JournalBusy, match="already running"):
            async with trade():
                pass


async def test_a_hub_that_is_not_there_yet_is_waited_for(hub: HubOnLoopback, trade: Trade) -> None:
    await hub.stop()
    async with trade(connected=False) as trader:
        await eventually(lambda: trader.told(events.Disconnected), "a try failed")
        await hub.start()
        await eventually(lambda: trader.told(events.Connected), "it is connected")
        await hub.stop()
        await eventually(lambda: len(trader.told(events.Disconnected)) > 1, "the loss is noticed")
        await hub.start()
        await eventually(lambda: hub.seats, "the agent is back")
        await hub.push(hub.order(1))
        await eventually(lambda: trader.is_in(1, State.REPORTED), "the result is recorded")


async def test_the_hubs_id_moves_the_folder_of_its_address_with_all_that_is_in_it(
    hub: HubOnLoopback, trade: Trade, tmp_path: Any
) -> None:
    async with trade() as trader:
        await hub.push(hub.order(1))
        await eventually(lambda: trader.is_in(1, State.REPORTED), "the result is recorded")
        device_id = trader.agent.device_id
        await trader.stop()
    hub.times, hub.hub_id = 0, "3f9a0c51d2b84e6f"
    async with trade() as trader:
        assert trader.entry(1).outcome == "success"
        assert trader.agent.device_id == device_id == hub.hellos[-1].device_id
        assert [folder.parent.name for folder in (tmp_path / "data" / "accounts").glob("*/*")] == [hub.hub_id]
        assert len(hub.logins) == 2
        await hub.push(hub.order(2))
        await eventually(lambda: trader.is_in(2, State.REPORTED), "the journal works where it is now")


async def test_a_changed_address_finds_the_journal_and_the_device_again(
    hub: HubOnLoopback, trade: Trade, tmp_path: Path
) -> None:
    hub.hub_id, accounts = "3f9a0c51d2b84e6f", Accounts(tmp_path / "data")
    async with trade() as trader:
        await hub.push(hub.order(1))
        await eventually(lambda: trader.is_in(1, State.REPORTED), "the result is recorded")
        device_id = trader.agent.device_id
        await trader.stop()
    hub.times = 0
    async with trade(server=hub.url.replace("127.0.0.1", "localhost")) as trader:
        assert trader.entry(1).outcome == "success"
        assert trader.agent.device_id == device_id == hub.hellos[-1].device_id
        assert [login["device_id"] == device_id for login in hub.logins] == [True, False, True]
        assert len(accounts.journals()) == 1, "nothing is left of the folder that stood for the new address"


async def test_a_changed_address_finds_limits_and_session_and_reports_what_was_not(
    hub: HubOnLoopback, trade: Trade, exchange: Exchange, tmp_path: Path
) -> None:
    hub.hub_id, vault = "3f9a0c51d2b84e6f", MemoryVault()
    accounts, owner = Accounts(tmp_path / "data"), Owner(hub.url, "alice")
    accounts.learn(hub.url, hub.hub_id)
    accept_live(tmp_path / "data", hub.url, "alice", exchange.url)
    vault.put(accounts.keys(owner)[0], "exchange_session", msgspec.json.encode(exchange.log_in()).decode())
    hub.records, live = False, {"driver": "binance-web", "binance_url": exchange.url, "vault": vault}
    async with trade(**live) as trader:
        trader.agent.controls.set_rule("orders_per_hour", "2")
        await hub.push(hub.order(1))
        await eventually(lambda: hub.results[1], "the result came, and is not recorded")
    hub.records, hub.times = True, 0
    async with trade(server=hub.url.replace("127.0.0.1", "localhost"), **live) as trader:
        await eventually(lambda: trader.is_in(1, State.REPORTED), "what was not reported is")
        for number in (2, 3):
            await hub.push(hub.order(number))
            await eventually(lambda number=number: trader.is_in(number, State.REPORTED), "it is reported")
    said = [(hub.results[number][0].outcome, hub.results[number][0].message) for number in (2, 3)]
    assert said == [("success", ""), ("rejected", "orders_per_hour: 2 in the last hour, at most 2")]
    assert len(exchange.witness.orders) == 2


async def test_what_a_dead_agent_left_gets_home_although_the_account_was_disabled_meanwhile(
    hub: HubOnLoopback, trade: Trade
) -> None:
    vault = MemoryVault()
    hub.records = False
    async with trade(vault=vault) as trader:
        await hub.push(hub.order(1))
        await eventually(lambda: hub.results[1], "the result came, and is not recorded")
    hub.refuses_login = 403
    async with trade(vault=vault, connected=False) as trader:
        ended = await asyncio.wait_for(trader.run, 20)
        assert (ended.end, hub.by_http[1]["outcome"]) == (End.REFUSED, "success")
        assert hub.devices_by_http[1] == trader.agent.device_id
        assert vault.get(vault_key(hub), "hub_token") is None


async def test_the_token_is_kept_while_there_may_be_something_to_report_and_no_longer(
    hub: HubOnLoopback, trade: Trade
) -> None:
    vault = MemoryVault()
    async with trade(vault=vault) as trader:
        token = f"token of alice on {trader.agent.device_id}"
        await eventually(lambda: vault.get(vault_key(hub), "hub_token") == token, "it is kept")
        await hub.push(hub.order(1))
        await eventually(lambda: trader.is_in(1, State.REPORTED), "the result is recorded")
        await trader.stop()
        assert vault.get(vault_key(hub), "hub_token") is None


async def test_without_a_vault_that_works_it_trades_all_the_same(hub: HubOnLoopback, trade: Trade) -> None:
    class Locked(MemoryVault):
        def get(self, account_key: str, kind: Any) -> str | None:
            raise VaultUnavailable("locked")

        def put(self, account_key: str, kind: Any, secret: str) -> None:
            raise VaultUnavailable("locked")

        def drop(self, account_key: str, kind: Any) -> None:
            raise VaultUnavailable("locked")

    hub.refuses_login = 403
    async with trade(vault=Locked(), connected=False) as trader:
        assert (await asyncio.wait_for(trader.run, 20)).end is End.REFUSED
    hub.refuses_login = None
    async with trade(vault=Locked()) as trader:
        await hub.push(hub.order(1))
        await eventually(lambda: trader.is_in(1, State.REPORTED), "the result is recorded")
        assert (await trader.stop()).end is End.STOPPED


def vault_key(hub: HubOnLoopback) -> str:
    return f"{by_address(hub.url)}/alice"


async def test_at_the_start_what_another_journal_of_the_user_has_not_reported_is_reported(
    hub: HubOnLoopback, trade: Trade, tmp_path: Path
) -> None:
    """Journals of two addresses of one hub, known before it told its id: each had a device of its own."""
    hub.hub_id = "3f9a0c51d2b84e6f"
    accounts = Accounts(tmp_path / "data")
    elsewhere = Owner(hub.url.replace("127.0.0.1", "localhost"), "alice")
    assert accounts.learn(elsewhere.server, hub.hub_id)
    old = Journal(tmp_path / "data" / "users" / elsewhere.slug_of_0_1, elsewhere)
    wall_ms = hub.now_ms()
    submission = Submission("paper", Mode.PAPER, Decimal(5), Decimal("0.80"), wall_ms, wall_ms)
    for number in (1, 2, 3, 4):
        past = hub.order(number, expires_ms=wall_ms - 1)
        old.note_received(past, HubTime(wall_ms, 1), "paper", Mode.PAPER)
    for number in (1, 2, 4):
        old.note_submitting(number, submission)
    old.note_outcome(1, Conclusion("success", wall_ms))
    old.note_outcome(4, Conclusion("failed", wall_ms))
    old.note_recorded(4, "failed")
    device_id = accounts.device_of(old)
    old.close()
    mine = Journal(accounts.folder(Owner(hub.url, "alice")), Owner(hub.url, "alice"))
    mine.close()
    async with trade() as trader:
        outcomes = {number: result["outcome"] for number, result in hub.by_http.items()}
        assert outcomes == {1: "success", 2: "unknown", 3: "expired"}
        assert set(hub.devices_by_http.values()) == {device_id}
        assert trader.agent.device_id != device_id
        assert hub.logins[-1]["device_id"] == hub.hellos[-1].device_id == trader.agent.device_id
    before = len(hub.logins)
    hub.times = 0
    async with trade():
        assert len(hub.logins) == before + 1


async def test_fifty_agents_live_in_one_loop(hub: HubOnLoopback, settings: Any, tmp_path: Any) -> None:
    traders = [
        Trader(build(settings(hub.url, data_dir=tmp_path / str(number)), Credentials(f"u{number}", hub.password)))
        for number in range(50)
    ]
    await eventually(lambda: len(hub.seats) == 50, "all are connected", 30)
    await hub.push(hub.order(1))
    await eventually(lambda: all(trader.is_in(1, State.REPORTED) for trader in traders), "all have reported", 30)
    assert len(hub.results[1]) == 50
    ended = await asyncio.gather(*(trader.stop() for trader in traders))
    assert {one.end for one in ended} == {End.STOPPED}
