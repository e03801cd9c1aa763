"""The reconnecting client: keeps a connection to the hub until the hub says that there shall be none.

It tells a `Listener` what it hears and takes messages by `offer`. The invariants: `Conversation`
decides who may speak; whether to come back is read from `close.retry`, never decided here; nobody waits for a slow
hub, since what is dropped with a connection is repeated out of the journal.
"""

from collections.abc import Iterator
from random import Random
from typing import Final, Literal, NamedTuple

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from agent.link.api import NO_HUB, retry_after_s, why
from agent.link.connection import Connection, Listener
from agent.link.hub_time import HubClock
from agent.model.account import is_loopback
from agent.model.events import Disconnected, Events
from agent.world import World
from protocol.closes import ACCOUNT_DISABLED, BAD_MESSAGE, NORMAL, TOKEN_EXPIRED, Close, close_for, retry_hint_ms
from protocol.codec import MAX_FRAME_BYTES
from protocol.messages import SUBPROTOCOL, ToHub

FIRST_DELAY_S: Final = 0.5
LONGEST_DELAY_S: Final = 30.0
HEALTHY_AFTER_S: Final = 60.0
OPEN_TIMEOUT_S: Final = 10.0
CLOSE_TIMEOUT_S: Final = 2.0


def backoff(chance: Random) -> Iterator[float]:
    """Seconds to wait before each next try: exponential with full jitter, so that a crowd comes back spread out."""
    longest = FIRST_DELAY_S
    while True:
        yield chance.random() * longest
        longest = min(longest * 2, LONGEST_DELAY_S)


class Lost(NamedTuple):
    """How one attempt ended: with which close, in which words, after how many seconds of being connected; and for how
    long the hub asks to be left alone."""

    close: Close
    reason: str
    lasted_s: float = 0.0
    wait_s: float = 0.0


OUT_OF_REACH: Final = close_for(1006)
_REFUSALS: Final = {400: BAD_MESSAGE, 401: TOKEN_EXPIRED, 403: ACCOUNT_DISABLED}


class Link:
    """One agent's way to its hub."""

    def __init__(self, server: str, hub_clock: HubClock, events: Events, world: World) -> None:
        self._world = world
        self._url = "ws" + server.removeprefix("http") + "/ws"
        self._proxy: Literal[True] | None = None if is_loopback(server) else True
        self._hub_clock = hub_clock
        self._events = events
        self._connection: Connection | None = None

    @property
    def is_open(self) -> bool:
        """Whether the hub has said welcome and is still there."""
        return self._connection is not None and self._connection.is_open

    def offer(self, message: ToHub) -> bool:
        """Send it if there is a connection. If there is none the journal repeats it after the next welcome."""
        return self._connection is not None and self._connection.offer(message)

    async def run(self, token: str, listener: Listener) -> Lost:
        """Stay connected; returns the close that allows no return. Cancel it to give up."""
        delays = backoff(self._world.random)
        while True:
            lost = await self._attempt(token, listener)
            if not lost.close.retry:
                return lost
            if lost.lasted_s >= HEALTHY_AFTER_S:
                delays = backoff(self._world.random)
            delay = next(delays) + _asked_to_wait_s(lost.reason) + lost.wait_s
            self._events.emit(Disconnected(lost.reason, delay))
            await self._world.sleep(delay)

    async def close(self) -> None:
        """Say goodbye (1000), after what is still in the outbox."""
        if self._connection is not None:
            await self._connection.flush()
            await self._connection.hang_up(NORMAL)

    async def _attempt(self, token: str, listener: Listener) -> Lost:
        try:
            socket = await self._connect(token)
        except InvalidStatus as error:
            return _refused(error)
        except (OSError, WebSocketException) as error:
            return Lost(OUT_OF_REACH, str(error) or type(error).__name__)
        since_ms = self._world.read().monotonic_ms
        self._connection = Connection(socket, listener, self._hub_clock, self._events, self._world)
        try:
            close, reason = await self._connection.run()
        finally:
            self._connection = None
            await socket.close()
        return Lost(close, reason, (self._world.read().monotonic_ms - since_ms) / 1000)

    async def _connect(self, token: str) -> ClientConnection:
        return await _Connect(
            self._url,
            subprotocols=[SUBPROTOCOL],  # type: ignore[list-item]
            additional_headers={"Authorization": f"Bearer {token}"},
            compression=None,
            proxy=self._proxy,
            open_timeout=OPEN_TIMEOUT_S,
            close_timeout=CLOSE_TIMEOUT_S,
            ping_interval=None,
            max_size=MAX_FRAME_BYTES,
        )


class _Connect(connect):
    """Follows no redirect: the token and the orders are this hub's, and nobody else's."""

    def process_redirect(self, exc: Exception) -> Exception:
        """The redirect as the refusal that it is."""
        return exc


def _asked_to_wait_s(reason: str) -> float:
    """What a restarting hub asks of its agents, so that they come back spread out; never longer than our own limit."""
    return min((retry_hint_ms(reason) or 0) / 1_000, LONGEST_DELAY_S)


def _refused(error: InvalidStatus) -> Lost:
    """The handshake's answer: 400 is about this program, 401 and 403 are about this login, anything else may pass."""
    status = error.response.status_code
    reason = why(bytes(error.response.body or b"")) or f"the hub answered {status}"
    if 300 <= status < 400:
        reason = f"{NO_HUB}: it sends elsewhere ({status})"
    if status == 400:
        reason = f"this agent and the hub do not understand each other, update the older one (400: {reason})"
    wait_s = retry_after_s(error.response.headers.get("Retry-After", "")) if status == 429 else 0.0
    return Lost(_REFUSALS.get(status, OUT_OF_REACH), reason, wait_s=wait_s)
