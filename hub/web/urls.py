"""The URL table: every endpoint with its right, what it takes and what it answers. Routes and `/openapi.json` are made
of it, so that neither can say what the other does not."""

from typing import Any, NamedTuple

from starlette.routing import BaseRoute, Route

from hub.model import answers, bodies
from hub.web.admin import AdminRoutes
from hub.web.auth import AuthRoutes
from hub.web.guard import Guard, Guarded
from hub.web.health import HealthRoutes
from hub.web.orders import OrderRoutes, PollingRoutes

PAGED = ("page", "page_size")
ORDERS = (*PAGED, "status", "symbol", "since", "outcomes")
USERS = (*PAGED, "username", "status", "role", "since")


class Endpoint(NamedTuple):
    """One row. `takes`: the body's struct; `answers`: that of `data` (None: null); `query`: names of its parameters;
    `refuses`: the statuses of its own that it refuses with, beside those that its guard, body and path imply;
    `takes_key`: the header Idempotency-Key is minded."""

    method: str
    path: str
    guarded: Guarded
    takes: type[Any] | None = None
    answers: type[Any] | None = None
    query: tuple[str, ...] = ()
    is_body_optional: bool = False
    refuses: tuple[int, ...] = ()
    takes_key: bool = False

    @property
    def summary(self) -> str:
        """The first sentence of the handler's docstring."""
        return self.guarded.summary


def table(
    guard: Guard,
    auth: AuthRoutes,
    orders: OrderRoutes,
    polls: PollingRoutes,
    admin: AdminRoutes,
    health: HealthRoutes,
) -> list[Endpoint]:
    """Every endpoint but the socket and the documents about the hub itself."""
    needs, trader = guard.needs, guard.trader
    return [
        Endpoint(
            "POST",
            "/api/auth/login",
            guard.public(auth.login),
            bodies.Credentials,
            answers.NewLogin,
            refuses=(401, 403, 429),
        ),
        Endpoint("GET", "/api/auth/verify", guard.login(auth.verify), None, answers.Verified),
        Endpoint("POST", "/api/auth/logout", guard.login(auth.logout)),
        Endpoint(
            "POST",
            "/api/auth/password",
            guard.either(auth.change_password),
            bodies.PasswordChange,
            refuses=(401, 403, 409, 429),
        ),
        Endpoint("POST", "/api/auth/heartbeat", trader("orders:take", auth.heartbeat)),
        Endpoint("GET", "/api/orders", needs("orders:read", orders.page), None, answers.OrderPage, ORDERS),
        Endpoint(
            "GET",
            "/api/orders/audience",
            needs("orders:publish", orders.audience),
            None,
            answers.Audience,
            ("username", "user_id"),
        ),
        Endpoint(
            "POST",
            "/api/orders/create",
            needs("orders:publish", orders.create),
            bodies.NewOrder,
            answers.NewOrderId,
            refuses=(409,),
            takes_key=True,
        ),
        Endpoint("GET", "/api/orders/pull", trader("orders:take", polls.pull), None, answers.Pulled),
        Endpoint(
            "POST",
            "/api/orders/mark-assigned",
            trader("orders:take", polls.mark_assigned),
            bodies.OrderId,
            refuses=(404, 409),
        ),
        Endpoint(
            "POST",
            "/api/orders/record-result",
            guard.any_login(polls.record_result),
            bodies.OrderResult,
            refuses=(404, 409),
        ),
        Endpoint("GET", "/api/orders/{id}", needs("orders:read", orders.show), None, answers.OrderDetail),
        Endpoint(
            "POST",
            "/api/orders/{id}/cancel",
            needs("orders:cancel", orders.cancel),
            bodies.CancelOrder,
            is_body_optional=True,
            refuses=(409,),
        ),
        Endpoint(
            "POST",
            "/api/admin/users/create",
            needs("users:write", admin.create_user),
            bodies.NewUser,
            answers.NewUserId,
            refuses=(409,),
        ),
        Endpoint(
            "POST",
            "/api/admin/users/import",
            needs("users:write", admin.import_users),
            bodies.NewUsers,
            answers.NewUserIds,
            refuses=(409,),
        ),
        Endpoint("PUT", "/api/admin/users/{id}/expire", needs("users:write", admin.set_expiry), bodies.NewExpiry),
        Endpoint("PUT", "/api/admin/users/{id}/status", needs("users:write", admin.set_status), bodies.NewStatus),
        Endpoint("PUT", "/api/admin/users/{id}/password", needs("users:write", admin.set_password), bodies.NewPassword),
        Endpoint("POST", "/api/admin/users/{id}/kick", needs("users:write", admin.kick)),
        Endpoint(
            "GET",
            "/api/admin/users",
            needs("users:read", admin.users),
            None,
            answers.AccountPage,
            USERS,
        ),
        Endpoint("GET", "/api/admin/agents", needs("agents:read", admin.agents), None, answers.AgentPage),
        Endpoint("GET", "/healthz", guard.public(health.healthz)),
        Endpoint("GET", "/readyz", guard.public(health.readyz), None, answers.Ready),
    ]


def routes(endpoints: list[Endpoint]) -> list[BaseRoute]:
    """The same as Starlette takes it."""
    return [Route(row.path, row.guarded.run, methods=[row.method]) for row in endpoints]
