"""python-socketio 5 as an ASGI program on uvicorn with uvloop.

The server half runs as `python -m tests.bench.peers.socketio_python PORT`; `SocketIOPython` is the bench's side.
"""

import importlib.metadata
import json
import sys
from typing import Any

from tests.services.process import free_port

from ..generator import Target
from ..processes import is_listening
from .base import Peer, Published, Wire, payload


class SocketIOPython(Peer):
    """python-socketio as a peer."""

    name = "python-socketio"
    title = "python-socketio"

    def start(self) -> None:
        self._port = free_port()
        command = [sys.executable, "-m", __name__, str(self._port)]
        self.program = self.programs.start(self.name, command, self.programs.cores.server)
        self.program.wait_until(lambda: is_listening(self._port))
        self._wire = Wire(self._port)

    def target(self) -> Target:
        return Target("socketio", self._port, "/socket.io/?EIO=4&transport=websocket")

    def publish(self) -> Published:
        order_id = self.next_id()
        t0, _ = self._wire.post("/publish", payload(order_id))
        return Published(order_id, t0)

    def version(self) -> str:
        served = (f"{name} {importlib.metadata.version(name)}" for name in ("uvicorn", "uvloop"))
        return f"{importlib.metadata.version('python-socketio')} on " + ", ".join(served)


def serve(port: int) -> None:
    """POST /publish sends its JSON body to every socket."""
    import socketio
    import uvicorn

    server = socketio.AsyncServer(async_mode="asgi", transports=["websocket"], http_compression=False)

    async def publish(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = (await receive())["body"]
        await server.emit("order", json.loads(body))
        await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    app = socketio.ASGIApp(server, other_asgi_app=publish)
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        log_level="warning",
        access_log=False,
        timeout_keep_alive=3600,
        ws_per_message_deflate=False,
        ws_ping_interval=None,
    )


if __name__ == "__main__":
    serve(int(sys.argv[1]))
