"""The HTTP contract: one table of routes, each with a right; `/openapi.json` says what real answers are."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.routing import Route

from hub.app import Hub, build, routes
from hub.config import Settings
from hub.model import answers
from hub.model.rights import OF_ROLE, RIGHTS
from hub.web.api_page import page
from hub.web.examples import EXAMPLES
from hub.web.openapi import document, statuses
from hub.web.urls import Endpoint
from tests.kit.raw import Client, RawAgent, good_order
from tests.services.process import ROOT

DOCUMENTS = {"/metrics", "/openapi.json"}
"""Not part of the contract in JSON."""


@pytest.fixture
def endpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Endpoint]]:
    """The table of a hub that does not run."""
    monkeypatch.setenv("HUB_DATA_DIR", str(tmp_path))
    found: list[Endpoint] = []
    monkeypatch.setattr("hub.web.urls.routes", lambda table: found.extend(table) or [])
    hub = Hub(Settings())
    routes(hub)
    yield found
    hub.auth.close()


def described(client: Client) -> dict[str, Any]:
    """The document that a running hub serves."""
    client._connection.request("GET", "/openapi.json")
    response = client._connection.getresponse()
    assert response.status == 200
    return dict(json.loads(response.read()))


def test_every_endpoint_says_whom_it_is_for(endpoints: list[Endpoint]) -> None:
    public = {row.path for row in endpoints if row.guarded.need is None}
    assert public == {"/api/auth/login", "/api/auth/password", "/healthz", "/readyz"}
    assert {row.guarded.need for row in endpoints} - {None, "login", "any login"} == set(RIGHTS)
    assert set().union(*OF_ROLE.values()) == set(RIGHTS)


def test_every_endpoint_has_a_sentence(endpoints: list[Endpoint]) -> None:
    assert [row.path for row in endpoints if not row.summary.endswith(".")] == []


def test_the_document_holds_every_route_and_no_other(client: Client, tmp_path: Path) -> None:
    app = build(Settings(data_dir=tmp_path))
    served = {
        (route.path, method)
        for route in app.routes
        if isinstance(route, Route) and route.path not in DOCUMENTS
        for method in (route.methods or set()) - {"HEAD"}
    }
    app.state.hub.auth.close()
    paths = described(client)["paths"]
    assert {(path, method.upper()) for path, methods in paths.items() for method in methods} == served


def test_the_document_is_of_3_1_and_its_references_lead_somewhere(endpoints: list[Endpoint]) -> None:
    made = json.loads(msgspec.json.encode(document(endpoints)))
    assert made["openapi"] == "3.1.0"
    names = {name.rpartition("/")[2] for name in _references(made)}
    assert names <= set(made["components"]["schemas"])
    identifiers = [operation["operationId"] for path in made["paths"].values() for operation in path.values()]
    assert len(identifiers) == len(set(identifiers))


def test_each_example_is_what_its_struct_takes(endpoints: list[Endpoint]) -> None:
    kinds = {kind for row in endpoints for kind in (row.takes, row.answers) if kind is not None}
    assert kinds == set(EXAMPLES)
    for kind, example in EXAMPLES.items():
        assert msgspec.convert(msgspec.to_builtins(example), kind) == example


def test_the_page_about_the_interface_is_made_of_the_document(client: Client) -> None:
    made = page(described(client))
    assert made == (ROOT / "hub/docs/api.md").read_text(), "hub/web/api_page.py says how it is made"


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "$ref":
                yield inner
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def test_real_answers_are_what_the_table_says(
    client: Client, agents: Callable[..., RawAgent], endpoints: list[Endpoint]
) -> None:
    """Each endpoint once, on a real hub: the answer has all fields of its struct and no other."""
    user = client.user()
    token = client.token(user)
    agent = agents(client, token)
    agent.hello()
    order_id = client.publish(user)
    agent.hear("order")
    client.assignments(order_id)
    name = f"{user.name}-2"
    asked = {
        "/api/auth/login": ({"username": user.name, "password": "a good password"}, None),
        "/api/auth/password": ({"old_password": "a wrong one", "new_password": "another password"}, "trader"),
        "/api/orders/create": (good_order() | {"targets": [user.id]}, "admin"),
        "/api/orders/mark-assigned": ({"order_id": order_id}, "trader"),
        "/api/orders/record-result": ({"order_id": order_id, "result": {"success": True}}, "trader"),
        "/api/admin/users/create": ({"username": name, "password": "a good password"}, "admin"),
        "/api/admin/users/{id}/expire": ({"expire_at": None}, "admin"),
        "/api/admin/users/{id}/status": ({"status": 1}, "admin"),
        "/api/admin/users/{id}/password": ({"password": "another password"}, "admin"),
    }
    traders = {"/api/auth/heartbeat", "/api/orders/pull", "/api/auth/verify"}
    last = {"/api/auth/logout", "/api/auth/login", "/api/admin/users/{id}/kick", "/api/admin/users/{id}/password"}
    for row in sorted(endpoints, key=lambda row: row.path in last):
        body, who = asked.get(row.path, (None, "trader" if row.path in traders else "admin"))
        token_of = {"admin": "admin", "trader": token, None: None}[who]
        path = row.path.replace("{id}", str(order_id if "/orders/" in row.path else user.id))
        answer = client.ask(row.method, path, body, token=token_of)
        assert answer.status == 200 or answer.status in statuses(row), (row.path, answer)
        if answer.status == 200:
            _fits(row, answer.data)


def _fits(row: Endpoint, data: Any) -> None:
    if row.answers is None:
        assert data is None, row.path
        return
    made = msgspec.convert(data, row.answers)
    again = msgspec.to_builtins(made)
    assert again == data, row.path


def test_readers_ignore_what_a_newer_hub_says() -> None:
    said = {"order_id": 7, "of_tomorrow": 1}
    assert msgspec.convert(said, answers.NewOrderId) == answers.NewOrderId(7)
