"""A hub or an agent that a script starts in its background begins with SIGINT ignored, and keeps to that: Ctrl-C at the
script's terminal ends the script, not them."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kit.people import PASSWORD
from tests.services.agent_process import AgentProcess
from tests.services.hub_process import HubProcess, HubSettings
from tests.services.process import Process, heeding_ctrl_c, ignoring_ctrl_c
from tests.services.waiting import wait_until

Start = Callable[[HubSettings | None], HubProcess]


def test_a_hub_in_the_background_does_not_end_with_ctrl_c(start_hub: Start) -> None:
    with ignoring_ctrl_c():
        hub = start_hub(None)
    hub.interrupt()
    assert _is_shut_to_sigint(hub)
    assert hub.is_ready()
    assert hub.stop() == 0


def test_a_hub_on_a_terminal_ends_with_ctrl_c(start_hub: Start) -> None:
    with heeding_ctrl_c():
        hub = start_hub(None)
    assert not _is_shut_to_sigint(hub)
    hub.interrupt()
    assert hub.wait(20) == 0


@pytest.mark.parametrize("is_in_background", [True, False])
def test_an_agent_heeds_ctrl_c_unless_it_is_in_the_background(
    start_hub: Start, start_agent: Callable[..., AgentProcess], is_in_background: bool
) -> None:
    hub = start_hub(None)
    hub.post("/api/admin/users/create", {"username": "ann", "password": PASSWORD})
    with ignoring_ctrl_c() if is_in_background else heeding_ctrl_c():
        agent = start_agent(hub.url, "ann", PASSWORD)
    wait_until(lambda: "connected" in agent.log(), "the agent is connected")
    assert _is_shut_to_sigint(agent) is is_in_background
    agent.interrupt()
    assert (agent.stop() if is_in_background else agent.wait(20)) == 0


def _is_shut_to_sigint(process: Process) -> bool:
    """Whether the program blocks the signal or ignores it, as Linux has it."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    masks = dict(line.split(":", 1) for line in lines)
    bit = 1 << (signal.SIGINT - 1)
    return any(int(masks[name], 16) & bit for name in ("SigBlk", "SigIgn"))
