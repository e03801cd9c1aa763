"""A hub that answers what a test tells it to, on a real port: for answers that a healthy hub does not give.

Used by the tests of the command line only. The invariant: it answers in the order told, the last answer again
and again, and keeps each request.
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.services.waiting import wait_until


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


AUDIENCE = "/api/orders/audience"
Answer = Callable[["StandIn"], Coroutine[Any, Any, Response]]


def data(value: Any) -> Answer:
    return envelope(200, "success", value)


def envelope(code: int, message: str, value: Any = None) -> Answer:
    """As every hub answers."""
    body = {"code": code, "message": message, "data": value}

    async def answer(_hub: "StandIn") -> Response:
        return JSONResponse(body if code < 400 else body | {"detail": message}, code)

    return answer


def page(status: int, text: str) -> Answer:
    """As a proxy answers, or some other site."""

    async def answer(_hub: "StandIn") -> Response:
        return Response(text, status, media_type="text/html", headers={"location": "http://elsewhere.invalid/"})

    return answer


async def broken(_hub: "StandIn") -> Response:
    """The connection breaks in the middle of the answer, when the work is done already."""
    return Response("{", headers={"content-length": "100"})


async def silent(hub: "StandIn") -> Response:
    """No answer as long as the test lasts."""
    await hub.end.wait()
    return Response()


class StandIn:
    """The server. `answers` maps `METHOD /path` to what to say."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.end = asyncio.Event()
        self._answers: dict[str, list[Answer]] = {}
        methods = ["GET", "POST", "PUT"]
        app = Starlette(routes=[Route("/{path:path}", self._answer, methods=methods)])
        config = uvicorn.Config(app, log_config=None, lifespan="off", ws="none", timeout_graceful_shutdown=2)
        self._server = uvicorn.Server(config)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._run)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def on(self, request: str, *answers: Answer) -> None:
        self._answers[request] = list(answers)

    def paths(self) -> list[str]:
        return [f"{asked.method} {asked.path}" for asked in self.asked]

    def __enter__(self) -> "StandIn":
        self._thread.start()
        wait_until(lambda: self._server.started, "the stand-in listens")
        return self

    def __exit__(self, *_error: object) -> None:
        self._loop.call_soon_threadsafe(self.end.set)
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._server.serve([self._socket])

    async def _answer(self, request: Request) -> Response:
        if request.url.path == AUDIENCE and f"GET {AUDIENCE}" not in self._answers:
            return await envelope(404, "not found")(self)  # as a hub of before: each publish asks, no test has to know
        body = await request.json() if await request.body() else None
        asked = Asked(request.method, request.url.path, dict(request.query_params), dict(request.headers), body)
        self.asked.append(asked)
        answers = self._answers.get(f"{asked.method} {asked.path}") or [envelope(404, "not found")]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return await answer(self)
