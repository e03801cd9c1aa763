"""`tests/kit/foreign_agent.py`, written from `protocol/README.md` alone, plays the rows of that page's tables.

Against a real hub, and against one that says what no page has yet.
"""

import asyncio
import json
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from protocol import closes
from protocol.messages import CAUGHT_UP, SETTLED, Cancel, CaughtUp, Error, Halt, HaltMessage, Recorded, Resume
from tests.agent.hub_on_loopback import HubOnLoopback, hub_on_loopback
from tests.kit.raw import PASSWORD, Answer, Client, RunningHub, User, good_order
from tests.services.process import ROOT
from tests.services.waiting import eventually, wait_until

SCRIPT = ROOT / "tests" / "kit" / "foreign_agent.py"
LINES = 120


class Foreign:
    """The program, and what its journal says."""

    def __init__(self, folder: Path, url: str, user: str, password: str) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self._given, self._password = folder, [url, user, str(folder)], password
        self.start()

    def start(self) -> None:
        # Isolated: it finds nothing of this project, even if it wanted to.
        command = [sys.executable, "-I", str(SCRIPT), *self._given]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdin is not None
        self.process.stdin.write(self._password + "\n")
        self.process.stdin.close()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def is_over(self) -> bool:
        return self.process.poll() is not None

    def said(self) -> str:
        """What it said as it ended."""
        assert self.process.stdout is not None
        return self.process.stdout.read().strip()

    def ended(self) -> str:
        wait_until(self.is_over, "it ends")
        return self.said()

    def book(self) -> dict[str, Any]:
        with closing(sqlite3.connect(self.folder / "journal")) as db:
            return dict(json.loads(db.execute("SELECT book FROM journal").fetchone()[0]))

    def entry(self, order_id: int) -> dict[str, Any]:
        return dict(self.book()["orders"].get(str(order_id), {}))

    def placed(self) -> list[int]:
        file = self.folder / "exchange"
        return [int(line) for line in file.read_text().split()] if file.exists() else []


StartForeign = Callable[..., Foreign]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[StartForeign]:
    with ExitStack() as stack:

        def begin(url: str, user: str, password: str = PASSWORD, name: str = "foreign") -> Foreign:
            agent = Foreign(tmp_path / name, url, user, password)
            stack.callback(agent.kill)
            return agent

        yield begin


@pytest.fixture
def real(embedded_hub: RunningHub) -> Iterator[Client]:
    with closing(Client(embedded_hub)) as client:
        yield client


@pytest.fixture
async def other() -> AsyncIterator[HubOnLoopback]:
    async with hub_on_loopback() as hub:
        hub.heartbeat_s, hub.features = 1, [CAUGHT_UP, SETTLED, "tea"]
        hub.after_welcome = [CaughtUp()]
        yield hub


def _publish(client: Client, user: User, seconds: int = 300, **terms: str) -> int:
    body = good_order(seconds) | {"targets": [user.id]} | terms
    return int(client.ask("POST", "/api/orders/create", body).data["order_id"])


def _is_connected(client: Client, user: User) -> bool:
    return any(agent["user_id"] == user.id for agent in client.ask("GET", "/api/admin/agents").data["list"])


def _outcome(client: Client, order_id: int) -> str | None:
    return next((row["outcome"] for row in client.order(order_id)["assignments"]), None)


def test_it_is_short_and_knows_nothing_of_ours() -> None:
    code = [line for line in SCRIPT.read_text().splitlines()[1:] if line.strip()]
    imports = [line for line in code if line.startswith(("import ", "from "))]
    assert len(code) - len(imports) < LINES
    assert not [line for line in imports if line.split()[1].partition(".")[0] in ("hub", "agent", "protocol", "tests")]


def test_on_a_real_hub_each_outcome_is_recorded_and_each_order_placed_once(real: Client, start: StartForeign) -> None:
    user = real.user()
    early = _publish(real, user)
    agent = start(real.hub.url, user.name)
    symbols = {"success": "BTCUSDT", "failed": "ETHUSDT", "rejected": "DOGEUSDT", "unknown": "BNBUSDT"}
    wait_until(lambda: _outcome(real, early) == "success", "what it missed is placed")
    orders = {outcome: _publish(real, user, symbol_name=symbol) for outcome, symbol in symbols.items()}
    for outcome, order_id in orders.items():
        wait_until(lambda outcome=outcome, order_id=order_id: _outcome(real, order_id) == outcome, outcome)
        wait_until(lambda order_id=order_id: agent.entry(order_id)["reported"] == 200, "recorded")
    assert agent.placed() == [early, orders["success"], orders["failed"], orders["unknown"]]
    row = real.order(early)["assignments"][0]
    assert row["acked_ms"] is not None
    wait_until(lambda: real.order(early)["assignments"][0]["settlement"] == "tie estimated", "how it settled")
    agent.kill()
    agent.start()
    wait_until(lambda: _is_connected(real, user), "it is back")
    assert agent.placed() == [early, orders["success"], orders["failed"], orders["unknown"]]


def _disable(client: Client, user: User) -> Answer:
    return client.ask("PUT", f"/api/admin/users/{user.id}/status", {"status": 3})


def _expire(client: Client, user: User) -> Answer:
    return client.ask("PUT", f"/api/admin/users/{user.id}/expire", {"expire_at": "2020-01-01 00:00:00"})


def _elsewhere(client: Client, user: User) -> Answer:
    return client.login(user, "another")


@pytest.mark.parametrize(
    ("end", "close"),
    [(_elsewhere, closes.SESSION_REPLACED), (_expire, closes.ACCOUNT_EXPIRED), (_disable, closes.ACCOUNT_DISABLED)],
    ids=lambda value: getattr(value, "name", ""),
)
def test_on_a_real_hub_it_goes_when_it_is_told_to(
    real: Client, start: StartForeign, end: Callable[[Client, User], Answer], close: closes.Close
) -> None:
    user = real.user()
    agent = start(real.hub.url, user.name)
    wait_until(lambda: _is_connected(real, user), "it is connected")
    assert end(real, user).status == 200
    assert agent.ended() == f"ended by {close.code}"
    if close is not closes.SESSION_REPLACED:
        assert start(real.hub.url, user.name, name="again").ended() == "ended by 403"


def test_on_a_real_hub_a_wrong_password_ends_it(real: Client, start: StartForeign) -> None:
    assert start(real.hub.url, real.user().name, "a wrong password").ended() == "ended by 401"


def _begin(hub: HubOnLoopback, start: StartForeign, name: str = "foreign") -> Foreign:
    return start(hub.url, "alice", hub.password, name)


async def test_each_close_code_is_obeyed(start: StartForeign) -> None:
    """Each by a hub of its own, all at once; what the agent could not report it hands in over HTTP as it goes."""
    async with AsyncExitStack() as stack:
        hubs = {close: await stack.enter_async_context(hub_on_loopback()) for close in closes.CLOSES.values()}
        for hub in hubs.values():
            hub.records = False
        agents = {close: _begin(hub, start, close.name) for close, hub in hubs.items()}

        async def obeys(close: closes.Close) -> None:
            hub = hubs[close]
            await eventually(lambda: hub.times, "the clock is read")
            await hub.push(hub.order(1))
            await eventually(lambda: hub.results[1], "it reports")
            await hub.close(close)
            if close.retry:
                await eventually(lambda: len(hub.hellos) == 2, f"it is back after {close.name}")
                assert (hub.hellos[1].have, len(hub.logins), hub.by_http) == ([1], 1, {})
            else:
                await eventually(agents[close].is_over, f"it ends with {close.name}")
                assert agents[close].said() == f"ended by {close.code}"
                assert (len(hub.hellos), hub.by_http[1]["outcome"]) == (1, "success")

        await asyncio.gather(*(obeys(close) for close in closes.CLOSES.values()))


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_a_refused_handshake_ends_it(other: HubOnLoopback, start: StartForeign, status: int) -> None:
    other.refuses_sockets = status
    agent = _begin(other, start)
    await eventually(agent.is_over, "it ends")
    assert (agent.said(), other.handshakes) == (f"ended by {status}", 1)


async def test_it_waits_for_a_hub_without_a_store_at_the_login_at_the_handshake_and_over_http(
    other: HubOnLoopback, start: StartForeign
) -> None:
    other.refuses_login = other.refuses_sockets = 503
    other.records = False
    agent = _begin(other, start)
    await eventually(lambda: other.logins, "it logs in")
    other.refuses_login = 429
    await eventually(lambda: len(other.logins) > 1, "it logs in again")
    other.refuses_login = None
    await eventually(lambda: other.handshakes, "it knocks")
    other.refuses_sockets = None
    await eventually(lambda: other.times, "it is connected")
    await other.push(other.order(1))
    await eventually(lambda: other.results[1], "it reports")
    other.http_failures = 2
    await other.close(closes.SESSION_REPLACED)
    await eventually(agent.is_over, "it ends")
    assert other.by_http[1]["outcome"] == "success"


async def test_each_error_about_a_result_is_taken_as_the_page_says(other: HubOnLoopback, start: StartForeign) -> None:
    codes = {1: "UNKNOWN_ORDER", 2: "NOT_YOURS", 3: "UNAVAILABLE"}
    for order_id, code in codes.items():
        other.errors[order_id] = [Error(code, "", order_id)]
    agent = _begin(other, start)
    await eventually(lambda: other.times, "it is connected")
    for order_id in codes:
        await other.push(other.order(order_id))
    await eventually(lambda: len(other.results[3]) == 2, "what was unavailable is said again")
    await eventually(lambda: agent.entry(3)["reported"] == 200, "and recorded")
    assert [agent.entry(order_id)["reported"] for order_id in (1, 2)] == ["UNKNOWN_ORDER", "NOT_YOURS"]
    assert (len(other.results[1]), len(other.results[2])) == (1, 1)


async def test_halt_resume_cancel_and_what_the_hub_knows_better(other: HubOnLoopback, start: StartForeign) -> None:
    other.halt = Halt(3, "maintenance")
    agent = _begin(other, start)
    await eventually(lambda: other.times, "it is connected")
    await other.push(other.order(1))
    await eventually(lambda: other.results[1], "halted")
    await other.say(Resume(3, "all well"))
    await other.say(HaltMessage(2, "old news"))
    await other.push(other.order(2))
    await eventually(lambda: other.results[2], "resumed")
    await other.push(other.order(3, expires_ms=other.now_ms() - 1))
    await eventually(lambda: other.results[3], "late")
    await eventually(lambda: agent.entry(3)["reported"] == 200, "it is through")
    assert [other.results[number][0].outcome for number in (1, 2, 3)] == ["rejected", "success", "expired"]
    assert (other.halted, agent.placed()) == ([3], [2])
    await asyncio.to_thread(agent.kill)
    with closing(sqlite3.connect(agent.folder / "journal")) as db, db:
        book = agent.book()
        fresh = {"symbol": "BTCUSDT", "expires_ms": 2**50, "outcome": "", "reported": 0, "cancelled": False}
        book["orders"] |= {"4": fresh, "5": fresh, "6": fresh | {"outcome": "submitting", "executed_ms": 1}, "7": fresh}
        db.execute("REPLACE INTO journal VALUES (1, ?)", [json.dumps(book)])
    other.halt, other.after_welcome = None, [Recorded(4, "success"), Cancel(5, "no"), Cancel(5, "no"), CaughtUp()]
    agent.start()
    await eventually(lambda: other.results[7], "it goes on with what it had")
    await eventually(lambda: agent.entry(7)["reported"] == 200, "it is through")
    assert other.hellos[-1].have == [4, 5, 6, 7]
    assert agent.placed() == [2, 7], "what the hub knew, what was cancelled and what was half-submitted is not placed"
    assert [other.results[number][0].outcome for number in (5, 6, 7)] == ["rejected", "unknown", "success"]
    assert other.hellos[-1].previous == other.hellos[0].start


async def test_it_submits_nothing_for_a_hub_whose_database_is_older(other: HubOnLoopback, start: StartForeign) -> None:
    agent = _begin(other, start)
    await eventually(lambda: other.times, "it is connected")
    await other.push(other.order(9))
    await eventually(lambda: other.results[9], "it places")
    other.newest_order_id = 5
    await other.close(closes.RESTARTING)
    await eventually(lambda: len(other.seats) == 1 and len(other.hellos) == 2, "it is back")
    await other.push(other.order(6))
    await eventually(lambda: other.results[6], "it reports")
    assert (other.results[6][0].outcome, agent.placed()) == ("rejected", [9])


async def test_unknown_types_and_fields_are_ignored_however_often(other: HubOnLoopback, start: StartForeign) -> None:
    agent = _begin(other, start)
    await eventually(lambda: other.times, "it is connected")
    [seat] = other.seats
    for said in ({"type": "tea", "order_id": 1}, {"type": "", "x": [1]}, {"type": "order_2", "order": {}}):
        for _ in range(5):
            await seat.socket.send_str(json.dumps(said))
    await other.push(other.order(1))
    await eventually(lambda: other.results[1], "it goes on")
    order = {"id": 2, "symbol_name": "BTCUSDT", "direction": "LONG", "time_increments": "ONE_DAY", "leverage": {"x": 9}}
    order |= {"valid_duration": 60, "created_ms": other.now_ms(), "expires_ms": other.now_ms() + 60_000}
    more = {"type": "order", "audit_head": "abc", "order": order, "sent_ms": other.now_ms(), "later": [None]}
    await seat.socket.send_str(json.dumps(more))
    await seat.socket.send_str(json.dumps({"type": "recorded", "order_id": 77, "outcome": "success"}))
    await eventually(lambda: other.results[2], "an order with more fields is placed")
    await eventually(lambda: agent.placed() == [1, 2], "both are placed")
    assert (len(other.hellos), other.goodbyes) == (1, [])
