"""The hub as a peer, twice over the same connections: the whole durable way, and plain fan-out.

Used by the measurements. Both rows run in one hub process on real MariaDB and Redis, with real tokens; `hub_server` is
what is started. The whole way: POST, commit, doorbell, claim, send; acks are held back until the round is over, since
a real agent acks from its own machine after its own fsync.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from importlib.metadata import version
from typing import Any, Final

from tests.services.process import free_port

from ..generator import Target
from ..processes import Program, ProgramFailed, Programs
from ..stores import Stores
from .base import Peer, Published, Wire, payload

_SETTLED_WITHIN_S: Final = 60.0
_LOOK_EVERY_S: Final = 0.01
_ORDER: Final = {"time_increments": "TEN_MINUTE", "symbol_name": "BTCUSDT", "direction": "LONG"}
_VALID_S: Final = 10


class HubHost:
    """One hub process with its stores' addresses, its secrets and its users."""

    def __init__(self, programs: Programs, stores: Stores, users: int) -> None:
        self.programs = programs
        self.stores = stores
        self.port = free_port()
        self.admin_token = secrets.token_urlsafe(32)
        self.env = {
            "HUB_DATABASE_URL": stores.database_url,
            "HUB_REDIS_URL": stores.redis_url,
            "HUB_ADMIN_TOKEN": self.admin_token,
            "HUB_JWT_SECRET": secrets.token_urlsafe(32),
            "HUB_DATA_DIR": str(programs.folder / "hub"),
            "HUB_LOG_FORMAT": "json",
        }
        self._migrate()
        self.tokens = stores.make_tokens(users, self.env)
        self.open_until: dict[int, float] = {}
        self.program: Program

    def _migrate(self) -> None:
        command = [sys.executable, "-m", "hub", "migrate"]
        env = {**os.environ, **self.env}
        answer = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
        if answer.returncode:
            raise ProgramFailed(f"hub migrate: {answer.stderr[-2000:]}")

    @property
    def authorization(self) -> str:
        """The admin's header."""
        return f"Authorization: Bearer {self.admin_token}\r\n"

    def start(self) -> None:
        """Start the process, always on the same port, and wait until it is ready."""
        command = [sys.executable, "-m", "tests.bench.peers.hub_server", str(self.port)]
        self.program = self.programs.start("hub", command, self.programs.cores.server, self.env)
        self.program.wait_until(self._is_ready)

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def stop(self, how: signal.Signals = signal.SIGTERM) -> float:
        """End the process; the seconds that it took."""
        begun = time.monotonic()
        self.program.stop(how)
        self.programs.running.remove(self.program)
        return time.monotonic() - begun


class Hub(Peer):
    """The whole durable way."""

    name = "hub"
    title = "**hub**, claimed and committed"

    def __init__(self, programs: Programs, host: HubHost, narrow: int = 0) -> None:
        super().__init__(programs)
        self.host = host
        self.narrow = narrow
        self.count = 0

    def start(self) -> None:
        """Once the orders of earlier measurements are over: whoever connects would catch up on them."""
        while any(time.monotonic() < until for until in self.host.open_until.values()):
            time.sleep(0.1)
        self.host.start()
        self.program = self.host.program

    def restarted(self) -> None:
        """The host has a new process."""
        self.program = self.host.program

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """POST as the admin, on a fresh connection that is up before the clock starts: the hub ends idle ones."""
        wire = Wire(self.host.port)
        wire.get("/healthz")
        answered = wire.post(path, body, self.host.authorization)
        wire.socket.close()
        return answered

    def target(self) -> Target:
        return Target("hub", self.host.port, "/ws", self.host.tokens, self.narrow)

    def connect(self, count: int) -> float:
        seconds = super().connect(count)
        self.count = count
        self.generator.ask("acks", mode="hold")
        return seconds

    def publish(self, valid_s: int = _VALID_S) -> Published:
        self.generator.ask("beats", on=False)
        t0, answer = self.post("/api/orders/create", json.dumps(_ORDER | {"valid_duration": valid_s}).encode())
        order_id = int(json.loads(answer)["data"]["order_id"])
        self.host.open_until[order_id] = time.monotonic() + valid_s
        return Published(order_id, t0)

    def cancel(self, order_id: int) -> None:
        """The order is nobody's any more."""
        self.post(f"/api/orders/{order_id}/cancel", b"")
        del self.host.open_until[order_id]

    def settle(self, published: Published) -> dict[str, Any]:
        """Let the acks go and wait for them in the database; ms from their release, and the CPU of it all."""
        released = time.monotonic_ns()
        before = self.program.cpu_ns()
        self.generator.ask("acks", mode="now")
        acked_ms = self.wait_acked(published.order_id, released, self.count)
        self.generator.ask("acks", mode="hold")
        self.generator.ask("beats", on=True)
        return {"release_to_acked_ms": acked_ms, "ack_cpu_ns": self.program.cpu_ns() - before}

    def wait_acked(self, order_id: int, t0: int, count: int) -> float:
        """Milliseconds from `t0` until `count` acks of the order are in the database. Raises ProgramFailed."""
        until = time.monotonic() + _SETTLED_WITHIN_S
        while (acked := self.host.stores.acked(order_id)) < count:
            if time.monotonic() > until:
                raise ProgramFailed(f"{acked} of {count} acks of order {order_id} are in the database")
            time.sleep(_LOOK_EVERY_S)
        return (time.monotonic_ns() - t0) / 1e6

    def version(self) -> str:
        served = (f"{name} {version(name)}" for name in ("starlette", "uvicorn", "uvloop", "redis", "sqlalchemy"))
        return f"{version('bn-auto')} on " + ", ".join(served)


class HubPlain(Peer):
    """Plain fan-out: one frame to every session of the same hub, over the same connections; nothing is stored."""

    name = "hub-plain"
    title = "**hub**, plain fan-out"

    def __init__(self, programs: Programs, hub: Hub) -> None:
        super().__init__(programs)
        self.hub = hub

    def start(self) -> None:
        self.program = self.hub.program

    def target(self) -> Target:
        return self.hub.target()

    def connect(self, count: int) -> float:
        """The hub's row has connected already."""
        self.generator = self.hub.generator
        return 0.0

    def publish(self) -> Published:
        order_id = self.next_id()
        self.generator.ask("beats", on=False)
        t0, _ = self.hub.post("/bench/plain", payload(order_id))
        return Published(order_id, t0)

    def settle(self, published: Published) -> dict[str, Any]:
        self.generator.ask("forget")
        self.generator.ask("beats", on=True)
        return {}

    def version(self) -> str:
        return self.hub.version()
