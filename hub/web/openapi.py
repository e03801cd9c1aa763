"""`/openapi.json`: the HTTP interface as OpenAPI 3.1, made of the URL table and its structs."""

import re
from typing import Any, Final, get_args

import msgspec

from hub import __version__
from hub.model.answers import Envelope
from hub.model.bodies import TIME_TAKES
from hub.model.records import Role
from hub.web.examples import EXAMPLES, MESSAGES
from hub.web.urls import Endpoint

REF: Final = "#/components/schemas/{name}"
QUERY: Final[dict[str, dict[str, Any]]] = {
    "page": {"type": "integer", "minimum": 1, "default": 1},
    "page_size": {"type": "integer", "minimum": 1, "maximum": 500, "default": 50},
    "status": {"type": "integer", "minimum": 1, "maximum": 4},
    "username": {"type": "string"},
    "symbol": {"type": "string"},
    "since": {"type": "string", "description": f"made at or after this time: {TIME_TAKES}"},
    "outcomes": {"type": "integer", "minimum": 0, "maximum": 1, "default": 0},
    "role": {"type": "string", "enum": list(get_args(Role))},
}
OWN_QUERY: Final[dict[tuple[str, str], dict[str, Any]]] = {
    ("/api/admin/users", "status"): {"type": "integer", "minimum": 1, "maximum": 3},
    ("/api/orders/audience", "username"): {"type": "array", "items": {"type": "string"}},
    ("/api/orders/audience", "user_id"): {"type": "array", "items": {"type": "integer", "minimum": 1}},
}
"""Where a parameter of an endpoint takes something else."""
ERRORS: Final = {
    400: "the body is not JSON",
    401: "no token, or none that counts",
    403: "the role may not, or the account is expired or disabled",
    404: "there is no such thing",
    409: "it contradicts what is stored",
    413: "the body is too large",
    422: "a field is wrong; the message names it and what it takes",
    429: "too many tries; Retry-After says how long to wait",
    503: "a store is out of reach; the message says whether anything was stored",
}


def document(endpoints: list[Endpoint]) -> dict[str, Any]:
    """The whole document."""
    structs = {kind for row in endpoints for kind in (row.takes, row.answers) if kind is not None} | {Envelope}
    ordered = sorted(structs, key=lambda kind: kind.__name__)
    _, components = msgspec.json.schema_components(ordered, ref_template=REF)
    paths: dict[str, dict[str, Any]] = {}
    for row in endpoints:
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "bn-auto hub",
            "version": __version__,
            "description": "Order push for Binance event contracts. Agents speak WebSocket at /ws: protocol/README.md.",
        },
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
        "paths": paths,
    }


def statuses(row: Endpoint) -> list[int]:
    """The errors that an endpoint can answer with."""
    found = set(row.refuses) | ({503} if row.path != "/healthz" else set())
    if row.guarded.need is not None:
        found |= {401, 403, 429}
    if row.takes is not None:
        found |= {400, 413, 422}
    if row.query:
        found |= {422}
    if "{id}" in row.path:
        found |= {404}
    return sorted(found)


def _operation(row: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{row.method.lower()}{row.path}").strip("_"),
        "summary": row.summary,
        "responses": {"200": _answer(row.answers)} | {str(status): _error(status) for status in statuses(row)},
    }
    if row.guarded.need is not None:
        operation["security"] = [{"token": []}]
        operation["description"] = f"Needs: {row.guarded.need}."
    parameters = [_query(row.path, name) for name in row.query]
    if "{id}" in row.path:
        id_schema = {"type": "integer", "minimum": 1}
        parameters.append({"name": "id", "in": "path", "required": True, "schema": id_schema})
    if row.takes_key:
        key_schema = {"type": "string", "minLength": 1, "maxLength": 128}
        parameters.append({"name": "Idempotency-Key", "in": "header", "schema": key_schema})
    if parameters:
        operation["parameters"] = parameters
    if row.takes is not None:
        operation["requestBody"] = {
            "required": not row.is_body_optional,
            "content": _json({"$ref": REF.format(name=row.takes.__name__)}, EXAMPLES[row.takes]),
        }
    return operation


def _query(path: str, name: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": OWN_QUERY.get((path, name)) or QUERY[name]}


def _answer(kind: type[Any] | None) -> dict[str, Any]:
    data = {"$ref": REF.format(name=kind.__name__)} if kind else {"type": "null"}
    example = Envelope(200, "success", EXAMPLES[kind] if kind else None)
    return {"description": "done", "content": _json(_enveloped(data), example)}


def _error(status: int) -> dict[str, Any]:
    schema = _enveloped({"type": "null"} if status != 503 else {})
    schema["properties"]["detail"] = {"type": "string", "description": "the same text as message"}
    example = {"code": status, "message": MESSAGES[status], "data": None, "detail": MESSAGES[status]}
    return {"description": ERRORS[status], "content": _json(schema, example)}


def _json(schema: dict[str, Any], example: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema, "example": msgspec.to_builtins(example)}}


def _enveloped(data: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["code", "message", "data"],
        "properties": {"code": {"type": "integer"}, "message": {"type": "string"}, "data": data},
    }
