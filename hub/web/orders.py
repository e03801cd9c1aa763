"""/api/orders: publishing and watching for admins, polling for traders."""

import re

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hub.access.auth import Examined
from hub.access.principal import LoggedIn, Principal
from hub.admin.publishing import Publishing
from hub.clock import Clock
from hub.errors import Refusal
from hub.model.answers import NewOrderId, OrderAnswer, OrderPage, Pulled
from hub.model.bodies import CancelOrder, NewOrder, OrderId, OrderResult, Target
from hub.model.delivery import is_in_window
from hub.model.funnel import Outcomes, funnel, is_settled
from hub.model.records import OrderRow
from hub.orders.polling import Polling
from hub.store import Store
from hub.web import views
from hub.web.envelope import answer, path_id, query_int, read, read_fact, read_or
from hub.web.times import Times
from protocol.messages import Outcome

LONGEST_KEY = 128


class OrderRoutes:
    """Orders as admins see them."""

    def __init__(self, *, store: Store, publishing: Publishing, times: Times, clock: Clock) -> None:
        self._clock = clock
        self._store = store
        self._publishing = publishing
        self._times = times

    async def create(self, request: Request, admin: Principal) -> Response:
        """Publishes an order. The same Idempotency-Key gives the first answer again."""
        body = await read(request, NewOrder)
        row = await self._publishing.publish(admin, body, _idempotency_key(request))
        return answer(NewOrderId(row.order.id))

    async def page(self, request: Request, _admin: Principal) -> Response:
        """A page of orders, newest first."""
        page, size = page_of(request)
        status = query_int(request, "status", None, 1, 4)
        symbol = request.query_params.get("symbol")
        since_ms = self._times.read("since", request.query_params.get("since"))
        total, rows = await self._store.orders.page((page - 1) * size, size, status, symbol, since_ms)
        # Asked for, since they are counted from each order's rows.
        is_counted = bool(query_int(request, "outcomes", 0, 0, 1))
        counts = await self._store.assignments.outcomes([row.order.id for row in rows]) if is_counted and rows else {}
        return answer(OrderPage(total, [self._listed(row, counts.get(row.order.id)) for row in rows]))

    def _listed(self, row: OrderRow, counts: dict[str, int] | None) -> OrderAnswer:
        return views.order_for_admin(row, self._times, None if counts is None else Outcomes(**counts))

    async def audience(self, request: Request, _admin: Principal) -> Response:
        """Says whom an order would reach now: everybody, or the users named."""
        named: list[Target] = [*request.query_params.getlist("username"), *_user_ids(request)]
        return answer(await self._publishing.audience(named or None))

    async def show(self, request: Request, _admin: Principal) -> Response:
        """One order, with its funnel."""
        order_id = path_id(request)
        row = await self._store.orders.get(order_id)
        if row is None:
            raise Refusal("not_found", f"there is no order {order_id}")
        assignments, absent = await self._store.assignments.of_order(order_id, row.targets, row.order.created_ms)
        is_open = row.is_live and is_in_window(row.order, self._clock())
        counts = funnel(assignments, absent, is_open)
        contradictions = await self._store.contradictions.of_order(order_id)
        settled = is_settled(counts, is_open)
        return answer(views.order_in_detail(row, counts, settled, assignments, contradictions, self._times))

    async def cancel(self, request: Request, admin: Principal) -> Response:
        """Cancels an order: what is not submitted yet will not be."""
        order_id = path_id(request)
        body = await read_or(request, CancelOrder())
        await self._publishing.cancel(admin, order_id, body.reason)
        return answer()


class PollingRoutes:
    """Orders for clients that poll, and results over HTTP."""

    def __init__(self, *, polling: Polling, times: Times) -> None:
        self._polling = polling
        self._times = times

    async def pull(self, _request: Request, trader: LoggedIn) -> Response:
        """Claims the oldest order in window that this user has not got."""
        order = await self._polling.pull(trader.token)
        return answer(Pulled(views.order_for_trader(order, self._times) if order else None))

    async def mark_assigned(self, request: Request, trader: LoggedIn) -> Response:
        """Says that a pulled order arrived; without a pull it takes the order."""
        await self._polling.mark_assigned(trader.token, (await read(request, OrderId)).order_id)
        return answer()

    async def record_result(self, request: Request, who: Examined) -> Response:
        """Records what came of an order, also under a login that has ended, until an hour after its window."""
        body = await read_fact(request, OrderResult)
        result = body.result
        outcome: Outcome = result.outcome or ("success" if result.success else "failed")
        await self._polling.record_result(
            msgspec.structs.replace(who.token, device_id=body.device_id or who.token.device_id),
            who.close,
            body.order_id,
            outcome,
            result.executed_ms,
            result.message,
            result.data,
        )
        return answer()


def page_of(request: Request) -> tuple[int, int]:
    """The page and its size."""
    return query_int(request, "page", 1, 1, 10**9) or 1, query_int(request, "page_size", 50, 1, 500) or 50


def _user_ids(request: Request) -> list[int]:
    given = request.query_params.getlist("user_id")
    if wrong := [text for text in given if not re.fullmatch(r"[0-9]{1,18}", text)]:
        raise Refusal("invalid", f"user_id: takes a user's id, not {wrong[0][:40]!r}")
    return [int(text) for text in given]


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not (1 <= len(key) <= LONGEST_KEY and key.isprintable()):
        raise Refusal("invalid", f"Idempotency-Key: takes 1 to {LONGEST_KEY} printable characters")
    return key
