"""`/_control/…`: what a test or a person does to the stand-in from outside. JSON in, JSON out."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from .faults import FAULTS

if TYPE_CHECKING:
    from .server import Exchange

Deed = Callable[[dict[str, Any]], Any]


class Control:
    """The deeds, by name."""

    def __init__(self, exchange: "Exchange") -> None:
        self._exchange = exchange

    def routes(self) -> list[web.RouteDef]:
        """One a deed; `GET /_control/witness` gives what was seen."""
        deeds: dict[str, Deed] = {
            "scan": self.scan,
            "captcha-solved": lambda _: self._exchange.login.solve_captcha(),
            "login": self.set_login,
            "session": lambda body: msgspec.to_builtins(self._exchange.account.log_in(body.get("lasts_s", 5 * 86_400))),
            "end-session": lambda _: self._exchange.account.end_sessions(),
            "fault": self.set_fault,
            "ratio": lambda body: self._exchange.account.ratios.update(body),
            "price": self.set_price,
            "drop": lambda _: {"dropped": self._exchange.drop_idle()},
        }
        posts = [web.post(f"/_control/{name}", _handler(deed)) for name, deed in deeds.items()]
        return [*posts, web.get("/_control/witness", self.witness)]

    def scan(self, _: dict[str, Any]) -> dict[str, Any]:
        """Scan the code that is shown."""
        return {"scanned": self._exchange.login.scan()}

    def set_login(self, body: dict[str, Any]) -> None:
        """`qr_s`, `cookie_s` (null: a session cookie), `captcha`."""
        login = self._exchange.login
        login.qr_s = float(body.get("qr_s", login.qr_s))
        login.has_captcha = bool(body.get("captcha", login.has_captcha))
        if "cookie_s" in body:
            login.cookie_s = None if body["cookie_s"] is None else float(body["cookie_s"])

    def set_fault(self, body: dict[str, Any]) -> None:
        """`name` (null: none any more), `on` (place-order), `times` (null: each time)."""
        name = body.get("name")
        if name is not None and name not in FAULTS:
            raise web.HTTPUnprocessableEntity(text=f"no fault {name!r}; there are {', '.join(FAULTS)}")
        self._exchange.faults.arm(name, body.get("on", "place-order"), body.get("times"))

    def set_price(self, body: dict[str, Any]) -> None:
        """`symbol`, `price`."""
        self._exchange.prices.set(body["symbol"], Decimal(str(body["price"])))

    async def witness(self, _: web.Request) -> web.Response:
        """All of it."""
        return web.json_response(msgspec.to_builtins(self._exchange.witness.seen))


def _handler(deed: Deed) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        body = await request.json() if request.body_exists else {}
        return web.json_response(deed(body) or {"done": True})

    return handle
