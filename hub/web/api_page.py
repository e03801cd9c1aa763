"""The page about the HTTP interface, made of `/openapi.json`:

curl http://127.0.0.1:8000/openapi.json | python -m hub.web.api_page >hub/docs/api.md
"""

import json
import sys
from typing import Any

HEAD = """\
# The HTTP interface

JSON over HTTP; this page is made of `GET /openapi.json`, which holds the schemas too. Send `Authorization: Bearer
TOKEN` where an endpoint needs a right: the token of a login, or for an admin the bootstrap token. Every answer is
`{"code": …, "message": …, "data": …}`, and `code` equals the HTTP status; an error has `detail` too, the same text as
`message`. A 422's message begins with the field and says what it takes; 429 and 503 have `Retry-After`. Times stand
twice: as text in the hub's zone (`…_at`), and in epoch milliseconds (`…_ms`). Fields that you do not know are to be
ignored.

A program that polls logs in, pulls each second (`GET /api/orders/pull`), and reports with `POST
/api/orders/record-result`. A pull claims the order for this user, counts as its ack, and hands it out once. Agents
that are pushed to speak WebSocket: [`protocol/README.md`](../../protocol/README.md).
"""


def page(document: dict[str, Any]) -> str:
    """The whole page."""
    sections = [
        _section(method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    return "\n".join([HEAD, *sections])


def _section(method: str, path: str, operation: dict[str, Any]) -> str:
    lines = [
        f"## {method} {path}",
        "",
        operation["summary"] + " " + operation.get("description", "Needs no token."),
        "",
    ]
    for parameter in operation.get("parameters", []):
        lines.append(f"- `{parameter['name']}` ({parameter['in']}): {_bounds(parameter['schema'])}")
    if operation.get("parameters"):
        lines.append("")
    if "requestBody" in operation:
        lines += _block(operation["requestBody"])
    for status, answer in operation["responses"].items():
        if status == "200":
            lines += ["200:", "", *_block(answer)]
    errors = {status: answer for status, answer in operation["responses"].items() if status != "200"}
    if errors:
        lines += ["| status | when | for example |", "|---|---|---|"]
        for status, answer in errors.items():
            example = json.dumps(_example(answer), ensure_ascii=False)
            lines.append(f"| {status} | {answer['description']} | `{example}` |")
        lines.append("")
    return "\n".join(lines)


def _block(content: dict[str, Any]) -> list[str]:
    return ["```json", json.dumps(_example(content), ensure_ascii=False, indent=2), "```", ""]


def _example(content: dict[str, Any]) -> Any:
    return content["content"]["application/json"]["example"]


def _bounds(schema: dict[str, Any]) -> str:
    words = [schema["type"]]
    words += [f"{name} {schema[key]:,}" for name, key in (("from", "minimum"), ("to", "maximum")) if key in schema]
    words += [
        f"{name} {schema[key]}" for name, key in (("default", "default"), ("at most", "maxLength")) if key in schema
    ]
    return ", ".join(words)


if __name__ == "__main__":
    sys.stdout.write(page(json.load(sys.stdin)))
