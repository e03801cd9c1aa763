"""Handshakes that are none: refused in the envelope of all answers, as every other request is."""

from http import HTTPStatus

import msgspec
from websockets.datastructures import Headers
from websockets.http11 import Response
from websockets.server import ServerProtocol


class Handshake(ServerProtocol):
    """The connection of websockets, whose refusals have a body of ours."""

    def reject(self, status: HTTPStatus | int, text: str) -> Response:
        """The answer; websockets adds the headers that its kind of refusal takes."""
        status = HTTPStatus(status)
        message = text.strip() or status.phrase
        body = msgspec.json.encode({"code": status.value, "message": message, "data": None, "detail": message})
        headers = Headers(
            [
                ("Content-Type", "application/json"),
                ("Content-Length", str(len(body))),
                ("X-Content-Type-Options", "nosniff"),
                ("Cache-Control", "no-store"),
                ("Connection", "close"),
            ]
        )
        return Response(status.value, status.phrase, headers, body)
