"""What admins do to orders: one place that knows who acts, turns names into targets, and tells the story."""

import secrets
from typing import Final

from hub.access.audit import Audit
from hub.access.principal import Principal
from hub.clock import Clock
from hub.errors import InDoubt, Refusal, Unavailable
from hub.model.answers import Audience
from hub.model.bodies import NewOrder, Target
from hub.model.records import Draft, OrderRow
from hub.orders.dispatch import Dispatch
from hub.sessions.presence import Survey
from hub.store import Store

OWN_KEY: Final = "hub-"
"""How an idempotency key begins that the hub made itself."""


class Publishing:
    """Orders as admins make and cancel them. `actor` is who asks; it has been checked to be allowed."""

    def __init__(self, *, store: Store, dispatch: Dispatch, audit: Audit, survey: Survey, clock: Clock) -> None:
        self._audit = audit
        self._clock = clock
        self._store = store
        self._survey = survey
        self._dispatch = dispatch

    async def publish(self, actor: Principal, what: NewOrder, key: str | None) -> OrderRow:
        """Publishes the order once for each key. Raises Refusal, Unavailable; InDoubt with the key that settles it."""
        said = f"{what.symbol_name} {what.direction} {what.time_increments} for {what.valid_duration} s"
        with self._audit.act("order.publish", actor, detail=said) as act:
            row = await self._publish(actor, what, key or f"{OWN_KEY}{secrets.token_hex(16)}")
            act.subject = f"order {row.order.id}"
        return row

    async def _publish(self, actor: Principal, what: NewOrder, key: str) -> OrderRow:
        draft = Draft(
            time_increments=what.time_increments,
            symbol_name=what.symbol_name,
            direction=what.direction,
            valid_duration=what.valid_duration,
            targets=await self._targets(what.targets) if what.targets is not None else None,
            created_by=actor.user_id,
            idempotency_key=key,
        )
        try:
            return await self._dispatch.publish(draft)
        except InDoubt as error:
            raise InDoubt(error.what, error.why, key=key) from error

    async def audience(self, targets: list[Target] | None) -> Audience:
        """Whom an order for these users (None: every trader) would reach now. Raises Refusal, Unavailable."""
        ids = await self._targets(targets) if targets is not None else None
        targeted, eligible = await self._store.users.may_trade(ids, self._clock())
        try:
            connected = {agent.user_id for agent in await self._survey.agents()}
        except Unavailable:
            return Audience(targeted, len(eligible), None)
        return Audience(targeted, len(eligible), len(eligible & connected))

    async def cancel(self, actor: Principal, order_id: int, reason: str) -> None:
        """Cancels a live order everywhere. Raises Refusal, Unavailable."""
        with self._audit.act("order.cancel", actor, subject=f"order {order_id}", reason=reason):
            if await self._store.orders.get(order_id) is None:
                raise Refusal("not_found", f"there is no order {order_id}")
            if not await self._dispatch.cancel(order_id, reason):
                raise Refusal("conflict", f"order {order_id} is past its window or cancelled already")

    async def _targets(self, wanted: list[Target]) -> tuple[int, ...]:
        """The traders' ids, in order. Refuses 422 those that do not exist."""
        names = [target for target in wanted if isinstance(target, str)]
        ids = {target for target in wanted if isinstance(target, int)}
        by_name = await self._store.users.ids_of(names) if names else {}
        known = await self._store.users.traders_among(list(ids)) if ids else set()
        if missing := [*(name for name in names if name not in by_name), *sorted(ids - known)]:
            raise Refusal("invalid", f"targets: there is no trader {missing[0]!r}")
        return tuple(sorted(known | set(by_name.values())))
