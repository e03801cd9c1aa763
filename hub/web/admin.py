"""/api/admin: accounts, and who is connected."""

from starlette.requests import Request
from starlette.responses import Response

from hub.admin.accounts import Administration
from hub.errors import Unavailable
from hub.sessions.presence import Survey
from hub.store import Store
from hub.web import views
from hub.web.bodies import NewExpiry, NewPassword, NewStatus, NewUser
from hub.web.envelope import answer, path_id, query_int, read
from hub.web.guard import Guard
from hub.web.times import Times


class AdminRoutes:
    def __init__(
        self, *, store: Store, administration: Administration, survey: Survey, guard: Guard, times: Times
    ) -> None:
        self._store = store
        self._administration = administration
        self._survey = survey
        self._guard = guard
        self._times = times

    async def create_user(self, request: Request) -> Response:
        actor = await self._guard.admin(request)
        body = await read(request, NewUser)
        expire_ms = self._times.read("expire_at", body.expire_at)
        user_id = await self._administration.create_user(actor, body.username, body.password, body.role, expire_ms)
        return answer({"user_id": user_id})

    async def set_expiry(self, request: Request) -> Response:
        actor = await self._guard.admin(request)
        body = await read(request, NewExpiry)
        expire_ms = self._times.read("expire_at", body.expire_at)
        await self._administration.set_expiry(actor, path_id(request), expire_ms)
        return answer()

    async def set_status(self, request: Request) -> Response:
        actor = await self._guard.admin(request)
        body = await read(request, NewStatus)
        await self._administration.set_status(actor, path_id(request), body.status)
        return answer()

    async def set_password(self, request: Request) -> Response:
        actor = await self._guard.admin(request)
        body = await read(request, NewPassword)
        await self._administration.set_password(actor, path_id(request), body.password)
        return answer()

    async def kick(self, request: Request) -> Response:
        actor = await self._guard.admin(request)
        await self._administration.kick(actor, path_id(request))
        return answer()

    async def users(self, request: Request) -> Response:
        await self._guard.admin(request)
        page = query_int(request, "page", 1, 1, 10**9) or 1
        size = query_int(request, "page_size", 50, 1, 500) or 50
        total, accounts = await self._store.users.page((page - 1) * size, size, request.query_params.get("username"))
        connected = await self._connected()
        rows = [views.account(user, user.id in connected, self._times) for user in accounts]
        return answer({"total": total, "list": rows})

    async def agents(self, request: Request) -> Response:
        await self._guard.admin(request)
        agents = await self._survey.agents()
        return answer({"total": len(agents), "list": [views.agent(agent, self._times) for agent in agents]})

    async def _connected(self) -> set[int]:
        try:
            return {agent.user_id for agent in await self._survey.agents()}
        except Unavailable:
            # The accounts are in the database; that Redis is away only hides who is connected.
            return set()
