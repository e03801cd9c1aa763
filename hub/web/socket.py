"""The WebSocket shell: handshake, hello in time, then texts go to the story and frames to the peer.

The invariants: nobody without a good token is upgraded; and whatever a peer sends ends at most that peer's session.
"""

import asyncio

import structlog
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from hub.access import pace
from hub.access.auth import Auth
from hub.access.principal import Bootstrap, LoggedIn
from hub.clock import Clock
from hub.errors import Refusal, Unavailable
from hub.model.rights import may
from hub.orders.dispatch import Dispatch
from hub.runtime import metrics
from hub.sessions.budget import Budgets, Work
from hub.sessions.door import REST_S
from hub.sessions.outbox import Outbox, QueueOutbox
from hub.sessions.registry import Session
from hub.sessions.wire import EXTENSION, Wire
from hub.web.envelope import address_of, bearer, refused, unavailable
from protocol import closes
from protocol.conversation import Conversation, RemoteProtocolError
from protocol.messages import SUBPROTOCOL, Error, Hello, ToHub

ABNORMAL = 1006
"""The code of a connection that ended without one (RFC 6455 §7.4.1)."""

log = structlog.get_logger(__name__)


class Socket:
    """`GET /ws`, as an ASGI application."""

    def __init__(self, *, auth: Auth, dispatch: Dispatch, hello_timeout_s: float, clock: Clock) -> None:
        self._clock = clock
        self._auth = auth
        self._dispatch = dispatch
        self._hello_timeout_s = hello_timeout_s
        self._budgets = Budgets()
        self._pace = pace.Pace(pace.CONNECT_BURST, pace.CONNECTS_PER_S, "connections")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = WebSocket(scope, receive, send)
        await socket.receive()
        principal = await self._admit(socket)
        if principal is not None:
            await socket.accept(subprotocol=SUBPROTOCOL)
            newest = self._auth.newest_order_id
            connection = _Connection(socket, principal, self._dispatch, newest, self._clock())
            connection.mind(self._budgets)
            await connection.live(self._hello_timeout_s)

    async def _admit(self, socket: WebSocket) -> LoggedIn | None:
        """Who is at the door; None when refused, which has then been answered."""
        try:
            if SUBPROTOCOL not in socket.scope["subprotocols"]:
                raise Refusal("bad_request", f"Sec-WebSocket-Protocol: takes {SUBPROTOCOL}")
            connection = HTTPConnection(socket.scope)
            principal = await self._auth.authenticate(bearer(connection), address_of(connection))
            if isinstance(principal, Bootstrap) or not may(principal.role, "orders:take"):
                raise Refusal("forbidden", "the socket is for traders' agents")
            await self._take_turn(principal.account.id)
        except Refusal as refusal:
            await socket.send_denial_response(refused(refusal))
            return None
        except Unavailable as error:
            await socket.send_denial_response(unavailable(error))
            return None
        return principal

    async def _take_turn(self, user_id: int) -> None:
        try:
            await self._pace.turn(user_id)
        except Refusal:
            await asyncio.sleep(REST_S)  # whoever does not listen is not answered as fast as it can ask
            raise


class _Connection:
    """One accepted connection until its end."""

    def __init__(
        self, socket: WebSocket, principal: LoggedIn, dispatch: Dispatch, newest_order_id: int, now_ms: int
    ) -> None:
        self._socket = socket
        self._dispatch = dispatch
        self._conversation = Conversation("hub")
        self._code = ABNORMAL
        self._wire: Wire | None = socket.scope.get("extensions", {}).get(EXTENSION)
        outbox = _outbox(socket, self._wire)
        self._session = _session(socket, principal, self._conversation, outbox, newest_order_id, now_ms)

    def mind(self, budgets: Budgets) -> None:
        """Holds the peer to its user's budget, where the server lends us the way in."""
        if self._wire is not None:
            self._wire.budget = budgets.of(self._session.user_id, asyncio.get_running_loop().time())
            self._wire.on_excess = self._end_excess

    def _end_excess(self) -> None:
        if self._session.closed is None:
            log.warning("a session says more than it may", user_id=self._session.user_id)
            self._dispatch.end(self._session, closes.SLOW_CONSUMER, "more messages than a session may say")

    async def live(self, hello_timeout_s: float) -> None:
        session = self._session
        self._dispatch.arrive(session)
        try:
            if await self._greet(hello_timeout_s):
                if self._wire is not None:
                    self._wire.hear = self._hear_wire
                while (text := await self._next_text()) is not None:
                    self._hear(text)
        except RemoteProtocolError as error:
            self._complain(error)
        except asyncio.CancelledError:
            # The outbox drops a peer that takes no close frame by ending us; any other cancellation goes on.
            if session.closed is None:
                raise
        finally:
            self._dispatch.leave(session)
            metrics.disconnected(session.closed.code if session.closed else self._code)
            await self._finish(session)

    async def _finish(self, session: Session) -> None:
        if session.close_task is not None:
            await asyncio.wait([session.close_task])
        session.outbox.end()

    async def _greet(self, timeout_s: float) -> bool:
        """Takes the hello; False when the peer went first, or said none in time, whatever else it said."""
        try:
            async with asyncio.timeout(timeout_s):
                hello = await self._next_hello()
        except TimeoutError:
            self._dispatch.end(self._session, closes.HELLO_TIMEOUT)
            return False
        if hello is None:
            return False
        self._dispatch.join(self._session, hello)
        return True

    async def _next_hello(self) -> Hello | None:
        """None where the connection ends before it; messages of types that we do not know are answered."""
        while (text := await self._next_text()) is not None and self._session.closed is None:
            message = self._conversation.receive(text)
            if isinstance(message, Hello):
                return message
            if not isinstance(message, Error):
                raise RemoteProtocolError("the first message is hello")
            self._session.say(message)
        return None

    def _hear_wire(self, text: bytes) -> None:
        """The same without a task in between; the protocol that calls us takes no exceptions."""
        try:
            self._hear(text)
        except RemoteProtocolError as error:
            self._complain(error)

    def _hear(self, text: bytes | str) -> None:
        if self._session.closed is None:
            message: ToHub | Error = self._conversation.receive(text)
            if isinstance(message, Error):
                self._dispatch.hear_anything(self._session)
                self._session.say(message)
            else:
                self._dispatch.receive(self._session, message)

    async def _next_text(self) -> str | None:
        """The next text; None at the end of the connection."""
        event = await self._socket.receive()
        if event["type"] == "websocket.disconnect":
            self._code = event.get("code", self._code)
            return None
        text: str | None = event.get("text")
        if text is None:
            raise RemoteProtocolError("takes text frames, not binary ones")
        return text

    def _complain(self, error: RemoteProtocolError) -> None:
        log.info("protocol broken", user_id=self._session.user_id, error=str(error))
        self._session.say(Error(error.close.name, str(error)[:500]))
        self._dispatch.end(self._session, error.close, str(error))


def _session(
    socket: WebSocket,
    principal: LoggedIn,
    conversation: Conversation[ToHub],
    outbox: Outbox,
    newest_order_id: int,
    now_ms: int,
) -> Session:
    account, token = principal.account, principal.token
    return Session(
        account.id,
        account.username,
        token.id,
        account_expire_ms=account.expire_ms,
        token_expire_ms=token.expire_ms,
        address=principal.address,
        outbox=outbox,
        conversation=conversation,
        now_ms=now_ms,
        newest_order_id=newest_order_id,
        work=Work(outbox.hold_reading if isinstance(outbox, Wire) else None),
    )


def _outbox(socket: WebSocket, wire: Wire | None) -> Outbox:
    """The fast way where the server lends us its transport, the plain one anywhere else."""
    if wire is not None:
        wire.send = socket.send
        return wire
    connection = asyncio.current_task()
    if connection is None:
        raise TypeError("a connection is served by a task")
    return QueueOutbox(socket.send, connection)
