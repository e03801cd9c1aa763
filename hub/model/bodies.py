"""What requests carry, as structs; and what each field takes, in words, for the 422s."""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from hub.model.records import Role
from protocol.messages import (
    LONGEST_WINDOW_S,
    DeviceId,
    Direction,
    Id,
    Increment,
    LongText,
    Millis,
    Outcome,
    Seconds,
    Symbol,
    limit_depth,
)

Username = Annotated[str, Meta(pattern=r"^[\w.@+-]{3,50}\Z")]
Password = Annotated[str, Meta(min_length=8, max_length=128)]
TIME_TAKES: Final = "YYYY-MM-DD HH:MM:SS in the hub's zone, or ISO 8601 with an offset"
Target = Annotated[str, Meta(max_length=50)] | Id

MOST_USERS: Final = 1_000
"""That are made in one request."""

TAKES: Final[dict[str, str]] = {
    "username": "3 to 50 letters, digits or . _ @ + -",
    "users": f"a list of 1 to {MOST_USERS} users",
    "dry_run": "true or false",
    "password": "8 to 128 characters",
    "old_password": "text of at most 200 characters",
    "new_password": "8 to 128 characters",
    "device_id": "1 to 64 letters, digits or . _ : -",
    "expire_at": f"null or {TIME_TAKES}",
    "role": "admin or trader",
    "status": "1 active, 2 expired or 3 disabled",
    "time_increments": "TEN_MINUTE, THIRTY_MINUTE, ONE_HOUR or ONE_DAY",
    "symbol_name": "5 to 20 capital letters or digits, such as BTCUSDT",
    "direction": "LONG or SHORT",
    "valid_duration": f"a whole number of seconds from 1 to {LONGEST_WINDOW_S}",
    "targets": "null or a list of 1 to 10000 usernames or user ids",
    "order_id": "an order's id, a whole number",
    "result": "an object with success, message and data",
    "success": "true or false",
    "message": "text of at most 2000 characters",
    "data": "null or an object, nested at most 32 levels",
    "outcome": "success, failed, rejected, expired or unknown",
    "executed_ms": "milliseconds since 1970",
    "reason": "text of at most 200 characters",
}


class Credentials(msgspec.Struct, frozen=True):
    """A login. `device_id` names the agent's installation."""

    # No pattern here: a name that cannot exist is a wrong one, not a malformed request.
    username: Annotated[str, Meta(max_length=200)]
    password: Annotated[str, Meta(max_length=200)]
    device_id: DeviceId | None = None


class NewUser(msgspec.Struct, frozen=True):
    """A user to be made."""

    username: Username
    password: Password
    expire_at: str | None = None
    role: Role = "trader"


class NewUsers(msgspec.Struct, frozen=True):
    """Users to be made together or not at all; with `dry_run` only looked at."""

    users: Annotated[list[NewUser], Meta(min_length=1, max_length=MOST_USERS)]
    dry_run: bool = False


class NewExpiry(msgspec.Struct, frozen=True):
    """When an account expires; null for never."""

    expire_at: str | None


class NewStatus(msgspec.Struct, frozen=True):
    """1 active, 2 expired, 3 disabled."""

    status: Literal[1, 2, 3]


class NewPassword(msgspec.Struct, frozen=True):
    """A password to be set."""

    password: Password


class PasswordChange(msgspec.Struct, frozen=True):
    """The own password, to be changed. `username`: whose, where no token is sent."""

    old_password: Annotated[str, Meta(max_length=200)]
    new_password: Password
    username: Annotated[str, Meta(max_length=200)] | None = None


class NewOrder(msgspec.Struct, frozen=True):
    """An order to be published; `targets` are usernames or user ids, null for every trader."""

    time_increments: Increment
    symbol_name: Symbol
    direction: Direction
    valid_duration: Seconds
    targets: Annotated[list[Target], Meta(min_length=1, max_length=10_000)] | None = None


class CancelOrder(msgspec.Struct, frozen=True):
    """Why an order is cancelled."""

    reason: Annotated[str, Meta(max_length=200)] = ""


class OrderId(msgspec.Struct, frozen=True):
    """An order of the trader's own."""

    order_id: Id


class ResultBody(msgspec.Struct, frozen=True):
    """`outcome` and `executed_ms` are what an agent adds; without them `success` decides, and now is when."""

    success: bool
    message: LongText = ""
    data: dict[str, Any] | None = None
    outcome: Outcome | None = None
    executed_ms: Millis | None = None

    def __post_init__(self) -> None:
        limit_depth(self.data)


class OrderResult(msgspec.Struct, frozen=True):
    """What came of an order. `device_id`: which device it is of, where that is not the one that the login named."""

    order_id: Id
    result: ResultBody
    device_id: DeviceId | None = None
