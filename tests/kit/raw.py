"""A hub seen from outside without good manners: plain HTTP, and agents that say exactly what a test wants them to say.

Invariant: every answer that passes here has the envelope and the headers of all answers, or the test fails.
"""

import base64
import contextlib
import http.client
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from argon2 import PasswordHasher
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.services.hub_process import HubProcess
from tests.services.waiting import wait_until

PASSWORD = "a good password"
PATIENCE_S = 20
QUICK_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


@dataclass(frozen=True)
class Answer:
    """One HTTP answer whose envelope was checked."""

    status: int
    headers: dict[str, str]
    message: str
    data: Any


@dataclass(frozen=True)
class User:
    id: int
    name: str


@dataclass(frozen=True)
class RunningHub:
    """A hub, and the way into its database behind its back."""

    process: HubProcess
    sql: Callable[[str], object]


class RawAgent:
    """One WebSocket connection, without the agent's good manners."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def say(self, message: dict[str, Any] | str | bytes) -> None:
        """A dict as JSON; text and bytes (a binary frame) as they are."""
        self.socket.send(json.dumps(message) if isinstance(message, dict) else message)

    def say_if_open(self, message: dict[str, Any]) -> None:
        """For a connection that the hub may have closed already; `goodbye` tells with what code."""
        with contextlib.suppress(ConnectionClosed):
            self.say(message)

    def hear(self, kind: str | None = None) -> dict[str, Any]:
        """The next message; with a kind, the next of that kind."""
        while True:
            message: dict[str, Any] = json.loads(self.socket.recv(timeout=PATIENCE_S))
            if kind is None or message["type"] == kind:
                return message

    def hello(self, device_id: str = "device-1", **fields: Any) -> dict[str, Any]:
        """Says hello; the welcome."""
        self.say({"type": "hello", "device_id": device_id, "version": "1", "driver": "paper"} | fields)
        return self.hear("welcome")

    def is_served(self) -> bool:
        """Whether the hub still answers this agent."""
        self.say({"type": "time", "t0_ms": 7})
        return bool(self.hear("time")["t0_ms"] == 7)

    def goodbye(self) -> int:
        """The code that the hub closes with; what it says before is let go."""
        with pytest.raises(ConnectionClosed) as closed:
            self._hear_out()
        assert closed.value.rcvd is not None, "the connection went without a close frame"
        return closed.value.rcvd.code

    def _hear_out(self) -> None:
        while True:
            self.socket.recv(timeout=PATIENCE_S)


class Client:
    """Everything a test asks of one hub."""

    def __init__(self, running: RunningHub) -> None:
        self.hub = hub = running.process
        self.running = running
        self.sql = running.sql
        self._connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=PATIENCE_S)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = "admin",
        headers: dict[str, str | bytes] | None = None,
    ) -> Answer:
        """`body`: bytes as they are, None for none, anything else as JSON. `token`: "admin" is the bootstrap token."""
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        named: dict[str, str | bytes] = {"Content-Type": "application/json"} | (headers or {})
        if token is not None and not any(name.lower() == "authorization" for name in named):
            named["Authorization"] = f"Bearer {self.hub.admin_token if token == 'admin' else token}"
        try:
            self._connection.request(method, path, raw, named)
            response = self._connection.getresponse()
        except (http.client.RemoteDisconnected, ConnectionError):
            # The hub ends a connection whose body it would not read to its end; the next one is as good.
            self._connection.close()
            self._connection.request(method, path, raw, named)
            response = self._connection.getresponse()
        answer = checked(response.status, dict(response.headers), response.read())
        if response.status == http.client.TOO_MANY_REQUESTS:
            self._connection.close()  # it would not be heard for a second
        return answer

    def user(self, role: str = "trader") -> User:
        """A new user, put into the table with a hash that is quick to check."""
        name = f"u{secrets.token_hex(6)}"
        self.sql(
            "INSERT INTO users (username, password, status, role, created_at, updated_at) VALUES "
            f"('{name}', '{QUICK_HASH}', 1, '{role}', '2026-01-01 00:00:00', '2026-01-01 00:00:00')"
        )
        return User(self.account(name)["id"], name)

    def login(self, user: User, device_id: str | None = "device-1", password: str = PASSWORD) -> Answer:
        body = {"username": user.name, "password": password, "device_id": device_id}
        return self.ask("POST", "/api/auth/login", body, token=None)

    def token(self, user: User, device_id: str | None = "device-1") -> str:
        return str(self.login(user, device_id).data["token"])

    def publish(self, *users: User, seconds: int = 300) -> int:
        """An order for these users only, so that tests which share the hub do not meet."""
        made = self.ask("POST", "/api/orders/create", good_order(seconds) | {"targets": [user.id for user in users]})
        assert made.status == 200, made
        return int(made.data["order_id"])

    def order(self, order_id: int) -> dict[str, Any]:
        found = self.ask("GET", f"/api/orders/{order_id}")
        assert found.status == 200, found
        return dict(found.data)

    def assignments(self, order_id: int) -> list[dict[str, Any]]:
        """The order's rows, once there are any: they are written behind."""
        return list(wait_until(lambda: self.order(order_id)["assignments"], f"a row of order {order_id}"))

    def account(self, name: str) -> dict[str, Any]:
        return dict(self.ask("GET", f"/api/admin/users?username={name}").data["list"][0])

    def close(self) -> None:
        self._connection.close()


def checked(status: int, headers: dict[str, str], body: bytes) -> Answer:
    """The answer, if it has the envelope of all answers."""
    envelope = json.loads(body)
    wanted = {"code", "message", "data"} if status == 200 else {"code", "message", "data", "detail"}
    assert set(envelope) == wanted, envelope
    assert envelope["code"] == status
    assert envelope.get("detail", envelope["message"]) == envelope["message"]
    assert status == 200 or envelope["data"] is None
    assert "Traceback" not in body.decode()
    named = {name.lower(): value for name, value in headers.items()}
    assert (named["x-content-type-options"], named["cache-control"]) == ("nosniff", "no-store")
    return Answer(status, named, envelope["message"], envelope["data"])


def good_order(seconds: int = 300) -> dict[str, Any]:
    return {
        "time_increments": "TEN_MINUTE",
        "symbol_name": "BTCUSDT",
        "direction": "LONG",
        "valid_duration": seconds,
    }


def changed_token(token: str, **claims: Any) -> dict[str, Any]:
    """What the token says, with some claims changed: to be signed again with the hub's own secret."""
    part = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))) | claims
