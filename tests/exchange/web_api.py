"""The endpoints that the web pages use: place-order, user info, the two lists; in the envelope that they all have."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

from .account import TAKEN, Account, Position, Refusal
from .connections import Connection
from .faults import Fault
from .witness import PLACE_ORDER

USER: Final = "/bapi/accounts/v1/private/account/get-user-base-info"
ONGOING: Final = "/bapi/futures/v2/private/future/event-contract/ongoing-order-list"
CLOSED: Final = "/bapi/futures/v1/private/future/event-contract/closed-order-list"

KINDS: Final = {PLACE_ORDER: "place-order", USER: "user", ONGOING: "lists", CLOSED: "lists"}
_HTML: Final = "<!doctype html><html><body><h1>%s</h1></body></html>"


class WebApi:
    """`connection_of` finds the connection of a request, `slow_s` is how late the fault `slow` answers."""

    def __init__(self, account: Account, connection_of: Callable[[web.Request], Connection]) -> None:
        self.slow_s = 1.0
        self._account = account
        self._connection_of = connection_of

    def routes(self) -> list[web.RouteDef]:
        """Under `/bapi/`."""
        return [
            web.post(PLACE_ORDER, self.place),
            web.get(USER, self.user),
            web.route("*", ONGOING, self.ongoing),
            web.route("*", CLOSED, self.closed),
        ]

    async def place(self, request: web.Request) -> web.StreamResponse:
        """Take an order, once for each time it is asked."""
        self._refuse_strangers(request)
        position = self._account.place(await _json(request))
        if isinstance(position, Refusal):
            return envelope(position.code, position.data, position.words)
        return envelope(data={"orderId": str(position.id), "openPrice": str(position.opened_price)})

    async def user(self, request: web.Request) -> web.Response:
        """Who this session is of."""
        self._refuse_strangers(request)
        return envelope(data={"userId": self._account.uid, "email": "t***@example.invalid"})

    async def ongoing(self, request: web.Request) -> web.Response:
        """What still runs, newest first."""
        self._refuse_strangers(request)
        self._account.settle_due()
        running = [one for one in self._account.positions if one.closed_price is None]
        return envelope(data=_page(await _query(request), [_row(one) for one in reversed(running)]))

    async def closed(self, request: web.Request) -> web.Response:
        """What has ended between `startTime` and `endTime`, newest first."""
        self._refuse_strangers(request)
        self._account.settle_due()
        query = await _query(request)
        start, end = int(query.get("startTime", 0)), int(query.get("endTime", 2**53))
        ended = [one for one in self._account.positions if one.closed_price is not None]
        return envelope(data=_page(query, [_row(one) for one in reversed(ended) if start <= one.opened_ms <= end]))

    async def go_wrong(self, fault: Fault, request: web.Request, answer: Callable[[], Any]) -> web.StreamResponse:
        """What this fault makes of the request; `answer` is what would have been answered."""
        if fault.name == "session-ended":
            self._account.end_sessions()
            return await answer()  # type: ignore[no-any-return]
        if not fault.takes:
            return _instead(fault, request)
        right: web.Response = await answer()
        return await self._spoil(fault, request, right)

    async def _spoil(self, fault: Fault, request: web.Request, right: web.Response) -> web.StreamResponse:
        """It was taken; the answer is what goes wrong."""
        match fault.name:
            case "slow":
                await asyncio.sleep(self.slow_s)
            case "never":
                await asyncio.Event().wait()
            case "cut-after-reading":
                self._connection_of(request).cut()
            case "no-id":
                return envelope(data={})
            case "changed-fields":
                return web.json_response({"status": "OK", "result": {"ticket": "T1"}})
            case "10-mb":
                return envelope(data={"orderId": "1", "padding": "x" * 10_000_000})
            case "half-an-answer":
                return await self._half(request, right)
        return right

    async def _half(self, request: web.Request, right: web.Response) -> web.StreamResponse:
        body = right.body
        assert isinstance(body, bytes)
        half = web.StreamResponse(headers={"content-type": "application/json", "content-length": str(len(body))})
        await half.prepare(request)
        await half.write(body[: len(body) // 2])
        transport = request.transport
        assert transport is not None
        transport.close()
        return half

    def _refuse_strangers(self, request: web.Request) -> None:
        token, cookie = request.headers.get("csrftoken", ""), request.cookies.get("p20t", "")
        if request.headers.get("clienttype") != "web" or not self._account.is_valid(cookie, token):
            raise web.HTTPUnauthorized(
                text=envelope("100001005", words="Please log in first").text, content_type="application/json"
            )


def envelope(code: str = TAKEN, data: Any = None, words: str | None = None) -> web.Response:
    """The shape of every answer. What is not taken has no data."""
    body = {"code": code, "message": words, "messageDetail": None, "data": data, "success": code == TAKEN}
    return web.json_response(body)


def _instead(fault: Fault, request: web.Request) -> web.Response:
    """It was not taken, and this is what is said."""
    match fault.name:
        case "html":
            return web.Response(text=_HTML % "Please wait", content_type="text/html")
        case "redirect":
            return web.Response(status=307, headers={"location": request.path_qs})
        case "echo":
            token, cookie = request.headers.get("csrftoken", ""), request.headers.get("cookie", "")
            return envelope(fault.code, {"given": [token, {"p20t": cookie}], cookie: "?"}, f"bad {token} and {cookie}")
        case "ratio-changed":
            return envelope(fault.code, {"payoutRatio": "0.75"}, "Ratio has changed")
    if fault.code:
        return envelope(fault.code, words=fault.words)
    return web.Response(status=fault.status, text=_HTML % fault.status, content_type="text/html")


async def _json(request: web.Request) -> Any:
    try:
        return await request.json()
    except ValueError:
        return None


async def _query(request: web.Request) -> dict[str, Any]:
    return dict(request.query) | ((await _json(request) or {}) if request.method == "POST" else {})


def _page(query: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    page, size = int(query.get("page", 1)), min(int(query.get("rows", 20)), 100)
    return {"total": len(rows), "rows": rows[(page - 1) * size : page * size]}


def _row(position: Position) -> dict[str, Any]:
    row: dict[str, Any] = {
        "orderId": str(position.id),
        "symbolName": position.symbol,
        "direction": position.direction,
        "timeIncrements": position.increment,
        "orderAmount": str(position.stake),
        "payoutRatio": str(position.ratio),
        "openPrice": str(position.opened_price),
        "openTime": position.opened_ms,
        "endTime": position.ends_ms,
    }
    if position.closed_price is not None:
        row |= {"closePrice": str(position.closed_price), "profit": str(position.profit)}
    return row
