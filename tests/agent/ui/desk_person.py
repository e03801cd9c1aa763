"""A person at the desk: real windows against a real hub, by what can be seen and pressed."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PyQt6.QtCore import Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication

from agent.config import Settings
from agent.ui.desktop import Desk
from agent.ui.rows import Row
from agent.vault import Vault
from tests.services.hub_process import HubProcess
from tests.services.waiting import eventually

PASSWORD = "correct horse battery"


class DeskPerson:
    """`async with DeskPerson(app, data_dir, server) as person`: the program is open, and ended with the block."""

    def __init__(
        self,
        app: QApplication,
        data_dir: Path,
        server: str,
        username: str | None = None,
        vault: Vault | None = None,
        *,
        is_first_start: bool = False,
        **more: Any,
    ) -> None:
        given = {"data_dir": data_dir, "server_url": server, "paper_speed": 2_000, **more}
        data_dir.mkdir(parents=True, exist_ok=True)
        if not is_first_start and not (data_dir / "desk.json").exists():
            (data_dir / "desk.json").write_text("{}")
        self.desk = Desk(app, Settings(**given), username, vault)
        self.life: asyncio.Task[int] | None = None

    async def __aenter__(self) -> "DeskPerson":
        self.life = asyncio.ensure_future(self.desk.live())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_error: object) -> None:
        self.desk.quit()
        if self.life is not None:
            await asyncio.wait_for(self.life, 15)

    def log_in(self, username: str, password: str = PASSWORD, server: str | None = None) -> None:
        login = self.desk.windows.login
        if server is not None:
            login.server.setText(server)
        login.say(lambda: "")
        login.username.setText(username)
        login.password.setText(password)
        press(login.enter)

    async def logged_in(self, username: str) -> None:
        self.log_in(username)
        await self.sees(
            lambda: self.desk.windows.main.isVisible() and self.desk.view.is_connected, "the main window, connected"
        )

    async def sees(self, condition: Callable[[], Any], what: str, timeout_s: float = 15) -> Any:
        def looked() -> Any:
            self.desk.windows.main.flush()
            return condition()

        return await eventually(looked, f"{what}; the desk says {self.said!r}", timeout_s)

    async def is_told(self, words: str) -> None:
        await self.sees(lambda: words in self.desk.windows.login.problem.text(), f"the login window says {words!r}")

    @property
    def said(self) -> str:
        return f"{self.desk.windows.main.sentence.text()} | {self.desk.windows.login.problem.text()}"

    def row(self, order_id: int) -> Row | None:
        return self.desk.view.rows.get(order_id)

    async def order_is(self, order_id: int, outcome: str, timeout_s: float = 15) -> Row:
        def found() -> Row | None:
            row = self.row(order_id)
            return row if row is not None and row.outcome == outcome else None

        row = await self.sees(found, f"order {order_id} is {outcome}", timeout_s)
        assert isinstance(row, Row)
        return row


def press(button: Any) -> None:
    assert button.isEnabled()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def publish(hub: HubProcess, to: list[str], valid_s: int = 30, increment: str = "TEN_MINUTE") -> int:
    """An order to some users; its id."""
    order = {"time_increments": increment, "symbol_name": "BTCUSDT", "direction": "LONG", "valid_duration": valid_s}
    return int(hub.post("/api/orders/create", {**order, "targets": to})["order_id"])


async def published(hub: HubProcess, **order: Any) -> int:
    return await asyncio.to_thread(publish, hub, **order)


def add_user(hub: HubProcess, name: str, **more: Any) -> int:
    return int(hub.post("/api/admin/users/create", {"username": name, "password": PASSWORD, **more})["user_id"])
