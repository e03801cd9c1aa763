"""/api/auth: login, verify, logout, heartbeat."""

from starlette.requests import Request
from starlette.responses import Response

from hub.access.auth import Auth
from hub.sessions.account_changes import AccountChanges
from hub.web.bodies import Credentials
from hub.web.envelope import answer, read
from hub.web.guard import Guard
from hub.web.times import Times


class AuthRoutes:
    def __init__(self, *, auth: Auth, guard: Guard, changes: AccountChanges, times: Times) -> None:
        self._auth = auth
        self._guard = guard
        self._changes = changes
        self._times = times

    async def login(self, request: Request) -> Response:
        body = await read(request, Credentials)
        address = request.client.host if request.client else ""
        login = await self._auth.login(body.username, body.password, body.device_id or "", address)
        await self._changes.user_changed(login.account.id)
        return answer(
            {
                "token": login.text,
                "user_id": login.account.id,
                "expire_at": self._times.show(login.account.expire_ms),
                "expire_ms": login.account.expire_ms,
                "token_expire_at": self._times.show(login.token.expire_ms),
                "token_expire_ms": login.token.expire_ms,
            }
        )

    async def verify(self, request: Request) -> Response:
        principal = await self._guard.anyone(request)
        account = principal.account
        return answer(
            {
                "user_id": account.id if account else None,
                "username": account.username if account else None,
                "role": principal.role,
            }
        )

    async def logout(self, request: Request) -> Response:
        principal = await self._guard.anyone(request)
        await self._auth.logout(principal)
        if principal.account is not None:
            await self._changes.user_changed(principal.account.id)
        return answer()

    async def heartbeat(self, request: Request) -> Response:
        await self._guard.trader(request)
        return answer()
