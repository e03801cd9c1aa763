"""Windows without a screen, on the loop that the program has."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator
from itertools import count
from typing import Any

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PyQt6.QtWidgets import QApplication

from agent import language
from agent.ui.loop import DeskLoop
from tests.services.hub_process import HubProcess

from .desk_person import add_user

_numbers = count(1)

Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    was = language.current()
    language.switch("en")
    yield
    language.switch(was)


@pytest.fixture
def run(qapp: QApplication) -> Iterator[Run]:
    """Runs a coroutine to its end on the desk's loop."""
    loop = DeskLoop(qapp)
    asyncio.set_event_loop(loop)
    try:
        yield lambda life: loop.run_until_complete(asyncio.wait_for(life, 120))
    finally:
        loop.close()
        asyncio.set_event_loop(None)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """A hub process for the tests of a file."""
    hub = HubProcess(tmp_path_factory.mktemp("hub"))
    hub.start()
    try:
        yield hub
    finally:
        hub.kill()


@pytest.fixture
def name(hub: HubProcess) -> str:
    """A trader of this test's own."""
    name = f"trader{next(_numbers)}"
    add_user(hub, name)
    return name
