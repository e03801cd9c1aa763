"""The measurement itself: both requests are asked, and the line can be read."""

from http.client import HTTPConnection
from pathlib import Path

from tests.services.hub_process import HubProcess

from .cpu import ServerClock
from .processes import Cores
from .publishing import Asked, measure, table


def test_each_round_has_the_cost_of_a_publish_and_of_a_question(tmp_path: Path) -> None:
    hub = HubProcess(tmp_path)
    hub.start()
    try:
        connection = HTTPConnection("127.0.0.1", hub.port, timeout=30)
        asked = Asked("hub", lambda: [hub.pid], connection, hub.admin_token)
        measure([asked], times=3, rounds=2, clock=ServerClock(Cores.of_this_machine().server))
    finally:
        hub.stop()
    assert len(asked.publish_ms) == len(asked.health_ms) == 2
    assert min(asked.publish_ms) > 0 < min(asked.health_ms)
    assert table([asked]).startswith("hub: publish ")
