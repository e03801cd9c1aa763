"""Who may say what, and when: both roles, one table, no I/O.

A shell feeds received texts to `receive` and takes what it wants to send through `send`. Two errors, by whose
fault it is: `RemoteProtocolError` (the peer's: say `error.close` and hang up) and `LocalProtocolError` (ours).
The invariant: a message outside the table never reaches a story, and never leaves.
"""

from enum import Enum
from typing import Final, Generic, Literal, TypeVar, overload

from .closes import BAD_MESSAGE, Close
from .codec import BadMessage, UnknownType, decode_to_agent, decode_to_hub, encode
from .errors import UNKNOWN_TYPE
from .messages import (
    Ack,
    Cancel,
    CaughtUp,
    Error,
    Halted,
    HaltMessage,
    Hello,
    Message,
    OrderMessage,
    Recorded,
    Result,
    Resume,
    Settled,
    Time,
    TimeReply,
    ToAgent,
    ToHub,
    Welcome,
)


class State(Enum):
    CONNECTED = "connected: the agent's hello is due"
    GREETED = "greeted: the hub's welcome is due"
    OPEN = "open"


_OPEN = State.OPEN

MOVES: Final[dict[State, dict[type[Message], State]]] = {
    State.CONNECTED: {Hello: State.GREETED, Error: State.CONNECTED},
    State.GREETED: {Welcome: _OPEN, Error: State.GREETED},
    State.OPEN: {
        OrderMessage: _OPEN,
        Recorded: _OPEN,
        CaughtUp: _OPEN,
        Cancel: _OPEN,
        HaltMessage: _OPEN,
        Resume: _OPEN,
        TimeReply: _OPEN,
        Error: _OPEN,
        Ack: _OPEN,
        Result: _OPEN,
        Halted: _OPEN,
        Settled: _OPEN,
        Time: _OPEN,
    },
}

UNKNOWN_TYPES_BORNE: Final = 2
"""How many messages of an unknown type an agent may send; the next one closes. What a hub says is only counted."""


class LocalProtocolError(RuntimeError):
    """We tried to say what the table does not allow: a bug of ours."""


class RemoteProtocolError(ValueError):
    """The peer said what the table does not allow. `close` is the code to hang up with."""

    def __init__(self, message: str, close: Close = BAD_MESSAGE) -> None:
        super().__init__(message)
        self.close = close


Received = TypeVar("Received", ToHub, ToAgent)


class Conversation(Generic[Received]):
    """One connection's conversation, seen from one side."""

    __slots__ = ("_bears", "_decode", "_speaks", "state", "unknown_types")

    @overload
    def __init__(self: "Conversation[ToHub]", role: Literal["hub"]) -> None: ...
    @overload
    def __init__(self: "Conversation[ToAgent]", role: Literal["agent"]) -> None: ...
    def __init__(self, role: Literal["hub", "agent"]) -> None:
        self.state = State.CONNECTED
        self.unknown_types = 0
        self._bears = UNKNOWN_TYPES_BORNE if role == "hub" else float("inf")
        self._speaks = ToAgent if role == "hub" else ToHub
        self._decode = decode_to_hub if role == "hub" else decode_to_agent

    def receive(self, text: bytes | str) -> Received | Error:
        """The peer's message; or an `Error` for a type that we do not know: a hub answers with it, an agent goes on.

        Raises RemoteProtocolError for what is malformed or out of turn, and at an agent's third unknown type.
        """
        try:
            message = self._decode(text)
        except UnknownType as error:
            self.unknown_types += 1
            if self.unknown_types > self._bears:
                raise RemoteProtocolError(f"{error}, for the third time") from None
            return Error(code=UNKNOWN_TYPE.name, message=str(error))
        except BadMessage as error:
            raise RemoteProtocolError(str(error)) from None
        self.state = self._next(message, RemoteProtocolError)
        return message  # type: ignore[return-value]

    def send(self, message: Message) -> bytes:
        """The text of a message of ours. Raises LocalProtocolError out of turn."""
        if not isinstance(message, self._speaks):
            raise LocalProtocolError(f"{type(message).__name__} is not ours to say")
        self.state = self._next(message, LocalProtocolError)
        return encode(message)

    def _next(self, message: Message, error: type[Exception]) -> State:
        after = MOVES[self.state].get(type(message))
        if after is None:
            raise error(f"{type(message).__name__.lower()} is out of turn: {self.state.value}")
        return after
