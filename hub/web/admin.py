"""/api/admin: accounts, and who is connected."""

from typing import get_args

from starlette.requests import Request
from starlette.responses import Response

from hub.access.principal import Principal
from hub.admin.accounts import Administration
from hub.clock import Clock
from hub.errors import Unavailable
from hub.model.answers import AccountPage, AgentPage, NewUserId, NewUserIds
from hub.model.bodies import NewExpiry, NewPassword, NewStatus, NewUser, NewUsers
from hub.model.records import Role
from hub.sessions.presence import Survey
from hub.store import Store
from hub.store.users import UserFilter
from hub.web import views
from hub.web.envelope import MAX_LIST_BYTES, answer, path_id, query_int, query_of, read
from hub.web.orders import page_of
from hub.web.times import Times


class AdminRoutes:
    """Accounts and agents as admins see them."""

    def __init__(
        self, *, store: Store, administration: Administration, survey: Survey, times: Times, clock: Clock
    ) -> None:
        self._clock = clock
        self._store = store
        self._administration = administration
        self._survey = survey
        self._times = times

    async def create_user(self, request: Request, actor: Principal) -> Response:
        """Makes a user."""
        body = await read(request, NewUser)
        expire_ms = self._times.read("expire_at", body.expire_at)
        user_id = await self._administration.create_user(actor, body.username, body.password, body.role, expire_ms)
        return answer(NewUserId(user_id))

    async def import_users(self, request: Request, actor: Principal) -> Response:
        """Makes many users together, or none; a dry run only says what would be refused."""
        body = await read(request, NewUsers, MAX_LIST_BYTES)
        expire_ms = [self._times.read(f"users[{at}].expire_at", user.expire_at) for at, user in enumerate(body.users)]
        if body.dry_run:
            await self._administration.check_users(body.users)
            return answer(NewUserIds([]))
        return answer(NewUserIds(await self._administration.create_users(actor, body.users, expire_ms)))

    async def set_expiry(self, request: Request, actor: Principal) -> Response:
        """Sets when an account expires; a live session feels it at once."""
        body = await read(request, NewExpiry)
        expire_ms = self._times.read("expire_at", body.expire_at)
        await self._administration.set_expiry(actor, path_id(request), expire_ms)
        return answer()

    async def set_status(self, request: Request, actor: Principal) -> Response:
        """Enables or disables an account."""
        body = await read(request, NewStatus)
        await self._administration.set_status(actor, path_id(request), body.status)
        return answer()

    async def set_password(self, request: Request, actor: Principal) -> Response:
        """Sets a password, which also ends the login."""
        body = await read(request, NewPassword)
        await self._administration.set_password(actor, path_id(request), body.password)
        return answer()

    async def kick(self, request: Request, actor: Principal) -> Response:
        """Ends the user's login, if there is one."""
        await self._administration.kick(actor, path_id(request))
        return answer()

    async def users(self, request: Request, _actor: Principal) -> Response:
        """A page of users."""
        page, size = page_of(request)
        wanted = UserFilter(
            username=request.query_params.get("username"),
            status=query_int(request, "status", None, 1, 3),
            role=query_of(request, "role", get_args(Role)),
            since_ms=self._times.read("since", request.query_params.get("since")),
            now_ms=self._clock(),
        )
        total, accounts = await self._store.users.page((page - 1) * size, size, wanted)
        connected = await self._connected()
        rows = [views.account(user, user.id in connected, self._times) for user in accounts]
        return answer(AccountPage(total, rows))

    async def agents(self, _request: Request, _actor: Principal) -> Response:
        """Who is connected, over all hub processes."""
        agents = await self._survey.agents()
        return answer(AgentPage(len(agents), [views.agent(agent, self._times) for agent in agents]))

    async def _connected(self) -> set[int]:
        try:
            return {agent.user_id for agent in await self._survey.agents()}
        except Unavailable:
            # The accounts are in the database; that Redis is away only hides who is connected.
            return set()
