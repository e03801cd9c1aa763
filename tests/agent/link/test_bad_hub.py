"""Something that is no hub, or a bad one: no trace, no redirect followed, nothing endless read, nothing sent in the
clear."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from agent.app import build
from agent.config import Settings
from agent.link.api import MOST_ANSWER_BYTES, Credentials, HubApi, Unavailable
from agent.link.hub_time import HubClock
from agent.link.reconnecting import Link
from agent.model.events import Events
from agent.model.moments import local
from agent.world import REAL
from protocol.text import clean

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
GOOD = {"token": "a.b.c", "user_id": 1, "token_expire_ms": 1, "expire_ms": None, "hub_id": "hub-1"}


@asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[str]:
    """A server on loopback that answers every request so; its address."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def enveloped(**data: object) -> bytes:
    return json.dumps({"code": 200, "message": "success", "data": GOOD | data}).encode()


ODD: dict[str, bytes] = {
    "nothing": b"",
    "a page": b"<html>welcome</html>",
    "bytes": bytes(range(256)),
    "a list": b"[]",
    "null": b"null",
    "no data": b'{"code":200}',
    "data of another kind": b'{"code":200,"data":"yes"}',
    "deep nesting": b'{"code":200,"data":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "text that is no text": b'{"code":200,"message":"\xff\xfe","data":{}}',
    "half a pair of signs": b'{"code":200,"data":{"token":"\\ud800","user_id":1,"token_expire_ms":1}}',
    "a token with a line in it": enveloped(token="a\r\nX-Other: b"),
    "an empty token": enveloped(token=""),
    "a huge id": enveloped(user_id=2**70),
    "a negative id": enveloped(user_id=-1),
    "an id as a fraction": enveloped(user_id=1.5),
    "no time of ours": enveloped(token_expire_ms=10**30),
    "a negative time": enveloped(expire_ms=-5),
    "a hub's id that is a path": enveloped(hub_id="../../elsewhere"),
}


@pytest.mark.parametrize("what", ODD)
async def test_an_odd_answer_is_one_sentence(what: str) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=ODD[what], content_type="application/json")

    async with answering(answer) as server:
        with pytest.raises(Unavailable, match="this does not answer like a hub"):
            await HubApi(server).login(Credentials("ann", "a good password"), "device-1")


async def test_a_good_answer_is_a_session() -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=enveloped(), content_type="application/json")

    async with answering(answer) as server:
        session = await HubApi(server).login(Credentials("ann", "a good password"), "device-1")
        assert getattr(session, "token", None) == "a.b.c"


async def test_an_endless_answer_is_not_read_to_its_end() -> None:
    sent = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while sent < 100 * MOST_ANSWER_BYTES:
                await response.write(b" " * 65_536)
                sent += 65_536
        except ConnectionError:
            pass
        return response

    async with answering(answer) as server:
        with pytest.raises(Unavailable, match="says more than"):
            await HubApi(server).login(Credentials("ann", "a good password"), "device-1")
    assert sent < 100 * MOST_ANSWER_BYTES


async def test_no_redirect_is_followed_anywhere() -> None:
    elsewhere: list[str] = []

    async def other(request: web.Request) -> web.Response:
        elsewhere.append(request.path)
        return web.Response(body=enveloped(), content_type="application/json")

    async with answering(other) as target:

        async def redirect(request: web.Request) -> web.Response:
            return web.Response(status=307, headers={"Location": target + request.path})

        async with answering(redirect) as server:
            api = HubApi(server)
            await api.login(Credentials("ann", "a good password"), "device-1")
            assert (await api.health()).status == 307
            link = Link(server, HubClock(REAL), Events(), REAL)
            attempt = await link._attempt("a.b.c", None)  # type: ignore[arg-type]
            assert attempt.close.retry
            assert "this does not answer like a hub" in attempt.reason
    assert elsewhere == []


@pytest.mark.parametrize(("header", "wait_s"), [("7", 7), ("0", 1), ("99999", 120), ("-3", 1), ("soon", 1), ("", 1)])
async def test_a_busy_hub_is_asked_again_when_it_says(header: str, wait_s: float) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": header}, body=b"{}")

    async with answering(answer) as server:
        with pytest.raises(Unavailable) as busy:
            await HubApi(server).login(Credentials("ann", "a good password"), "device-1")
    assert busy.value.retry_after_s == wait_s


def test_a_password_is_not_sent_in_the_clear_unless_it_is_meant(tmp_path: Path) -> None:
    def made(server: str, **given: object) -> None:
        config = Settings(server_url=server, data_dir=tmp_path, _env_file=None, **given)  # type: ignore[call-arg, arg-type]
        build(config, Credentials("ann", "a good password"))

    with pytest.raises(ValueError, match="--insecure-http"):
        made("http://hub.example:8000")
    made("http://127.0.0.1:8000")
    made("https://hub.example")
    made("http://hub.example:8000", insecure_http=True)


def test_moments_that_no_calendar_has_are_shown_as_numbers() -> None:
    assert local(0, "%Y") in ("1969", "1970")
    assert local(2**53 - 1, "%Y") == str(2**53 - 1)
    assert local(-(10**30), "%Y") == str(-(10**30))


def test_text_from_outside_steers_no_terminal() -> None:
    assert clean("a\x1b[31mb\r\n\u202ec\u2028[/docs]") == "a·[31mb···c·[/docs]"
    assert clean("价格 5 €") == "价格 5 €"
