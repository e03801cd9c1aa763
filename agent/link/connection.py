"""One open WebSocket: a reader, a writer and the heartbeat, from `hello` to the close.

The invariants: messages leave in the order in which they were offered; a hub that is not
heard for two heartbeats is hung up on (4006); the hub's clock is sampled at the welcome and with every heartbeat.
"""

import asyncio
from typing import Final, Protocol

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from agent.link.hub_time import HubClock
from agent.model.clock import Reading, Sample
from agent.model.events import ClockChanged, Events, HubSaid
from agent.world import World, deadline
from protocol.closes import HEARTBEAT_LOST, Close, close_for
from protocol.conversation import Conversation, RemoteProtocolError, State
from protocol.messages import (
    CAUGHT_UP,
    Cancel,
    CaughtUp,
    Error,
    HaltMessage,
    Hello,
    OrderMessage,
    Recorded,
    Resume,
    Time,
    TimeReply,
    ToAgent,
    ToHub,
    Welcome,
)

WELCOME_TIMEOUT_S: Final = 10.0
FLUSH_TIMEOUT_S: Final = 2.0
BURST: Final = 3
OUTBOX_LIMIT: Final = 20_000
CLOSE_REASON_BYTES: Final = 120

Heard = OrderMessage | Recorded | Cancel | HaltMessage | Resume | Error


class Listener(Protocol):
    """Who wants to know what the hub says. None of it may wait."""

    def hello(self) -> Hello:
        """The first message of a connection."""
        ...

    def welcomed(self, welcome: Welcome) -> None:
        """The connection is open."""
        ...

    def caught_up(self) -> None:
        """What the hub has of the orders in `have` has been heard.

        It says so itself; an older hub has said it before it answers the first question after its welcome.
        """
        ...

    def heard(self, message: Heard) -> None:
        """Anything else that the hub says."""
        ...

    def heartbeat(self) -> None:
        """Another heartbeat has passed, and the connection is open."""
        ...


class Connection:
    """See the head of the module."""

    def __init__(
        self, socket: ClientConnection, listener: Listener, hub_clock: HubClock, events: Events, world: World
    ) -> None:
        self._world = world
        self._socket = socket
        self._listener = listener
        self._hub_clock = hub_clock
        self._events = events
        self._conversation = Conversation("agent")
        self._outbox: asyncio.Queue[bytes] = asyncio.Queue(OUTBOX_LIMIT)
        self._patience_s = WELCOME_TIMEOUT_S
        self._asked: Reading = hub_clock.read()
        self._burst = BURST
        self._is_caught_up = False
        self._tells_the_end = False
        self._ignored = 0
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def is_open(self) -> bool:
        """Between the welcome and the close."""
        return self._conversation.state is State.OPEN and self._socket.close_code is None

    def offer(self, message: ToHub) -> bool:
        """Put it in the outbox, if the connection is open. A full outbox ends the connection, nobody waits."""
        is_open = self.is_open
        if is_open:
            self._say(message)
        return is_open

    async def run(self) -> tuple[Close, str]:
        """Until the close, which is returned with its reason."""
        self._asked = self._hub_clock.read()
        self._say(self._listener.hello())
        self._tasks.append(asyncio.create_task(self._write()))
        try:
            return await self._read()
        finally:
            self._hub_clock.ask_by(None)
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def flush(self) -> None:
        """Wait until what was offered is written; not for ever."""
        if not self.is_open:
            return
        try:
            async with deadline(self._world, FLUSH_TIMEOUT_S):
                await self._outbox.join()
        except TimeoutError:
            self._socket.transport.abort()

    async def hang_up(self, close: Close, reason: str = "") -> tuple[Close, str]:
        """Close with a code of ours."""
        said = (reason or close.name).encode()[:CLOSE_REASON_BYTES].decode(errors="ignore")
        await self._socket.close(close.code, said)
        return close, reason or close.meaning

    def _say(self, message: ToHub) -> None:
        try:
            self._outbox.put_nowait(self._conversation.send(message))
        except asyncio.QueueFull:
            self._socket.transport.abort()

    async def _read(self) -> tuple[Close, str]:
        while True:
            try:
                async with deadline(self._world, self._patience_s):
                    text = await self._socket.recv(decode=False)
                message = self._conversation.receive(text)
            except TimeoutError:
                return await self.hang_up(HEARTBEAT_LOST)
            except ConnectionClosed:
                return self._closed()
            except RemoteProtocolError as error:
                return await self.hang_up(error.close, str(error))
            if self._conversation.unknown_types == self._ignored:
                self._dispatch(message)
            else:
                self._ignore()

    def _ignore(self) -> None:
        """A newer hub says more than this agent knows: told once a connection."""
        if self._ignored == 0:
            self._events.emit(HubSaid("UNKNOWN_TYPE", "the hub says more than this version of the agent understands"))
        self._ignored = self._conversation.unknown_types

    def _dispatch(self, message: ToAgent | Error) -> None:
        match message:
            case Welcome():
                self._open(message)
            case TimeReply():
                self._told_the_time(message)
            case OrderMessage():
                self._hub_clock.not_before(message.sent_ms)
                self._listener.heard(message)
            case CaughtUp():
                self._catch_up()
            case _:
                self._listener.heard(message)

    def _open(self, welcome: Welcome) -> None:
        every_s = max(1, welcome.heartbeat_s)
        self._patience_s = 2.0 * every_s
        now = welcome.hub_time_ms
        self._hub_clock.restart(Sample(self._asked.monotonic_ms, now, now, self._hub_clock.read()))
        self._tells_the_end = CAUGHT_UP in welcome.features
        self._hub_clock.ask_by(self._ask)
        self._listener.welcomed(welcome)
        self._tell_clock()
        self._ask()
        self._tasks.append(asyncio.create_task(self._beat(every_s)))

    def _told_the_time(self, reply: TimeReply) -> None:
        if reply.t0_ms == self._asked.monotonic_ms:
            sample = Sample(reply.t0_ms, reply.t1_ms, reply.t2_ms, self._hub_clock.read())
            self._hub_clock.add(sample)
            self._tell_clock()
        if not self._tells_the_end:
            self._catch_up()
        self._burst -= 1
        if self._burst > 0:
            self._ask()

    def _catch_up(self) -> None:
        if not self._is_caught_up:
            self._is_caught_up = True
            self._listener.caught_up()

    def _ask(self) -> None:
        self._asked = self._hub_clock.read()
        self._say(Time(t0_ms=self._asked.monotonic_ms))

    def _tell_clock(self) -> None:
        self._events.emit(ClockChanged(self._hub_clock.offset_ms(), self._hub_clock.now().uncertainty_ms))

    async def _beat(self, every_s: float) -> None:
        while True:
            await self._world.sleep(every_s)
            self._ask()
            self._listener.heartbeat()

    async def _write(self) -> None:
        while True:
            text = await self._outbox.get()
            try:
                await self._socket.send(text, text=True)
            except ConnectionClosed:
                return  # the reader has seen it, too, and says why
            finally:
                self._outbox.task_done()

    def _closed(self) -> tuple[Close, str]:
        code = self._socket.close_code or 1006
        close = close_for(code)
        return close, self._socket.close_reason or close.meaning
