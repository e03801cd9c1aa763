"""/api/auth: login, verify, logout, heartbeat."""

from starlette.requests import Request
from starlette.responses import Response

from hub.access.auth import Auth
from hub.access.principal import Bootstrap, LoggedIn, Principal
from hub.errors import Refusal
from hub.model.answers import NewLogin, Verified
from hub.model.bodies import Credentials, PasswordChange
from hub.orders.greeting import Greeting
from hub.sessions.account_changes import AccountChanges
from hub.web.envelope import address_of, answer, read
from hub.web.times import Times


class AuthRoutes:
    """Logins, as HTTP."""

    def __init__(self, *, auth: Auth, changes: AccountChanges, greeting: Greeting, times: Times) -> None:
        self._auth = auth
        self._changes = changes
        self._greeting = greeting
        self._times = times

    async def login(self, request: Request) -> Response:
        """A new session, which ends an older one of the same user."""
        body = await read(request, Credentials)
        await self._greeting.learn_hub_id()
        login = await self._auth.login(
            body.username, body.password, body.device_id or "", address_of(request), request.is_disconnected
        )
        await self._changes.made(login.change)
        return answer(
            NewLogin(
                token=login.text,
                user_id=login.account.id,
                expire_at=self._times.show(login.account.expire_ms),
                expire_ms=login.account.expire_ms,
                token_expire_at=self._times.text(login.token.expire_ms),
                token_expire_ms=login.token.expire_ms,
                hub_id=self._greeting.hub_id,
            )
        )

    async def verify(self, _request: Request, principal: Principal) -> Response:
        """Who holds the token."""
        username = principal.account.username if isinstance(principal, LoggedIn) else None
        return answer(Verified(principal.user_id, username, principal.role))

    async def logout(self, _request: Request, principal: Principal) -> Response:
        """Ends the session of this token, and no newer one."""
        if isinstance(principal, LoggedIn):
            change = await self._auth.logout(principal)
            if change is not None:
                await self._changes.made(change)
        return answer()

    async def change_password(self, request: Request, principal: Principal | None) -> Response:
        """Changes the own password: by a token, whose login goes on; by username without one, where the login ends."""
        body = await read(request, PasswordChange)
        if isinstance(principal, Bootstrap):
            raise Refusal("forbidden", "for users only")
        username = principal.account.username if principal else body.username
        if username is None:
            raise Refusal("invalid", "username: takes a name where no token is sent (is missing)")
        change = await self._auth.change_password(
            principal, username, body.old_password, body.new_password, address_of(request), request.is_disconnected
        )
        await self._changes.made(change)
        return answer()

    async def heartbeat(self, _request: Request, _principal: LoggedIn) -> Response:
        """Says that the login counts; deployed polling clients ask."""
        return answer()
