"""/api/orders: publishing and watching for admins, polling for traders."""

from starlette.requests import Request
from starlette.responses import Response

from hub.access.auth import Principal
from hub.clock import now_ms
from hub.errors import Refusal
from hub.model.delivery import is_in_window
from hub.model.funnel import funnel, is_settled
from hub.model.records import Draft, OrderRow
from hub.orders.dispatch import Dispatch
from hub.orders.polling import Polling
from hub.store import Store
from hub.web import views
from hub.web.bodies import CancelOrder, NewOrder, OrderId, OrderResult, Target
from hub.web.envelope import answer, path_id, query_int, read, read_or
from hub.web.guard import Guard
from hub.web.times import Times
from protocol.messages import Outcome

LONGEST_KEY = 128


class OrderRoutes:
    def __init__(self, *, store: Store, dispatch: Dispatch, guard: Guard, times: Times) -> None:
        self._store = store
        self._dispatch = dispatch
        self._guard = guard
        self._times = times

    async def create(self, request: Request) -> Response:
        admin = await self._guard.admin(request)
        body = await read(request, NewOrder)
        row = await self._dispatch.publish(await self._draft(body, admin, _idempotency_key(request)))
        return answer({"order_id": row.order.id})

    async def page(self, request: Request) -> Response:
        await self._guard.admin(request)
        page, size = _page(request)
        status = query_int(request, "status", None, 1, 4)
        total, rows = await self._store.orders.page((page - 1) * size, size, status)
        return answer({"total": total, "list": [views.order_for_admin(row, self._times) for row in rows]})

    async def show(self, request: Request) -> Response:
        await self._guard.admin(request)
        row = await self._existing(path_id(request))
        assignments, absent = await self._store.assignments.of_order(row.order.id, row.targets, row.order.created_ms)
        is_open = row.is_live and is_in_window(row.order, now_ms())
        counts = funnel(assignments, absent, is_open)
        return answer(
            views.order_for_admin(row, self._times)
            | {
                "is_settled": is_settled(counts, is_open),
                "funnel": counts,
                "contradictions": await self._store.contradictions.of_order(row.order.id),
                "assignments": [views.assignment(assigned, self._times) for assigned in assignments],
            }
        )

    async def cancel(self, request: Request) -> Response:
        await self._guard.admin(request)
        order_id = path_id(request)
        body = await read_or(request, CancelOrder())
        await self._existing(order_id)
        if not await self._dispatch.cancel(order_id, body.reason):
            raise Refusal("conflict", f"order {order_id} is past its window or cancelled already")
        return answer()

    async def _existing(self, order_id: int) -> OrderRow:
        row = await self._store.orders.get(order_id)
        if row is None:
            raise Refusal("not_found", f"there is no order {order_id}")
        return row

    async def _draft(self, body: NewOrder, admin: Principal, key: str | None) -> Draft:
        return Draft(
            time_increments=body.time_increments,
            symbol_name=body.symbol_name,
            direction=body.direction,
            valid_duration=body.valid_duration,
            targets=await self._targets(body.targets) if body.targets is not None else None,
            created_by=admin.account.id if admin.account else None,
            idempotency_key=key,
        )

    async def _targets(self, wanted: list[Target]) -> tuple[int, ...]:
        """The traders' ids, in order. Refuses 422 those that do not exist."""
        names = [target for target in wanted if isinstance(target, str)]
        ids = {target for target in wanted if isinstance(target, int)}
        by_name = await self._store.users.ids_of(names) if names else {}
        known = await self._store.users.traders_among(list(ids)) if ids else set()
        if missing := [*(name for name in names if name not in by_name), *sorted(ids - known)]:
            raise Refusal("invalid", f"targets: there is no trader {missing[0]!r}")
        return tuple(sorted(known | set(by_name.values())))


class PollingRoutes:
    def __init__(self, *, polling: Polling, guard: Guard, times: Times) -> None:
        self._polling = polling
        self._guard = guard
        self._times = times

    async def pull(self, request: Request) -> Response:
        order = await self._polling.pull(await self._guard.trader(request))
        return answer({"order": views.order_for_trader(order, self._times) if order else None})

    async def mark_assigned(self, request: Request) -> Response:
        token = await self._guard.trader(request)
        await self._polling.mark_assigned(token, (await read(request, OrderId)).order_id)
        return answer()

    async def record_result(self, request: Request) -> Response:
        principal, close = await self._guard.reporter(request)
        body = await read(request, OrderResult)
        result = body.result
        outcome: Outcome = result.outcome or ("success" if result.success else "failed")
        await self._polling.record_result(
            principal, close, body.order_id, outcome, result.executed_ms, result.message, result.data
        )
        return answer()


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not (1 <= len(key) <= LONGEST_KEY and key.isprintable()):
        raise Refusal("invalid", f"Idempotency-Key: takes 1 to {LONGEST_KEY} printable characters")
    return key


def _page(request: Request) -> tuple[int, int]:
    page = query_int(request, "page", 1, 1, 10**9)
    size = query_int(request, "page_size", 50, 1, 500)
    return page or 1, size or 50
