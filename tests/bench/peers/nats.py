"""NATS over WebSocket, with one scheduler thread (GOMAXPROCS=1), published to over its own TCP protocol."""

import subprocess

from tests.services.process import free_port

from ..generator import Target
from ..processes import is_listening
from .base import Peer, Published, Wire, payload

_CONFIG = """
listen: 127.0.0.1:{port}
max_connections: 65536
websocket {{ listen: "127.0.0.1:{web_port}", no_tls: true, compression: false }}
"""


class Nats(Peer):
    """nats-server as a peer."""

    name = "nats"
    title = "NATS (Go) over WebSocket"

    def start(self) -> None:
        self._port, self._web_port = free_port(), free_port()
        config = self.programs.folder / "nats.conf"
        config.write_text(_CONFIG.format(port=self._port, web_port=self._web_port))
        command = ["nats-server", "-c", str(config)]
        self.program = self.programs.start(self.name, command, self.programs.cores.server, {"GOMAXPROCS": "1"})
        self.program.wait_until(lambda: is_listening(self._port) and is_listening(self._web_port))
        self._wire = Wire(self._port)
        self._wire.read_until(b"\r\n")
        self._wire.send(b'CONNECT {"verbose":false,"pedantic":false}\r\nPING\r\n')
        self._wire.read_until(b"PONG\r\n")

    def target(self) -> Target:
        return Target("nats", self._web_port)

    def publish(self) -> Published:
        order_id = self.next_id()
        text = payload(order_id)
        t0 = self._wire.send(b"PUB bench %d\r\n%b\r\nPING\r\n" % (len(text), text))
        self._wire.read_until(b"PONG\r\n")
        return Published(order_id, t0)

    def version(self) -> str:
        asked = subprocess.run(["nats-server", "-v"], capture_output=True, text=True)
        return (asked.stdout or asked.stderr).strip()
