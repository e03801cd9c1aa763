"""The same story for clients that poll: pull is claim and ack in one, record-result is result.

The invariant: a pull uses the very claim that push uses, and its row is committed before the
order is answered, so a user who polls and is pushed to still gets each order once.
"""

from dataclasses import replace

from hub.clock import Clock
from hub.cluster.claims import NEW, OURS
from hub.errors import Refusal, Unavailable
from hub.model.delivery import POLLER, Delivery, Reported, State, plausible, takes_reports
from hub.model.standing import refusal
from hub.model.tokens import Token
from hub.orders.claiming import Claiming
from hub.orders.ledger import Ledger
from hub.orders.live import LiveOrder, LiveOrders
from hub.orders.reports import Reports, is_meant_for
from hub.runtime import metrics
from hub.store import Store
from protocol.closes import Close
from protocol.messages import Order, Outcome


class Polling:
    """What a polling client may ask."""

    def __init__(
        self,
        *,
        store: Store,
        claiming: Claiming,
        live: LiveOrders,
        ledger: Ledger,
        reports: Reports,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._store = store
        self._claiming = claiming
        self._live = live
        self._ledger = ledger
        self._reports = reports

    async def pull(self, token: Token) -> Order | None:
        """The oldest order in window that this user has not got, now theirs; None when there is none."""
        for live in self._live.open(self._clock()):
            if live.is_meant_for(token.user_id) and await self._take(live, token):
                metrics.PULLS.labels("order").inc()
                return live.order
        metrics.PULLS.labels("none").inc()
        return None

    async def mark_assigned(self, token: Token, order_id: int) -> None:
        """For clients that say so after a pull; without one it takes the order. Refuses another device's."""
        owner = await self._reports.owner(order_id, token.user_id)
        if owner == polling_device(token):
            return
        if owner is not None:
            raise Refusal("conflict", "order_id: another device of this user has the order")
        live = self._live.get(order_id)
        if live is None or not live.is_meant_for(token.user_id):
            raise Refusal("not_found", f"order_id: there is no order {order_id} for this user")
        if not live.may_go_out(self._clock()):
            raise Refusal("conflict", "order_id: the order is past its window or cancelled")
        if not await self._take(live, token):
            raise Refusal("conflict", "order_id: another device of this user has the order")

    async def record_result(
        self,
        token: Token,
        close: Close | None,
        order_id: int,
        outcome: Outcome,
        executed_ms: int | None,
        message: str,
        data: dict[str, object] | None,
    ) -> None:
        """Records what came of the user's own order. Committed when it returns.

        A fact is not refused for its messenger's state: a login that has ended may report until window + 1 h.
        """
        row = await self._store.orders.get(order_id)
        at_ms = self._clock()
        if close is not None and (row is None or not takes_reports(row.order.expires_ms, at_ms)):
            raise refusal(close)
        if row is None:
            raise Refusal("not_found", f"order_id: this user was not given order {order_id}")
        owner = await self._reports.owner(order_id, token.user_id)
        if owner is None and not is_meant_for(row, token.user_id):
            raise Refusal("not_found", f"order_id: this user was not given order {order_id}")
        own = token.device_id or polling_device(token)
        at = at_ms if executed_ms is None else plausible(executed_ms, row.order.created_ms, at_ms)
        # Neither row nor claim, of an order that was meant for this user: the report is the only fact there is.
        event = Reported(owner or own, outcome, at, message, data)
        is_others = owner is not None and token.device_id and owner not in (own, polling_device(token))
        verdict = "not_owner" if is_others else await self._ledger.report(order_id, token.user_id, event)
        if verdict == "full":
            raise Unavailable("the database", "too much waits for it: the result is not recorded yet")
        if verdict != "recorded":
            await self._reports.keep_evidence(order_id, token.user_id, replace(event, device_id=own))
            raise Refusal("conflict", "order_id: another device of this user has the order")

    async def _take(self, live: LiveOrder, token: Token) -> bool:
        """Claims the order for this user's polling; True for the one call that then wrote the row.

        A claim that is ours already was made by a pull whose answer or row was lost: the unique row decides
        whether the order was handed out.
        """
        device_id = polling_device(token)
        if token.user_id in live.pulled or not await self._claim(live, token, device_id):
            return False
        at_ms = self._clock()
        row = Delivery(live.order.id, token.user_id, State.ACKED, device_id, claimed_ms=at_ms, acked_ms=at_ms)
        is_first = await self._ledger.insert(row)
        live.pulled.add(token.user_id)
        return is_first and live.may_go_out(self._clock())

    async def _claim(self, live: LiveOrder, token: Token, device_id: str) -> bool:
        """Claims the order for this user's polling device; True if it holds the claim. Raises Unavailable."""
        flags = await self._claiming.claim(live.order, str(token.user_id).encode(), device_id.encode())
        return flags[0] in (NEW, OURS)


def polling_device(token: Token) -> str:
    """The device that a pull claims for: not the agent's, which may be connected under the same login."""
    return f"{POLLER}{token.device_id or token.user_id}"
