"""The envelope of every answer, the error table, and how bodies are read.

The invariants: the HTTP status equals `code`, an error also has `detail` with
the same text, and no answer shows a traceback.
"""

import re
from collections.abc import Collection
from typing import Any, Final, TypeVar

import msgspec
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import Response

from hub.errors import InDoubt, Refusal, Unavailable
from hub.model.answers import PartAnswer, Ready
from hub.model.bodies import TAKES
from hub.sessions.door import REST
from protocol.text import whole

MAX_BODY_BYTES: Final = 64 * 1024
MAX_LIST_BYTES: Final = 512 * 1024
"""Of a list that an admin sends."""
LARGEST_ID: Final = 2**63 - 1

T = TypeVar("T")
log = structlog.get_logger(__name__)
_encoder: Final = msgspec.json.Encoder()
PUBLIC: Final = {"x-content-type-options": "nosniff"}
PRIVATE: Final = PUBLIC | {"cache-control": "no-store"}
"""Of every answer but the documents about the hub itself: no cache keeps a token or what one was needed for."""


def answer(data: Any = None) -> Response:
    """200, with the data."""
    return _json(200, {"code": 200, "message": "success", "data": data})


def refused(refusal: Refusal) -> Response:
    """The caller's fault."""
    headers = {}
    if refusal.reason == "unauthorized":
        headers["www-authenticate"] = "Bearer"
    if refusal.retry_after_s is not None:
        headers["retry-after"] = str(refusal.retry_after_s)
    return _error(refusal.status, refusal.message, headers)


def unavailable(error: Unavailable) -> Response:
    """The environment's fault: try again."""
    log.warning("request failed", error=str(error))
    if isinstance(error, InDoubt):
        text = f"{error.what} went out of reach: it is not known whether it was stored"
        settles = f"; ask with this key before repeating: Idempotency-Key: {error.key}" if error.key else ""
        return _error(503, text + (settles or "; look before repeating"), {"retry-after": "1"})
    return _error(503, f"{error.what} is out of reach: nothing was stored, try again", {"retry-after": "1"})


def not_ready(parts: list[PartAnswer]) -> Response:
    """503 with every part; the message names those that do not work."""
    message = "; ".join(f"{part.name}: {part.why}" for part in parts if not part.is_ready)
    content = {"code": 503, "message": message, "data": Ready(parts), "detail": message}
    return _json(503, content, {"retry-after": "1"})


async def on_refusal(request: Request, error: Exception) -> Response:
    if not isinstance(error, Refusal):
        return await on_bug(request, error)
    rest = request.scope.get("state", {}).get(REST)
    if rest is not None and error.retry_after_s is not None:
        rest()
    return refused(error)


async def on_unavailable(_request: Request, error: Exception) -> Response:
    return unavailable(error) if isinstance(error, Unavailable) else await on_bug(_request, error)


async def on_http(_request: Request, error: Exception) -> Response:
    """What the router says itself: 404 for an unknown path, 405 for a method."""
    if not isinstance(error, HTTPException):
        return await on_bug(_request, error)
    return _error(error.status_code, error.detail, dict(error.headers or {}))


async def on_bug(request: Request, error: Exception) -> Response:
    """Ours: logged with its trace, never shown."""
    log.error("bug", method=request.method, path=request.url.path, exc_info=error)
    return _error(500, "the hub failed; the operator finds the cause in its log", {})


ERRORS: Final[dict[Any, Any]] = {
    Refusal: on_refusal,
    Unavailable: on_unavailable,
    HTTPException: on_http,
    Exception: on_bug,
}


def bearer(connection: HTTPConnection) -> str | None:
    """The token of `Authorization: Bearer …`."""
    # From the raw list: on the way of a connection, making a Headers object costs more than reading one header.
    for name, value in connection.scope["headers"]:
        if name == b"authorization":
            scheme, _, token = value.decode("latin-1").partition(" ")
            return token.strip() if scheme.lower() == "bearer" and token.strip() else None
    return None


def address_of(connection: HTTPConnection) -> str:
    """The caller's address; empty where the server knows none."""
    client = connection.scope.get("client")
    return client[0] if client else ""


async def read(request: Request, shape: type[T], most: int = MAX_BODY_BYTES) -> T:
    """The body as this struct. Refuses 400 what is no JSON, 413 what is too large, 422 naming the field."""
    return _parsed(await _body(request, most), shape)


async def read_fact(request: Request, shape: type[T]) -> T:
    """The same; a text that was cut in the middle of a character is mended and is no reason to refuse a fact."""
    return _parsed(whole(await _body(request)).encode(), shape)


def _parsed(body: bytes, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        raise Refusal("invalid", _explain(error)) from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise Refusal("bad_request", f"the body is not JSON in UTF-8: {error}") from None
    except RecursionError:
        raise Refusal("bad_request", "the body is not JSON that we take: nested too deeply") from None


async def read_or(request: Request, default: T) -> T:
    """The same where the body may be left out."""
    body = await _body(request)
    return _parsed(body, type(default)) if body else default


async def _body(request: Request, most: int = MAX_BODY_BYTES) -> bytes:
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > most:
                raise Refusal("too_large", f"the body is over {most} bytes")
    except ClientDisconnect:
        # Nobody reads this answer; it keeps a caller that hangs up from looking like a bug of ours in the log.
        raise Refusal("bad_request", "the body ended early") from None
    return bytes(body)


def query_int(request: Request, field: str, default: int | None, low: int, high: int) -> int | None:
    """A whole number of the query string. Refuses 422 naming the field."""
    text = request.query_params.get(field)
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,18}", text) or not low <= int(text) <= high:
        raise Refusal("invalid", f"{field}: takes a whole number from {low} to {high}")
    return int(text)


def query_of(request: Request, field: str, known: Collection[str]) -> str | None:
    """One of these words of the query string. Refuses 422 naming the field."""
    text = request.query_params.get(field)
    if text is not None and text not in known:
        raise Refusal("invalid", f"{field}: takes one of {', '.join(known)}")
    return text


def path_id(request: Request) -> int:
    """The id in the path. What no id can be is not found."""
    text: str = request.path_params["id"]
    if not re.fullmatch(r"[0-9]{1,19}", text) or not 1 <= int(text) <= LARGEST_ID:
        raise Refusal("not_found", f"there is no {text[:40]!r}")
    return int(text)


def _explain(error: msgspec.ValidationError) -> str:
    """msgspec's words, with the field first and what it takes."""
    what, _, path = str(error).partition(" - at `")
    field = path.rstrip("`").removeprefix("$").lstrip(".")
    if missing := re.search(r"missing required field `(.+?)`", what):
        field = f"{field}.{missing[1]}".lstrip(".")
        what = "is missing"
    takes = TAKES.get(re.sub(r"\[[^]]*\]$", "", field).rpartition(".")[2])
    return f"{field or 'body'}: {f'takes {takes}' if takes else 'takes a JSON object'} ({what})"


def _error(status: int, message: str, headers: dict[str, str]) -> Response:
    return _json(status, {"code": status, "message": message, "data": None, "detail": message}, headers)


def document(content: object) -> Response:
    """A document of its own, without the envelope."""
    return Response(_encoder.encode(content), 200, PUBLIC, media_type="application/json")


def plain(text: bytes, media_type: str) -> Response:
    """Text of its own kind, without the envelope."""
    return Response(text, 200, PRIVATE, media_type=media_type)


def _json(status: int, content: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    return Response(_encoder.encode(content), status, PRIVATE | (headers or {}), media_type="application/json")
