"""Who may come in: each route is wrapped by what it needs, and its handler is handed who asks."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from hub.access.audit import Audit
from hub.access.auth import Auth, Examined
from hub.access.pace import Pace
from hub.access.principal import Bootstrap, LoggedIn, Principal
from hub.errors import Refusal
from hub.model.rights import Right, may, whose
from hub.sessions.door import KNOWN
from hub.web.envelope import address_of, bearer

Handler = Callable[[Request], Awaitable[Response]]


class Guarded(NamedTuple):
    """A handler behind its guard. `need`: a right, `login`, `any login` (also an ended one), or None for everybody."""

    need: Right | str | None
    run: Handler
    summary: str


class Guard:
    """Refuses 401 without a good token, 403 for what the role may not do or an unfit account, 429 for a trader who asks
    without end."""

    def __init__(self, auth: Auth, audit: Audit) -> None:
        self._auth = auth
        self._audit = audit
        self._pace = Pace()

    def public(self, handler: Handler) -> Guarded:
        """For everybody."""
        return Guarded(None, handler, _summary(handler))

    def either(self, handler: Callable[[Request, Principal | None], Awaitable[Response]]) -> Guarded:
        """For everybody; a token that is sent has to be good."""

        async def run(request: Request) -> Response:
            return await handler(request, await self._authenticate(request) if bearer(request) is not None else None)

        return Guarded(None, run, _summary(handler))

    def login(self, handler: Callable[[Request, Principal], Awaitable[Response]]) -> Guarded:
        """For whoever holds a good token."""

        async def run(request: Request) -> Response:
            return await handler(request, await self._authenticate(request))

        return Guarded("login", run, _summary(handler))

    def needs(self, right: Right, handler: Callable[[Request, Principal], Awaitable[Response]]) -> Guarded:
        """For those whose role has the right."""

        async def run(request: Request) -> Response:
            principal = await self._authenticate(request)
            if not may(principal.role, right):
                raise self._forbidden(principal, right)
            return await handler(request, principal)

        return Guarded(right, run, _summary(handler))

    def _forbidden(self, principal: Principal, right: Right) -> Refusal:
        refused = Refusal("forbidden", f"for {whose(right)}s only")
        self._audit.note("access", "refused", principal, reason=refused.message, detail=right)
        return refused

    async def _authenticate(self, request: Request) -> Principal:
        principal = await self._auth.authenticate(bearer(request), address_of(request))
        become_known = request.scope.get("state", {}).get(KNOWN)
        if become_known is not None:
            become_known()
        if isinstance(principal, LoggedIn) and principal.role == "trader":
            await self._pace.turn(principal.account.id)
        return principal

    def trader(self, right: Right, handler: Callable[[Request, LoggedIn], Awaitable[Response]]) -> Guarded:
        """The same where the login itself matters: the bootstrap token has no orders of its own."""

        async def run(request: Request, principal: Principal) -> Response:
            if isinstance(principal, Bootstrap):
                raise Refusal("forbidden", "for traders only")
            return await handler(request, principal)

        return self.needs(right, run)._replace(summary=_summary(handler))

    def any_login(self, handler: Callable[[Request, Examined], Awaitable[Response]]) -> Guarded:
        """For traders, also by a login that has ended: a fact is not refused for its messenger's state."""

        async def run(request: Request) -> Response:
            text = bearer(request)
            if text is None or not self._auth.is_of_login(text):
                await self._auth.authenticate(text, address_of(request))
                raise Refusal("forbidden", "for traders only")
            examined = await self._auth.examine(text)
            await self._pace.turn(examined.token.user_id)
            if examined.account is not None and not may(examined.account.role, "orders:take"):
                raise Refusal("forbidden", "for traders only")
            return await handler(request, examined)

        return Guarded("any login", run, _summary(handler))


def _summary(handler: object) -> str:
    """The first sentence of a handler's docstring."""
    return (handler.__doc__ or "").strip().splitlines()[0] if handler.__doc__ else ""
