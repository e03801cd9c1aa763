"""Who may come in: one guard for all handlers."""

from starlette.requests import Request

from hub.access.auth import Auth, Principal
from hub.errors import Refusal
from hub.model.tokens import Token
from hub.web.envelope import bearer
from protocol.closes import Close


class Guard:
    """Refuses 401 without a good token, 403 for the wrong role or an unfit account."""

    def __init__(self, auth: Auth) -> None:
        self._auth = auth

    async def anyone(self, request: Request) -> Principal:
        return await self._auth.authenticate(bearer(request))

    async def admin(self, request: Request) -> Principal:
        principal = await self.anyone(request)
        if principal.role != "admin":
            raise Refusal("forbidden", "for admins only")
        return principal

    async def trader(self, request: Request) -> Token:
        principal = await self.anyone(request)
        if principal.role != "trader" or principal.token is None:
            raise Refusal("forbidden", "for traders only")
        return principal.token

    async def reporter(self, request: Request) -> tuple[Principal, Close | None]:
        """Who holds the token, and what is wrong with the login: a result is taken from an ended one too."""
        text = bearer(request)
        if text is None or self._auth.is_bootstrap(text):
            principal, close = await self._auth.authenticate(text), None
        else:
            principal, close = await self._auth.examine(text)
        if principal.role != "trader":
            raise Refusal("forbidden", "for traders only")
        return principal, close
