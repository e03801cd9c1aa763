"""What `hub.sessions.wire` relies on in uvicorn's internals, by name: a version that moves them fails here first."""

import inspect

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

OVERRIDDEN = (
    "connection_made",
    "connection_lost",
    "data_received",
    "eof_received",
    "handle_connect",
    "handle_cont",
    "handle_ping",
    "handle_text",
    "send",
    "shutdown",
)
ATTRIBUTES = (
    "transport",
    "scope",
    "frames",
    "handshake_complete",
    "handshake_initiated",
    "close_sent",
    "close_timer",
    "app_state",
    "connections",
    "queue",
    "conn",
    "loop",
)


@pytest.mark.parametrize("name", [*OVERRIDDEN, "stop_keepalive", "handle_events", "handle_parser_exception"])
def test_the_websocket_protocol_has_the_methods_that_are_overridden_or_called(name: str) -> None:
    assert callable(getattr(WebSocketsSansIOProtocol, name))


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_the_websocket_protocol_sets_the_attributes_that_are_read(name: str) -> None:
    assert f"self.{name}" in inspect.getsource(WebSocketsSansIOProtocol)


def test_the_http_protocol_upgrades_in_one_place_and_has_its_parser_as_an_attribute() -> None:
    assert callable(HttpToolsProtocol.handle_websocket_upgrade)
    assert "self.parser" in inspect.getsource(HttpToolsProtocol)


def test_the_close_timer_is_set_by_the_close_that_is_sent() -> None:
    """The wire shortens it."""
    assert "close_timer" in inspect.getsource(WebSocketsSansIOProtocol.send)


def test_uvicorn_has_an_upper_bound_since_internals_are_subclassed() -> None:
    from importlib.metadata import requires

    [bound] = [need for need in requires("bn-auto") or [] if need.startswith("uvicorn")]
    assert "<" in bound
