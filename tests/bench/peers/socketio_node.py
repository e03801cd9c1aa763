"""Socket.IO on Node, websocket transport only, no compression; `socketio_node.js` is the server."""

import json
import subprocess
from pathlib import Path
from typing import Final

from tests.services.process import free_port

from ..generator import Target
from ..processes import is_listening
from .base import Peer, Published, Wire, payload

MODULES: Final = Path(__file__).parent.parent / ".peers" / "node_modules"
"""Where `install` puts npm's packages; not in the repository."""


class SocketIONode(Peer):
    """socket.io as a peer."""

    name = "socketio"
    title = "Socket.IO (Node)"

    def start(self) -> None:
        self._port = free_port()
        command = ["node", str(Path(__file__).with_suffix(".js")), str(self._port), str(MODULES / "socket.io")]
        env = {"NODE_ENV": "production"}
        self.program = self.programs.start(self.name, command, self.programs.cores.server, env)
        self.program.wait_until(lambda: is_listening(self._port))
        self._wire = Wire(self._port)

    def target(self) -> Target:
        return Target("socketio", self._port, "/socket.io/?EIO=4&transport=websocket")

    def publish(self) -> Published:
        order_id = self.next_id()
        t0, _ = self._wire.post("/publish", payload(order_id))
        return Published(order_id, t0)

    def version(self) -> str:
        package = json.loads((MODULES / "socket.io" / "package.json").read_text())
        node = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip()
        return f"{package['version']} on Node {node}"
