"""The messages, as frozen tagged structs: the only source of the wire contract.

One union a direction: `ToAgent` is what the hub says, `ToHub` what an agent says. All times are integer
milliseconds since the Unix epoch, on the hub's clock unless the field says otherwise. Fields that a struct
does not know are ignored on the wire, so a message can gain fields without a new protocol version.
"""

from typing import Annotated, Any, Final, Literal, Protocol, Self, get_args

import msgspec
from msgspec import Meta

SUBPROTOCOL: Final = "bn-auto.v1"

Increment = Literal["TEN_MINUTE", "THIRTY_MINUTE", "ONE_HOUR", "ONE_DAY"]
Direction = Literal["LONG", "SHORT"]
Outcome = Literal["success", "failed", "rejected", "expired", "unknown"]
SettledAs = Literal["won", "lost", "tie"]
Source = Literal["estimated", "confirmed"]

CAUGHT_UP: Final = "caught_up"
SETTLED: Final = "settled"
"""Names of features in `welcome`."""

INCREMENTS: Final[tuple[Increment, ...]] = get_args(Increment)
DIRECTIONS: Final[tuple[Direction, ...]] = get_args(Direction)
OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)
FACTS: Final[frozenset[Outcome]] = frozenset({"success", "failed", "rejected"})
"""What may replace an `unknown`: it was found out what became of it. Never `expired`."""

INCREMENT_SECONDS: Final[dict[Increment, int]] = {
    "TEN_MINUTE": 600,
    "THIRTY_MINUTE": 1_800,
    "ONE_HOUR": 3_600,
    "ONE_DAY": 86_400,
}

LONGEST_WINDOW_S: Final = 86_400
SILENT_HEARTBEATS: Final = 2
"""So many intervals without a word end a connection, from either side (4006)."""

Id = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Millis = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Symbol = Annotated[str, Meta(pattern="^[A-Z0-9]{5,20}\\Z")]
Seconds = Annotated[int, Meta(ge=1, le=LONGEST_WINDOW_S)]
DeviceId = Annotated[str, Meta(pattern="^[A-Za-z0-9._:-]{1,64}\\Z")]
HubId = Annotated[str, Meta(pattern="^[A-Za-z0-9._:-]{1,64}\\Z")]
Epoch = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Heartbeat = Annotated[int, Meta(ge=1, le=3_600)]
RandomId = Annotated[str, Meta(pattern="^[A-Za-z0-9._:-]{8,64}\\Z")]
ShortText = Annotated[str, Meta(max_length=200)]
LongText = Annotated[str, Meta(max_length=2_000)]


DEEPEST_DATA: Final = 32


def limit_depth(data: Any) -> None:
    """Raises ValueError for data nested deeper than DEEPEST_DATA: what is taken must be writable again anywhere."""
    level = [data]
    for _ in range(DEEPEST_DATA + 1):
        level = [
            item
            for value in level
            if isinstance(value, dict | list)
            for item in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return
    raise ValueError(f"data is nested deeper than {DEEPEST_DATA} levels")


class Terms(Protocol):
    """What somebody who publishes chooses."""

    @property
    def time_increments(self) -> Increment: ...
    @property
    def symbol_name(self) -> str: ...
    @property
    def direction(self) -> Direction: ...
    @property
    def valid_duration(self) -> int: ...


class Order(msgspec.Struct, frozen=True):
    """What an admin published. `valid_duration` is the window in seconds; it ends at `expires_ms`."""

    id: Id
    time_increments: Increment
    symbol_name: Symbol
    direction: Direction
    valid_duration: Seconds
    created_ms: Millis
    expires_ms: Millis

    @classmethod
    def of(cls, order_id: int, created_ms: int, terms: Terms) -> Self:
        """The order of these terms, whose window begins as it is created."""
        return cls(
            id=order_id,
            time_increments=terms.time_increments,
            symbol_name=terms.symbol_name,
            direction=terms.direction,
            valid_duration=terms.valid_duration,
            created_ms=created_ms,
            expires_ms=created_ms + terms.valid_duration * 1_000,
        )


class Halt(msgspec.Struct, frozen=True):
    """A standing halt: nobody may trade until it is lifted."""

    epoch: Epoch
    reason: str


class _Message(msgspec.Struct, frozen=True, tag_field="type"):
    """Base of all messages: frozen, tagged by `type`."""


# hub -> agent


class Welcome(_Message, frozen=True, tag="welcome"):
    """The answer to `hello`. `heartbeat_s` is how often the agent sends `time`.

    `newest_order_id` is the highest that the hub has given out, 0 for none; `features` names what it understands
    beyond the first version.
    """

    session_id: str
    user_id: Id
    username: str
    hub_time_ms: Millis
    heartbeat_s: Heartbeat
    token_expire_ms: Millis
    account_expire_ms: Millis | None = None
    halt: Halt | None = None
    hub_id: HubId | None = None
    newest_order_id: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None
    features: list[str] = msgspec.field(default_factory=list)


class OrderMessage(_Message, frozen=True, tag="order"):
    """An order for this agent to place. `sent_ms` is when the hub framed it."""

    order: Order
    sent_ms: Millis


class Recorded(_Message, frozen=True, tag="recorded"):
    """The result of this order is committed at the hub: the agent may stop repeating it.

    `outcome` is what the hub has of an order that `hello` named in `have`; a fact among them holds for the agent, too.
    """

    order_id: Id
    outcome: Outcome | None = None


class CaughtUp(_Message, frozen=True, tag="caught_up"):
    """All that the hub has of the orders in `have` has been said, cancels included."""


class Cancel(_Message, frozen=True, tag="cancel"):
    """Do not submit this order if it is not submitted yet."""

    order_id: Id
    reason: str


class HaltMessage(_Message, frozen=True, tag="halt"):
    """Stop trading at once; answer with `halted`."""

    epoch: Epoch
    reason: str


class Resume(_Message, frozen=True, tag="resume"):
    """The halt of this epoch is lifted."""

    epoch: Epoch
    reason: str


class TimeReply(_Message, frozen=True, tag="time"):
    """The hub's half of the clock exchange: received at `t1_ms`, answered at `t2_ms`."""

    t0_ms: Millis
    t1_ms: Millis
    t2_ms: Millis


class Error(_Message, frozen=True, tag="error"):
    """A message was not taken; `code` is for programs, `message` for people; `order_id` where it was a result."""

    code: str
    message: str
    order_id: Id | None = None


# agent -> hub


class Hello(_Message, frozen=True, tag="hello"):
    """The first message. `have`: orders in the journal that are not reported, the newest if there are too many.

    `journal`, `start` and `previous` are random ids: of the journal, of this start of the program, of the one before.
    `newest_order_id`: the highest in the journal, reported or not; above the hub's own, its database is an older copy.
    """

    device_id: DeviceId
    version: ShortText
    driver: ShortText
    have: Annotated[list[Id], Meta(max_length=5_000)] = msgspec.field(default_factory=list)
    halt_epoch: Epoch = 0
    journal: RandomId | None = None
    start: RandomId | None = None
    previous: RandomId | None = None
    newest_order_id: Id | None = None


class Ack(_Message, frozen=True, tag="ack"):
    """The order is in the journal. `received_ms` is on the hub's clock, give or take `uncertainty_ms`."""

    order_id: Id
    received_ms: Millis
    uncertainty_ms: Millis


class Result(_Message, frozen=True, tag="result"):
    """What came of an order; repeated until the hub says `recorded`."""

    order_id: Id
    outcome: Outcome
    executed_ms: Millis
    message: LongText = ""
    data: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        limit_depth(self.data)


class Halted(_Message, frozen=True, tag="halted"):
    """This agent has stopped trading under this epoch; the last order that it submitted before, and when."""

    epoch: Epoch
    order_id: Id | None = None
    submitted_ms: Millis | None = None


class Settled(_Message, frozen=True, tag="settled"):
    """How a position ended, without amounts. Only for a hub whose `features` names it."""

    order_id: Id
    result: SettledAs
    source: Source
    at_ms: Millis


class Time(_Message, frozen=True, tag="time"):
    """The heartbeat, and the agent's half of the clock exchange (`t0_ms` on the agent's own clock)."""

    t0_ms: Millis


ToAgent = Welcome | OrderMessage | Recorded | CaughtUp | Cancel | HaltMessage | Resume | TimeReply | Error
ToHub = Hello | Ack | Result | Halted | Settled | Time
Message = ToAgent | ToHub
