"""The real program, killed and stopped at every step: nothing is lost, nothing is placed twice."""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from agent.drivers import paper
from agent.model.account import Owner
from agent.model.clock import HubTime
from agent.model.engine import Entry, Mode, State
from agent.trading.accounts import Accounts
from agent.trading.journal import FILE_NAME, Journal, JournalBroken
from protocol import closes
from protocol.messages import Cancel, Order
from tests.agent.hub_on_loopback import HubOnLoopback
from tests.services.agent_process import AgentProcess
from tests.services.waiting import eventually


class SlowAgent(AgentProcess):
    """An agent whose paper exchange is far away, so that there is time to kill it on the way."""

    latency_s = 0.0
    keyring = "null"
    options: tuple[str, ...] = ()
    settings: Mapping[str, str] = MappingProxyType({})

    def command(self) -> list[str]:
        command = super().command()
        if "--password-file" in self.options:
            command.remove("--password-stdin")
        return [*command, *self.options]

    def environment(self) -> dict[str, str]:
        backend = f"keyring.backends.{self.keyring}.Keyring"
        latency = {"AGENT_PAPER_LATENCY_S": str(self.latency_s)}
        return {**super().environment(), **latency, "PYTHON_KEYRING_BACKEND": backend, **self.settings}

    @property
    def folder(self) -> Path:
        return Accounts(self.data_dir).folder(Owner(self.server, self.user))

    def entry(self, order_id: int) -> Entry | None:
        """What its journal tells, while it runs or when it is dead."""
        if not (self.folder / FILE_NAME).exists():
            return None
        try:
            journal = Journal(self.folder, mode="read")
        except JournalBroken:
            return None  # it is being made
        try:
            return journal.entry(order_id)
        finally:
            journal.close()

    def is_in(self, order_id: int, state: State) -> bool:
        entry = self.entry(order_id)
        return entry is not None and entry.state is state

    def positions(self, order_id: int) -> int:
        """How many requests for the order have reached the paper exchange."""
        with sqlite3.connect(self.folder / paper.FILE_NAME) as db:
            row = db.execute("SELECT count(*) FROM requests WHERE order_id = ?", (order_id,)).fetchone()
        return int(row[0])


@pytest.fixture
def agent(hub: HubOnLoopback, tmp_path: Path) -> Iterator[SlowAgent]:
    agent = SlowAgent(tmp_path / "device", hub.url, "alice", hub.password, "--paper-speed=10000")
    yield agent
    agent.kill()


async def started(agent: SlowAgent, hub: HubOnLoopback) -> None:
    seen = hub.times
    await asyncio.to_thread(agent.start)
    await eventually(lambda: hub.times > seen, "the agent is connected")


Moment = Callable[[SlowAgent, HubOnLoopback], bool]

BEFORE_THE_EXCHANGE_HAS_IT: Moment = lambda agent, hub: agent.is_in(1, State.SUBMITTING)  # noqa: E731
WHEN_THE_EXCHANGE_HAS_IT: Moment = lambda agent, hub: (  # noqa: E731
    agent.is_in(1, State.SUBMITTING) and agent.positions(1) == 1
)
BEFORE_THE_RESULT_IS_RECORDED: Moment = lambda agent, hub: bool(hub.results[1])  # noqa: E731


@pytest.mark.parametrize(
    ("moment", "latency_s", "outcome", "positions"),
    [
        (BEFORE_THE_EXCHANGE_HAS_IT, 20, "unknown", 0),
        (WHEN_THE_EXCHANGE_HAS_IT, 2, "success", 1),
        (BEFORE_THE_RESULT_IS_RECORDED, 0, "success", 1),
    ],
    ids=["before the exchange has it", "when the exchange has it", "before the result is recorded"],
)
async def test_killed_and_started_again_it_places_nothing_twice_and_loses_nothing(
    hub: HubOnLoopback, agent: SlowAgent, moment: Moment, latency_s: float, outcome: str, positions: int
) -> None:
    hub.records = False
    agent.latency_s = latency_s
    await started(agent, hub)
    order = hub.order(1)
    await hub.push(order)
    await eventually(lambda: moment(agent, hub), "the moment to kill it")
    await asyncio.to_thread(agent.kill)
    hub.records = True
    hub.results.clear()
    agent.latency_s = 0
    await started(agent, hub)
    assert hub.hellos[-1].have == [1]
    await hub.push(order)
    await eventually(lambda: agent.is_in(1, State.REPORTED), "the result is recorded")
    assert {result.outcome for result in hub.results[1]} == {outcome}
    assert agent.positions(1) == positions
    assert hub.hellos[0].device_id == hub.hellos[1].device_id


def left_behind(agent: SlowAgent, order: Order) -> None:
    """The journal of an agent that was killed between `received` and `submitting`: too short a moment to hit."""
    journal = Journal(agent.folder, Owner(agent.server, agent.user))
    journal.note_received(order, HubTime(order.created_ms, 5), "paper", Mode.PAPER)
    journal.close()


@pytest.mark.parametrize(
    ("is_cancelled", "expires_in_ms", "outcome", "positions"),
    [(False, 60_000, "success", 1), (True, 60_000, "rejected", 0), (False, -1, "expired", 0)],
    ids=["in window", "cancelled meanwhile", "late"],
)
async def test_what_was_only_received_goes_on_where_it_may(
    hub: HubOnLoopback, agent: SlowAgent, is_cancelled: bool, expires_in_ms: int, outcome: str, positions: int
) -> None:
    left_behind(agent, hub.order(1, expires_ms=hub.now_ms() + expires_in_ms))
    if is_cancelled:
        hub.after_welcome = [Cancel(1, "meanwhile")]
    await started(agent, hub)
    await eventually(lambda: agent.is_in(1, State.REPORTED), "the result is recorded")
    assert hub.results[1][0].outcome == outcome
    assert agent.positions(1) == positions


async def test_sigterm_ends_it_cleanly_and_its_lines_hold_no_secret(hub: HubOnLoopback, agent: SlowAgent) -> None:
    agent.latency_s = 1
    await started(agent, hub)
    await hub.push(hub.order(1))
    await eventually(lambda: agent.is_in(1, State.SUBMITTING), "it is on its way")
    assert await asyncio.to_thread(agent.stop) == 0
    assert hub.results[1][0].outcome == "success"
    assert hub.goodbyes == [1000]
    log = agent.log()
    assert "order received" in log
    assert "how=stopped" in log
    assert hub.password not in log
    assert "token of alice" not in log
    history = agent.cli("history", "--data-dir", str(agent.data_dir), "--json")
    assert '"outcome": "success"' in history


async def test_sigterm_does_not_wait_longer_than_it_may(hub: HubOnLoopback, agent: SlowAgent) -> None:
    agent.latency_s, agent.settings = 20, {"AGENT_STOP_GRACE_S": "0.2"}
    await started(agent, hub)
    await hub.push(hub.order(1))
    await eventually(lambda: agent.is_in(1, State.SUBMITTING), "it is on its way")
    assert await asyncio.to_thread(agent.stop) == 0
    agent.latency_s = 0
    await started(agent, hub)
    await eventually(lambda: agent.is_in(1, State.REPORTED), "what was under way is reported")
    assert hub.results[1][-1].outcome == "unknown"
    assert agent.positions(1) == 0


@pytest.mark.parametrize("source", ["a file", "the vault"])
async def test_a_login_that_is_over_is_followed_by_another_where_the_password_is_at_hand(
    hub: HubOnLoopback, agent: SlowAgent, tmp_path: Path, source: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(f"{hub.password}\n")
    secret.chmod(0o600)
    if source == "a file":
        agent.options = ("--password-file", str(secret))
    else:
        agent.options, agent.settings = ("--save-password",), {"AGENT_VAULT_PASSPHRASE_FILE": str(secret)}
    await started(agent, hub)
    for logins in (2, 3):
        await hub.close(closes.TOKEN_EXPIRED)
        await eventually(lambda logins=logins: len(hub.hellos) == logins and hub.seats, "it is back")
        await hub.push(hub.order(logins))
        await eventually(lambda logins=logins: agent.is_in(logins, State.REPORTED), "it places")
    assert (len(hub.logins), agent.positions(2), agent.positions(3)) == (3, 1, 1)
    assert len({login["device_id"] for login in hub.logins}) == 1
    assert await asyncio.to_thread(agent.stop) == 0
    assert hub.goodbyes[-1] == 1000, "SIGTERM reaches the agent of the latest login"


async def test_a_login_that_is_over_without_a_password_at_hand_ends_it_and_says_what_to_do(
    hub: HubOnLoopback, agent: SlowAgent
) -> None:
    await started(agent, hub)
    await hub.close(closes.TOKEN_EXPIRED)
    await eventually(lambda: not agent.is_running(), "it ends")
    assert agent.exit_code == 4
    last = agent.log().splitlines()[-1]
    assert last == (
        "agent: The login is over. Start the agent again; with --save-password or --password-file it logs in again by "
        "itself."
    )


async def test_for_a_service_each_line_is_json_and_names_its_kind(hub: HubOnLoopback, agent: SlowAgent) -> None:
    agent.options, agent.settings = ("--log-format", "json"), {"AGENT_LANGUAGE": "zh_CN"}
    await started(agent, hub)
    await hub.push(hub.order(1))
    await eventually(lambda: agent.is_in(1, State.REPORTED), "it places")
    assert await asyncio.to_thread(agent.stop) == 0
    lines = [json.loads(line) for line in agent.log().splitlines() if line.startswith("{")]
    kinds = [line["kind"] for line in lines]
    assert kinds[:3] == ["LoggedIn", "Connected", "OrderReceived"]
    assert kinds[-1] == "SessionEnded"
    assert {"Executed", "Reported"} <= set(kinds)
    assert all(line["timestamp"].endswith("Z") and line["level"] == "info" for line in lines)


async def test_paper_from_a_fresh_home_with_a_failing_keyring_works_and_says_where_the_login_went(
    hub: HubOnLoopback, agent: SlowAgent
) -> None:
    agent.keyring = "fail"
    await started(agent, hub)
    await hub.push(hub.order(1))
    await eventually(lambda: agent.is_in(1, State.REPORTED), "the result is recorded")
    assert hub.results[1][0].outcome == "success"
    assert await asyncio.to_thread(agent.stop) == 0
    sentences = [said for said in agent.log().splitlines() if "keyring" in said.lower()]
    assert sentences == [
        "agent: The login is kept in memory only, and is gone when the agent ends (no keyring works here)."
    ]


async def test_a_replaced_agent_says_so_and_exits_with_1(hub: HubOnLoopback, agent: SlowAgent) -> None:
    await started(agent, hub)
    await hub.close(closes.SESSION_REPLACED)
    await eventually(lambda: not agent.is_running(), "it ends")
    assert agent.exit_code == 1
    assert "how=replaced" in agent.log()
    assert "Logged in elsewhere: this computer places nothing any more." in agent.log()
