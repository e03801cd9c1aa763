"""Planted secrets, looked for wherever the real programs leave anything: files, lines, process lists, messages."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.model.engine import State
from agent.vault import FILE_NAME as VAULT
from tests.exchange.account import Session
from tests.exchange.server import Exchange
from tests.services.waiting import eventually

from .hub_on_loopback import HubOnLoopback
from .live_agent import LiveAgent

MARKS = {
    "password": "MARKpassword-1",
    "token": "MARKtoken-2",
    "csrftoken": "MARKcsrf-3" + "c" * 22,
    "cookie": "web.1.MARKcookie-4",
    "passphrase": "MARKpassphrase-5",
}
FAULTS = ("echo", "half-an-answer", "html", "cut-after-reading", "ratio-changed")


@pytest.fixture
async def agent(hub: HubOnLoopback, exchange: Exchange, tmp_path: Path) -> AsyncIterator[LiveAgent]:
    hub.password, hub.token_mark = MARKS["password"], MARKS["token"]
    exchange.account.sessions[MARKS["cookie"]] = Session(MARKS["csrftoken"], MARKS["cookie"], None)
    (tmp_path / "passphrase").write_text(MARKS["passphrase"] + "\n")
    agent = LiveAgent(tmp_path / "device", hub.url, "alice", hub.password, "--driver=binance-web", "--save-password")
    agent.exchange = exchange.url
    yield agent
    agent.kill()


def process_list() -> str:
    """The arguments and the environment of every process of this computer that may be read."""
    texts = []
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                texts.append((process / name).read_text(errors="replace"))
            except OSError:
                continue
    return "\n".join(texts)


async def test_no_planted_mark_is_found_anywhere_but_in_the_vaults_ciphertext(
    hub: HubOnLoopback, exchange: Exchange, agent: LiveAgent
) -> None:
    session = {"csrftoken": MARKS["csrftoken"], "p20t": MARKS["cookie"]}
    said = agent.gets_ready(session, loss_per_day="100", orders_per_day="100")
    await asyncio.to_thread(agent.start)
    await eventually(lambda: hub.times, "the agent is connected")
    for number, fault in enumerate(FAULTS, 1):
        exchange.faults.arm(fault, times=1)
        await hub.push(hub.order(number))
        await eventually(lambda number=number: hub.results[number], f"the result after {fault}")
    processes = process_list()
    agent.kill()
    await asyncio.to_thread(agent.start)
    await eventually(lambda: len(hub.hellos) == 2 and hub.seats, "it is there again")
    exchange.account.end_sessions()
    await hub.push(hub.order(10))
    await eventually(lambda: agent.is_in(10, State.REPORTED), "the order of an ended session is reported")
    said += [agent.says(*command) for command in (("history",), ("history", "--json"), ("limits", "why", "1"))]
    assert await asyncio.to_thread(agent.stop) == 0
    heard = repr([hub.hellos, hub.results, hub.acks, hub.settled, hub.halts, hub.by_http])
    places = {"words": "\n".join(said), "processes": processes, "messages": heard, "log": agent.log()}
    files = {str(file): file.read_bytes() for file in agent.directory.rglob("*") if file.is_file()}
    assert "order received" in places["log"]
    assert str(agent.data_dir) in processes, "the agent was in the list"
    assert any(file.endswith(f"/{VAULT}") for file in files)
    assert MARKS["cookie"] in repr(exchange.witness.seen), "the session was used"
    for name, mark in MARKS.items():
        assert [place for place, text in places.items() if mark in text] == [], name
        assert [file for file, held in files.items() if mark.encode() in held] == [], name
