"""A login page like the exchange's, as a real server on loopback: two sites, a QR that refreshes, faults by name."""

import asyncio
import json
import secrets
from typing import Any, Final

from aiohttp import web

from agent.drivers.binance.login.messages import Page

QR_PATH: Final = "/bapi/accounts/v2/public/qrcode/login/get"
LOGGED_OUT: Final = "d41d8cd98f00b204e9800998ecf8427e"
"""What the page sends as its token before anybody has logged in."""

LOGIN: Final = """<!doctype html><title>Log in</title><h1>Log in</h1><canvas></canvas>
<div id=captcha style="display:none">Drag the piece</div>
<button id=open style="display:none" onclick="start()">QR</button>
<button id=refresh style="display:none" onclick="renew()">Refresh QR</button>
<script>
const faults = FAULTS;
const show = (id, on) => document.getElementById(id).style.display = on ? "block" : "none";
const www = (path, token) => fetch("WWW" + path, {headers: {csrftoken: token}, credentials: "include"});
let codes = 0;
async function renew() {
  show("refresh", false);
  const answer = await (await fetch("QR_PATH")).json();
  if (++codes && faults.refresh_by_button) setTimeout(() => show("refresh", true), faults.refresh_ms);
  else if (faults.refresh_ms) setTimeout(renew, faults.refresh_ms);
}
async function start() {
  show("open", false);
  renew();
  for (;;) {
    const state = await (await fetch("/state")).json();
    show("captcha", state.captcha);
    if (state.scanned) break;
    await new Promise(done => setTimeout(done, 50));
  }
  await fetch("/finish", {method: "POST"});
  if (!faults.stays) location = "WWW/en/my/dashboard";
}
www("/bapi/hello", "LOGGED_OUT");
faults.opened_by_button ? show("open", true) : start();
</script>"""

HOME: Final = """<!doctype html><title>Home</title><script>
const token = (document.cookie.match(/cr=([0-9a-f]+)/) || [])[1];
if (token && !FAULTS.no_requests) fetch("/bapi/hello", {headers: {csrftoken: token}});
</script>"""


class LoginPages:
    """Both sites of the exchange. `faults` are read by the pages when they are opened."""

    def __init__(self, **faults: Any) -> None:
        self.faults: dict[str, Any] = {"refresh_ms": 0, **faults}
        self.p20t = f"web.4711.{secrets.token_hex(16)}"
        self.csrftoken = secrets.token_hex(16)
        self.is_scanned = False
        self.has_captcha = bool(faults.get("captcha"))
        self.is_logged_in_kept = False
        self.codes: list[str] = []
        self.user_agents: set[str] = set()
        self.tokens: list[str] = []
        """The cookies of each request that carried a token."""
        self._runner: web.AppRunner | None = None
        self._ports: list[int] = []

    async def __aenter__(self) -> "LoginPages":
        app = web.Application(middlewares=[self._seen])
        app.add_routes(
            [
                web.get("/en/login", self._login),
                web.get(QR_PATH, self._qr),
                web.get("/state", self._state),
                web.post("/finish", self._finish),
                web.get("/en/my/dashboard", self._home),
                web.route("*", "/bapi/hello", self._hello),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        for _site in ("accounts", "www"):
            await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._ports = [address[1] for address in self._runner.addresses]
        return self

    async def __aexit__(self, *_error: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    @property
    def www(self) -> str:
        return f"http://127.0.0.1:{self._ports[1]}"

    @property
    def page(self) -> Page:
        return Page(
            login_url=f"http://127.0.0.1:{self._ports[0]}/en/login",
            www_url=self.www,
            home_url=f"{self.www}/en/my/dashboard",
            qr_path=QR_PATH,
            qr_open=("#open",),
            qr_refresh=("#refresh",),
            person_needed=("#captcha",),
        )

    def scan(self) -> None:
        """What the person does with the phone."""
        self.is_scanned = True

    @web.middleware
    async def _seen(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.user_agents.add(request.headers.get("User-Agent", ""))
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _login(self, request: web.Request) -> web.Response:
        if self.faults.get("silent"):
            await asyncio.Event().wait()
        if self.is_logged_in_kept and request.cookies.get("p20t") == self.p20t:
            raise web.HTTPFound(f"{self.www}/en/my/dashboard")
        return self._html(LOGIN)

    async def _qr(self, _request: web.Request) -> web.Response:
        self.codes.append(f"https://qr.example/{secrets.token_hex(8)}")
        return web.json_response({"code": "000000", "data": {"qrCode": self.codes[-1]}, "success": True})

    async def _state(self, _request: web.Request) -> web.Response:
        return web.json_response({"scanned": self.is_scanned, "captcha": self.has_captcha})

    async def _finish(self, _request: web.Request) -> web.Response:
        answer = web.Response()
        age = None if self.faults.get("no_expiry") else 5 * 86_400
        answer.set_cookie("p20t", self.p20t, max_age=age, httponly=True)
        answer.set_cookie("csrftoken" if self.faults.get("token_in_cookie") else "cr", self.csrftoken, max_age=age)
        return answer

    async def _home(self, _request: web.Request) -> web.Response:
        return self._html(HOME)

    async def _hello(self, request: web.Request) -> web.Response:
        if "csrftoken" in request.headers:
            self.tokens.append(request.headers.get("Cookie", ""))
        allowed = {
            "Access-Control-Allow-Origin": request.headers.get("Origin", "*"),
            "Access-Control-Allow-Headers": "csrftoken",
            "Access-Control-Allow-Credentials": "true",
        }
        return web.Response(headers=allowed)

    def _html(self, text: str) -> web.Response:
        filled = {"FAULTS": json.dumps(self.faults), "WWW": self.www, "QR_PATH": QR_PATH, "LOGGED_OUT": LOGGED_OUT}
        for name, value in filled.items():
            text = text.replace(name, value)
        return web.Response(text=text, content_type="text/html")
