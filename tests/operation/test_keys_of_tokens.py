"""The key of tokens is changed without ending a login: on a hub of two workers, with /metrics at a port of its own."""

import asyncio
import http.client
import secrets
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from hub.config import Settings
from protocol.messages import SUBPROTOCOL
from tests.kit.people import PASSWORD, enrol
from tests.kit.raw import changed_token
from tests.services.fixtures import Stores
from tests.services.hub_process import HubSettings
from tests.services.process import free_port
from tests.services.waiting import wait_until

from .workers import MOST_TRIES, WORKERS, WorkersHub

NEW, OLD, REMOVED, METRICS_TOKEN = (secrets.token_hex(32) for _ in range(4))
GOOD = "k" * 32


@pytest.fixture
def hub(operation_dir: Path, server_stores: Stores) -> Iterator[WorkersHub]:
    metrics = {"HUB_METRICS_PORT": str(free_port()), "HUB_METRICS_TOKEN": METRICS_TOKEN}
    stores = server_stores.database_url, server_stores.redis_url
    made = WorkersHub(operation_dir / "keys", HubSettings(*stores, jwt_secret=f"{NEW}, {OLD}", extra=metrics))
    made.migrate()
    try:
        made.start()
        wait_until(lambda: len(made.workers()) == WORKERS, "both workers run")
        yield made
    finally:
        made.kill()


def test_each_worker_takes_tokens_of_both_keys_and_none_of_a_removed_one(
    hub: WorkersHub, server_stores: Stores
) -> None:
    [person] = asyncio.run(enrol(server_stores.database_url, 1))
    login = {"username": person.username, "password": PASSWORD, "device_id": "device-1"}
    token = hub.post("/api/auth/login", login)["token"]
    jwt.decode(token, NEW, ["HS256"], options={"verify_exp": False})
    older, removed = (jwt.encode(changed_token(token), key) for key in (OLD, REMOVED))
    answered: set[int | None] = set()
    for _ in range(MOST_TRIES):
        answered |= {_asks(hub, token, 200), _asks(hub, older, 200), _asks(hub, removed, 401)}
        if len(answered) == WORKERS:
            break
    assert answered == set(hub.workers())
    with _connected(hub, older) as socket:
        assert socket.subprotocol == SUBPROTOCOL
    with pytest.raises(InvalidStatus) as refused:
        _connected(hub, removed)
    assert refused.value.response.status_code == 401
    assert [secret for secret in (NEW, OLD, METRICS_TOKEN) if secret in hub.log()] == []
    _metrics_are_at_their_port_for_whoever_has_the_token(hub)


def _metrics_are_at_their_port_for_whoever_has_the_token(hub: WorkersHub) -> None:
    port = int(hub.settings.extra["HUB_METRICS_PORT"])
    for token, status in ((METRICS_TOKEN, 200), (METRICS_TOKEN, 200), ("wrong", 401)):
        assert _status(port, "/metrics", token) == status
    assert _status(hub.port, "/metrics", METRICS_TOKEN) == 404


def _asks(hub: WorkersHub, token: str, status: int) -> int | None:
    """Who answered."""
    connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=20)
    connection.request("GET", "/api/auth/verify", headers={"Authorization": f"Bearer {token}"})
    own_port = connection.sock.getsockname()[1]
    assert connection.getresponse().status == status
    worker = hub.worker_of(own_port)
    connection.close()
    return worker


def _status(port: int, path: str, token: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
    status = connection.getresponse().status
    connection.close()
    return status


def _connected(hub: WorkersHub, token: str):  # type: ignore[no-untyped-def]  # websockets gives no one type for it
    headers = {"Authorization": f"Bearer {token}"}
    return connect(f"ws://127.0.0.1:{hub.port}/ws", subprotocols=[SUBPROTOCOL], additional_headers=headers)


@pytest.mark.parametrize("wrong", [f"{GOOD},short", f"short,{GOOD}", f"{GOOD},your-secret-key", ","])
def test_each_key_is_held_to_the_rule(wrong: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"at least 32 bytes|public examples"):
        Settings(data_dir=tmp_path, jwt_secret=wrong)  # type: ignore[arg-type]
