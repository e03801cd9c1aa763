"""The limit: accept N sockets, then `for s in sockets: s.send(frame)`, on blocking sockets in one thread.

The server half runs as `python -m tests.bench.peers.bare PORT CONTROL_PORT`; `Bare` is the bench's side of it.
"""

import platform
import socket
import sys

from tests.services.process import free_port

from ..frames import server_frame
from ..generator import Target
from ..processes import is_listening
from .base import Peer, Published, Wire, payload


class Bare(Peer):
    """The bare loop as a peer."""

    name = "bare"
    title = "bare `send()` loop"

    def start(self) -> None:
        self._port, self._control_port = free_port(), free_port()
        command = [sys.executable, "-m", __name__, str(self._port), str(self._control_port)]
        self.program = self.programs.start(self.name, command, self.programs.cores.server)
        self.program.wait_until(lambda: is_listening(self._control_port))

    def target(self) -> Target:
        return Target("bare", self._port)

    def connect(self, count: int) -> float:
        self._wire = Wire(self._control_port)
        self._wire.send(b"accept %d\n" % count)
        seconds = super().connect(count)
        self._wire.read_until(b"accepted\n")
        return seconds

    def publish(self) -> Published:
        order_id = self.next_id()
        t0 = self._wire.send(server_frame(payload(order_id)))
        self._wire.read_until(b"sent\n")
        return Published(order_id, t0)

    def version(self) -> str:
        return f"Python {platform.python_version()}"


def serve(port: int, control_port: int) -> None:
    """Accept as many as the control line says, then write whatever frame comes over it to all."""
    listener = socket.create_server(("127.0.0.1", port), backlog=65535)
    control = _control(control_port)
    count = int(control.recv(100).split()[1])
    sockets = [listener.accept()[0] for _ in range(count)]
    for connection in sockets:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    control.sendall(b"accepted\n")
    while frame := control.recv(65536):
        for connection in sockets:
            connection.send(frame)
        control.sendall(b"sent\n")


def _control(port: int) -> socket.socket:
    """The publisher's line. A caller that hangs up at once only asked whether we listen."""
    listener = socket.create_server(("127.0.0.1", port))
    while True:
        control, _ = listener.accept()
        if control.recv(1, socket.MSG_PEEK):
            return control


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]))
