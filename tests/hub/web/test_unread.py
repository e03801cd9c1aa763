"""What never becomes a request of ours, and paths that are not quite /metrics: each is answered in the envelope."""

import http.client
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hub.config import Settings
from hub.server import NotServable, serve
from hub.web.exposition import FRESH_S
from tests.kit.raw import Client, RunningHub, checked
from tests.services.fixtures import Stores
from tests.services.hub_process import HubProcess, HubSettings
from tests.services.process import free_port

HOST = b"Host: hub\r\n"
UPGRADE = (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
UNREAD: dict[str, tuple[bytes, int]] = {
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "a tunnel": (b"CONNECT elsewhere:443 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a version that is none": (b"GET / HTTP/9.9\r\n" + HOST + b"\r\n", 400),
    "a chunk that is none": (b"POST /ws HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    "a fragment in the target": (b"GET /metrics#x HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a target without end": (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 431),
    "the whole server": (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "a method of another time": (b"TRACE /api/orders HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    "a handshake without a key": (
        b"GET /ws HTTP/1.1\r\n" + HOST + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        400,
    ),
    "a handshake of another version": (
        b"GET /ws HTTP/1.1\r\n" + HOST + UPGRADE.replace(b": 13", b": 8") + b"\r\n",
        400,
    ),
    "a handshake that posts": (b"POST /ws HTTP/1.1\r\n" + HOST + UPGRADE + b"\r\n", 405),
    "a handshake elsewhere": (b"GET /metrics HTTP/1.1\r\n" + HOST + UPGRADE + b"\r\n", 403),
    "a handshake in no token": (
        b"GET /ws HTTP/1.1\r\n" + HOST + UPGRADE + b"Sec-WebSocket-Protocol: \xff\xfe\r\n\r\n",
        400,
    ),
}
SPELLINGS = (
    "//metrics",
    "/metrics/",
    "/METRICS",
    "/%6detrics",
    "/metrics%0a",
    "/%2e/metrics",
    "/x/../metrics",
    "/metrics;x",
    "/metrics%20",
    "/metrics%00",
    "%2Fmetrics",
)


@pytest.fixture
def hub(proxied_hub: RunningHub) -> Iterator[Client]:
    found = Client(proxied_hub)
    yield found
    found.close()


@pytest.mark.parametrize("what", UNREAD)
def test_what_is_no_request_is_answered_in_the_envelope(hub: Client, what: str) -> None:
    request, status = UNREAD[what]
    with socket.create_connection(("127.0.0.1", hub.hub.port), timeout=20) as connection:
        connection.sendall(request)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert checked(answer.status, dict(answer.headers), answer.read()).status == status


def test_metrics_take_their_token_and_are_found_under_no_other_spelling(hub: Client) -> None:
    token = hub.hub.settings.extra["HUB_METRICS_TOKEN"]
    for wrong in (None, "admin", f"{token}m", ""):
        answer = hub.ask("GET", "/metrics", token=wrong)
        assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
    for path in SPELLINGS:
        assert hub.ask("GET", path, token=token).status in (400, 404), path
    assert b"bn_hub_connections" in _exposition(hub, token)
    assert token not in hub.hub.log()


def test_metrics_are_made_at_most_once_a_second(hub: Client) -> None:
    """Each request is counted, so what is made anew is another text."""
    token, began = hub.hub.settings.extra["HUB_METRICS_TOKEN"], time.monotonic()
    texts = {_exposition(hub, token)}
    while len(texts) == 1:
        texts.add(_exposition(hub, token))
    assert len({_exposition(hub, token) for _ in range(20)} | texts) <= (time.monotonic() - began) / FRESH_S + 2


def _exposition(hub: Client, token: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", hub.hub.port, timeout=20)
    connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    text = answer.read()
    connection.close()
    return text


def test_the_document_about_the_interface_may_be_kept_and_is_nothing_else(hub: Client) -> None:
    hub._connection.request("GET", "/openapi.json")
    answer = hub._connection.getresponse()
    answer.read()
    assert (answer.headers["X-Content-Type-Options"], answer.headers["Cache-Control"]) == ("nosniff", None)


def test_a_port_of_metrics_that_is_taken_is_said_before_the_start(hub: Client, tmp_path: Path) -> None:
    taken = hub.hub.port
    with pytest.raises(NotServable, match=f"HUB_METRICS_PORT {taken}"):
        serve(Settings(data_dir=tmp_path, metrics_port=taken))
    with pytest.raises(NotServable, match="give /metrics another one"):
        serve(Settings(data_dir=tmp_path, metrics_port=taken), port=taken)
    assert list(tmp_path.iterdir()) == []


def test_metrics_at_a_port_of_their_own_are_at_no_other(
    start_hub: Callable[[HubSettings], HubProcess], embedded_stores: Stores
) -> None:
    own = free_port()
    stores = {"database_url": embedded_stores.database_url, "redis_url": embedded_stores.redis_url}
    hub = start_hub(HubSettings(**stores, extra={"HUB_METRICS_PORT": str(own)}))
    assert status_of(own, "/metrics") == 200
    assert [status_of(own, path) for path in ("/healthz", "//metrics", "/api/orders")] == [404] * 3
    assert status_of(hub.port, "/metrics") == 404
    hub.stop()


def status_of(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path)
    status = connection.getresponse().status
    connection.close()
    return status
