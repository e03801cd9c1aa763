"""The login page: a QR that refreshes and is "scanned" by a call, a captcha if asked for, and what a page does then.

After the scan the cookie `p20t` is set and the page goes to its dashboard, whose requests carry `csrftoken`.
"""

import io
import itertools
from typing import Any, Final

import segno
from aiohttp import web

from .account import TAKEN, Account, Session
from .witness import now_ms

QR_GET: Final = "/bapi/accounts/v2/public/qrcode/login/get"
QR_QUERY: Final = "/bapi/accounts/v2/public/qrcode/login/query"
DASHBOARD: Final = "/en/my/dashboard"
COOKIE: Final = "p20t"

_PAGE: Final = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Log In | Exchange (stand-in)</title>
<link rel="icon" href="data:,"></head><body><h1>Log In</h1>
<div id="captcha" class="bcap-modal" style="display:%(captcha)s">
  <p>Security verification</p><button id="i-am-a-person">I am a person</button></div>
<div class="qrcode-login-popup"><img id="qr" width="240" alt="QR code"><p id="state"></p></div>
<script>
const post = (path, body) => fetch(path, {method: "POST", headers: {"content-type": "application/json",
  clienttype: "web"}, body: JSON.stringify(body || {})}).then((answer) => answer.json());
let code = null;
async function fresh() {
  const answer = await post("%(get)s");
  code = answer.data && answer.data.qrCode;
  if (code) document.getElementById("qr").src = "/_qr.svg?code=" + encodeURIComponent(code);
}
async function look() {
  if (code === null) await fresh();
  const answer = await post("%(query)s", {qrCode: code});
  const state = (answer.data && answer.data.status) || "WAITING";
  document.getElementById("state").textContent = state;
  if (state === "EXPIRED") code = null;
  if (state === "CONFIRM") { location.href = "%(dashboard)s"; return; }
  setTimeout(look, 100);
}
document.getElementById("i-am-a-person").onclick = async () => {
  await post("/_control/captcha-solved"); document.getElementById("captcha").style.display = "none";
};
look();
</script></body></html>"""

_DASHBOARD: Final = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Dashboard</title>
<link rel="icon" href="data:,"></head><body><h1>Dashboard</h1><p id="uid"></p>
<script>
fetch("/bapi/accounts/v1/private/account/get-user-base-info", {headers: {clienttype: "web",
  csrftoken: "%(csrftoken)s"}}).then((answer) => answer.json())
  .then((answer) => { document.getElementById("uid").textContent = (answer.data && answer.data.userId) || ""; });
</script></body></html>"""


class Login:
    """Knobs: how long a QR and a cookie last (`cookie_s` None: a session cookie), whether a captcha is in the way."""

    def __init__(self, account: Account) -> None:
        self.qr_s = 30.0
        self.cookie_s: float | None = 5 * 86_400.0
        self.has_captcha = False
        self.shown: list[str] = []
        self._account = account
        self._is_solved = False
        self._until_ms = 0
        self._session: Session | None = None
        self._numbers = itertools.count(1)

    def routes(self) -> list[web.RouteDef]:
        """What belongs to the page."""
        return [
            web.get("/{lang:[a-zA-Z-]{2,5}}/login", self.page),
            web.get("/{lang:[a-zA-Z-]{2,5}}/my/dashboard", self.dashboard),
            web.route("*", QR_GET, self.get_code),
            web.route("*", QR_QUERY, self.ask_code),
            web.get("/_qr.svg", self.draw),
        ]

    def scan(self) -> bool:
        """As if the person had scanned the code with the app and confirmed; False where no code is shown."""
        if not self.shown or now_ms() >= self._until_ms or self._is_barred:
            return False
        self._session = self._account.log_in(self.cookie_s if self.cookie_s is not None else 5 * 86_400)
        return True

    def solve_captcha(self) -> None:
        """As if the person had."""
        self._is_solved = True

    async def page(self, request: web.Request) -> web.StreamResponse:
        """Who is logged in goes straight to the dashboard, as with a kept profile."""
        if request.cookies.get(COOKIE) in self._account.sessions:
            raise web.HTTPFound(DASHBOARD)
        captcha = "block" if self._is_barred else "none"
        page = _PAGE % {"captcha": captcha, "get": QR_GET, "query": QR_QUERY, "dashboard": DASHBOARD}
        return web.Response(text=page, content_type="text/html")

    async def dashboard(self, request: web.Request) -> web.StreamResponse:
        """A page of somebody who is logged in."""
        session = self._account.sessions.get(request.cookies.get(COOKIE, ""))
        if session is None:
            raise web.HTTPFound("/en/login")
        return web.Response(text=_DASHBOARD % {"csrftoken": session.csrftoken}, content_type="text/html")

    async def get_code(self, _: web.Request) -> web.Response:
        """A new code, unless a captcha is in the way."""
        if self._is_barred:
            return _answer({"captcha": True})
        self._session = None
        self._until_ms = now_ms() + round(self.qr_s * 1000)
        self.shown.append(f"https://app.exchange.invalid/qr/{next(self._numbers)}")
        return _answer({"qrCode": self.shown[-1], "expiredTime": self._until_ms})

    async def ask_code(self, request: web.Request) -> web.Response:
        """What became of the code that the page shows; once confirmed it brings the cookie."""
        body = await request.json() if request.body_exists else dict(request.query)
        if self._is_barred or not self.shown or body.get("qrCode") != self.shown[-1]:
            return _answer({"status": "WAITING" if self._is_barred else "EXPIRED"})
        if self._session is None:
            return _answer({"status": "NEW" if now_ms() < self._until_ms else "EXPIRED"})
        answer = _answer({"status": "CONFIRM"})
        lasts = None if self.cookie_s is None else round(self.cookie_s)
        answer.set_cookie(COOKIE, self._session.p20t, path="/", httponly=True, max_age=lasts)
        return answer

    async def draw(self, request: web.Request) -> web.Response:
        """The code as a picture."""
        picture = io.BytesIO()
        segno.make(request.query.get("code", "")).save(picture, kind="svg", scale=6)
        return web.Response(body=picture.getvalue(), content_type="image/svg+xml")

    @property
    def _is_barred(self) -> bool:
        return self.has_captcha and not self._is_solved


def _answer(data: dict[str, Any]) -> web.Response:
    return web.json_response(
        {"code": TAKEN, "message": None, "messageDetail": None, "data": data, "success": True},
    )
