"""The hub with one route more: POST /bench/plain sends its body to every session, and stores nothing.

A program of its own (`python -m tests.bench.peers.hub_server PORT`), settings from the environment. All else is `hub
serve` as it is, so that both rows of the bench come from one process. Only the bootstrap admin may call the route.
"""

import sys
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hub import server
from hub.app import Hub
from hub.config import Settings
from hub.sessions.outbox import frame_of
from hub.sessions.wire import write_all


def with_plain_fan_out(app: Starlette, admin_token: str) -> Starlette:
    """The application and the route."""
    hub: Hub = app.state.hub

    async def plain(request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {admin_token}":
            return Response(status_code=HTTPStatus.UNAUTHORIZED)
        text = await request.body()
        frame = frame_of(text)
        for group in hub.registry.batches():
            write_all(group.outboxes, text, frame)
        return Response(status_code=HTTPStatus.ACCEPTED)

    app.router.routes.append(Route("/bench/plain", plain, methods=["POST"]))
    return app


def main() -> int:
    """Serve until a signal."""
    settings = Settings()
    build = server.build
    server.build = lambda settings: with_plain_fan_out(build(settings), settings.bootstrap_token())
    return server.serve(settings, host="127.0.0.1", port=int(sys.argv[1]))


if __name__ == "__main__":
    sys.exit(main())
