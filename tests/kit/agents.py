"""One device of one trader, as small as the protocol allows, for tests that must control every step.

It speaks through `protocol.Conversation` as any agent must. The invariants: it knows an order once (its journal
outlives its connections, as a disk would), and its exchange counts every submission, so that a second one shows.
"""

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import ClientSession
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from hub.clock import now_ms
from protocol.closes import Close, close_for
from protocol.conversation import Conversation
from protocol.messages import (
    SUBPROTOCOL,
    Ack,
    Cancel,
    Error,
    Hello,
    Order,
    OrderMessage,
    Outcome,
    Recorded,
    Result,
    Time,
    TimeReply,
    ToAgent,
    ToHub,
    Welcome,
)
from tests.services.waiting import eventually

from .admin import Answer, ask
from .people import Person, log_in

HEARTBEAT_S = 5


class ScriptedAgent:
    """`acts`: it acks, submits and reports by itself, as an agent would; otherwise it does what the test says."""

    def __init__(self, http: ClientSession, hub_url: str, person: Person, token: str, acts: bool = False) -> None:
        self.person = person
        self.token = token
        self.hub_url = hub_url
        self.device_id = str(uuid.uuid4())
        self.acts = acts
        self.heard: list[ToAgent | Error] = []
        self.journal: dict[int, Order] = {}
        self.outcomes: dict[int, Outcome] = {}
        self.submissions: Counter[int] = Counter()
        self.closed: Close | None = None
        self._http = http
        self._socket: ClientConnection | None = None
        self._conversation = Conversation("agent")
        self._reader: asyncio.Task[None] | None = None

    # the connection

    async def connect(self, hub_url: str | None = None) -> None:
        """Connects and says hello; returns at the welcome. Raises what the handshake raises."""
        self.hub_url = hub_url or self.hub_url
        self._conversation = Conversation("agent")
        self.closed = None
        self._socket = await connect(
            f"ws{self.hub_url.removeprefix('http')}/ws",
            subprotocols=[SUBPROTOCOL],
            additional_headers={"Authorization": f"Bearer {self.token}"},
            compression=None,
            proxy=None,
            ping_interval=None,
            close_timeout=1,
        )
        known = len(self.heard)
        self._reader = reading = asyncio.create_task(self._read(self._socket))
        await self.say(Hello(self.device_id, "test", "paper", self._in_window()))
        await eventually(lambda: reading.done() or self._was_welcomed(known), "the welcome")
        if reading.done():
            reading.result()
        elif self.acts:
            await self._say_again()

    async def drop(self) -> None:
        """The line breaks: no close frame, no goodbye."""
        if self._socket is not None and self._reader is not None:
            self._socket.transport.abort()
            await asyncio.wait([self._reader])

    def freeze(self) -> None:
        """It reads nothing any more, not even a close frame; the connection stays."""
        assert self._socket is not None
        self._socket.transport.pause_reading()

    async def say(self, message: ToHub) -> None:
        assert self._socket is not None
        await self._socket.send(self._conversation.send(message), text=True)

    # what came

    def orders(self) -> list[int]:
        """The ids of all order frames, in the order of their coming, repetitions included."""
        return [message.order.id for message in self.heard if isinstance(message, OrderMessage)]

    def cancels(self) -> list[int]:
        return [message.order_id for message in self.heard if isinstance(message, Cancel)]

    def recorded(self) -> set[int]:
        return {message.order_id for message in self.heard if isinstance(message, Recorded)}

    async def gets(self, order_id: int, timeout_s: float = 30) -> None:
        """Returns when the order has come."""
        await eventually(lambda: order_id in self.orders(), f"{self.person.username} gets order {order_id}", timeout_s)

    async def is_idle(self) -> None:
        """Returns when the hub has handled all that was said before, and what it said meanwhile has come."""
        asked = Time(t0_ms=now_ms())
        known = len(self.heard)
        await self.say(asked)
        replies = (TimeReply, Error)
        await eventually(lambda: any(isinstance(m, replies) for m in self.heard[known:]), "the hub answers")

    # what it does

    def keep(self, order_id: int) -> None:
        """Writes the order into the journal."""
        [order] = {m.order for m in self.heard if isinstance(m, OrderMessage) and m.order.id == order_id}
        self.journal[order_id] = order

    async def ack(self, order_id: int) -> None:
        await self.say(Ack(order_id, now_ms(), 1))

    async def report(self, order_id: int, outcome: Outcome = "success") -> None:
        self.outcomes[order_id] = outcome
        await self.say(Result(order_id, outcome, now_ms()))

    async def pull(self, hub_url: str | None = None) -> int | None:
        """The order that a poll under this login gives, or None. Raises AssertionError when refused."""
        answer = await ask(self._http, "GET", f"{hub_url or self.hub_url}/api/orders/pull", self.token)
        assert answer.status == 200, answer.message
        order = answer.data["order"]
        return None if order is None else int(order["id"])

    async def hand_in(self, order_id: int, outcome: Outcome = "success") -> Answer:
        """The result over HTTP."""
        result = {"success": outcome == "success", "outcome": outcome, "message": "", "data": None}
        url = f"{self.hub_url}/api/orders/record-result"
        return await ask(self._http, "POST", url, self.token, {"order_id": order_id, "result": result})

    async def _read(self, socket: ClientConnection) -> None:
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    text = await socket.recv()
                message = self._conversation.receive(text)
                if self.acts and isinstance(message, OrderMessage):
                    await self._act(message.order)
            except TimeoutError:
                await self.say(Time(t0_ms=now_ms()))
            except ConnectionClosed:
                self.closed = close_for(socket.close_code or 1006)
                return
            else:
                self.heard.append(message)

    async def _act(self, order: Order) -> None:
        """As the executor does: what is in the journal never runs again."""
        if order.id not in self.journal:
            self.journal[order.id] = order
            self.submissions[order.id] += 1
            self.outcomes[order.id] = "success"
        await self.ack(order.id)
        await self.report(order.id, self.outcomes[order.id])

    async def _say_again(self) -> None:
        recorded = self.recorded()
        for order_id, outcome in list(self.outcomes.items()):
            if order_id not in recorded:
                await self.say(Result(order_id, outcome, now_ms()))

    def _in_window(self) -> list[int]:
        return [order.id for order in self.journal.values() if order.expires_ms > now_ms()]

    def _was_welcomed(self, known: int) -> bool:
        return any(isinstance(message, Welcome) for message in self.heard[known:])


class Desk:
    """Makes traders, and ends their connections with the test."""

    def __init__(self, http: ClientSession) -> None:
        self._http = http
        self._traders: list[ScriptedAgent] = []

    async def trader(self, hub_url: str, person: Person, acts: bool = False) -> ScriptedAgent:
        """A new device of this person with a login of its own, not connected yet."""
        return self.device(hub_url, person, await log_in(self._http, hub_url, person), acts)

    def device(self, hub_url: str, person: Person, token: str, acts: bool = False) -> ScriptedAgent:
        """A new device under a login that is there already."""
        trader = ScriptedAgent(self._http, hub_url, person, token, acts)
        self._traders.append(trader)
        return trader

    async def close(self) -> None:
        await asyncio.gather(*(trader.drop() for trader in self._traders))


@asynccontextmanager
async def desk_of(http: ClientSession) -> AsyncIterator[Desk]:
    desk = Desk(http)
    try:
        yield desk
    finally:
        await desk.close()
