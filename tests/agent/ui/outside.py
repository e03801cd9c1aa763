"""The windows as a screen reader finds them: `python -m tests.agent.ui.outside LANGUAGE FILE`, on a bus and a screen.

The windows stand in a process of their own; what is read of them comes over AT-SPI and from nowhere else. Written to a
file, since the bus's own programs speak on the same output.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from jeepney import DBusAddress, Properties, new_method_call
from jeepney.io.blocking import DBusConnection, open_dbus_connection

from tests.services.waiting import wait_until

ACCESSIBLE: Final = "org.a11y.atspi.Accessible"
ROOT: Final = ("org.a11y.atspi.Registry", "/org/a11y/atspi/accessible/root")
LABELLED_BY: Final = 2
SECONDS: Final = 20
SHOWN: Final = ("login", "first-run-2", "confirm", "qr", "settings", "limits", "live", "main-slept", "main-charts")
CELLS_READ: Final = 24
"""Of a table the corner, its headings and its first row."""
Place = tuple[str, str]


class Tree:
    """What stands on the accessibility bus."""

    def __init__(self, bus: DBusConnection) -> None:
        self._bus = bus

    def ask(self, place: Place, method: str) -> Any:
        """The answer of one thing on the bus."""
        address = DBusAddress(place[1], bus_name=place[0], interface=ACCESSIBLE)
        return self._bus.send_and_get_reply(new_method_call(address, method), timeout=SECONDS).body[0]

    def name(self, place: Place) -> str:
        """What it is called."""
        address = DBusAddress(place[1], bus_name=place[0], interface=ACCESSIBLE)
        return str(self._bus.send_and_get_reply(Properties(address).get("Name"), timeout=SECONDS).body[0][1])

    def read(self, place: Place, parent: str = "") -> Iterator[dict[str, Any]]:
        """It, and all that stands in it."""
        role, inner = str(self.ask(place, "GetRoleName")), self.ask(place, "GetChildren")
        labels = [kind for kind, _others in self.ask(place, "GetRelationSet")]
        yield {"role": role, "name": self.name(place), "in": parent, "is_labelled": LABELLED_BY in labels}
        for child in inner[: CELLS_READ if role == "table" else None]:
            yield from self.read(tuple(child), role)


def accessibility_bus() -> DBusConnection:
    """The bus of its own that screen readers listen on."""
    session = open_dbus_connection(bus="SESSION")
    asked = DBusAddress("/org/a11y/bus", bus_name="org.a11y.Bus", interface="org.a11y.Bus")
    return open_dbus_connection(bus=session.send_and_get_reply(new_method_call(asked, "GetAddress")).body[0])


def show() -> None:
    """Every window, in the language that was named, until the process is ended."""
    from PyQt6.QtWidgets import QApplication

    from agent import language
    from agent.ui.palette import LIGHT, dress
    from tests.screenshots import every_window

    app = QApplication(["bn-auto"])
    language.switch(sys.argv[2])
    dress(app, LIGHT)
    windows = [window for title, window in every_window() if title in SHOWN]
    for window in windows:
        window.show()
    app.exec()


def main() -> None:
    """Show them, wait until they are on the bus, and write down what is found there."""
    env = {**os.environ, "QT_QPA_PLATFORM": "xcb", "QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "1"}
    shown = subprocess.Popen([sys.executable, "-m", "tests.agent.ui.outside", "show", sys.argv[1]], env=env)
    try:
        tree = Tree(accessibility_bus())
        wait_until(lambda: _windows(tree) == len(SHOWN), "the windows are on the bus", 30)
        Path(sys.argv[2]).write_text(json.dumps(list(tree.read(ROOT))))
    finally:
        shown.kill()
        shown.wait()


def _windows(tree: Tree) -> int:
    return sum(len(tree.ask(tuple(program), "GetChildren")) for program in tree.ask(ROOT, "GetChildren"))


if __name__ == "__main__":
    show() if sys.argv[1] == "show" else main()
