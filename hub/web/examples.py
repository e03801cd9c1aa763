"""An example of each body and each answer, for `/openapi.json` and `hub/docs/api.md`. All of one made-up afternoon."""

from typing import Any, Final

from hub.model import answers, bodies
from hub.model.funnel import Funnel, NotClaimed, Outcomes

AT, AT_MS = "2026-11-22 14:04:04", 1_795_356_244_000
TOKEN_END, TOKEN_END_MS = "2026-11-23 14:04:04", 1_795_442_644_000
DEVICE: Final = "92ecde46-ce75-55c6-a9a5-e221ea33160f"

_ORDER: Final = answers.PulledOrder(1, "TEN_MINUTE", "BTCUSDT", "LONG", 60, AT, AT_MS, AT_MS + 60_000)
_LISTED: Final[dict[str, Any]] = {
    "id": 1,
    "time_increments": "TEN_MINUTE",
    "symbol_name": "BTCUSDT",
    "direction": "LONG",
    "valid_duration": 60,
    "created_at": AT,
    "created_ms": AT_MS,
    "expires_ms": AT_MS + 60_000,
    "expires_at": "2026-11-22 14:05:04",
    "status": 2,
    "status_text": "assigned",
    "created_by": 1,
    "outcomes": Outcomes(success=1),
}
_ASSIGNED: Final = answers.AssignmentAnswer(
    2, "alice", DEVICE, AT, AT_MS, AT_MS + 3, AT_MS + 35, "success", "", settlement="won estimated"
)
_FUNNEL: Final = Funnel(1, 1, NotClaimed(), 1, 0, 1, 0, Outcomes(success=1))

EXAMPLES: Final[dict[type, Any]] = {
    kind: example
    for example in (
        bodies.Credentials("alice", "a long password", DEVICE),
        bodies.NewUser("alice", "a long password", "2027-01-31 18:00:00"),
        bodies.NewUsers([bodies.NewUser("alice", "a long password"), bodies.NewUser("bob", "another password")]),
        bodies.NewExpiry("2027-01-31 18:00:00"),
        bodies.NewStatus(3),
        bodies.NewPassword("another password"),
        bodies.PasswordChange("a long password", "another password"),
        bodies.NewOrder("TEN_MINUTE", "BTCUSDT", "LONG", 60, ["alice", 7]),
        bodies.CancelOrder("news at two"),
        bodies.OrderId(1),
        bodies.OrderResult(1, bodies.ResultBody(True, "", {"order": "8389765"}, "success", AT_MS + 35)),
        answers.NewLogin("eyJhbGciOi…", 2, None, None, TOKEN_END, TOKEN_END_MS, "f81424db-592b-4c82-a85a-0f1d992d9e4a"),
        answers.Verified(2, "alice", "trader"),
        answers.NewUserId(2),
        answers.NewUserIds([2, 3]),
        answers.NewOrderId(1),
        answers.Audience(120, 118, 87),
        answers.Pulled(_ORDER),
        answers.OrderDetail(**_LISTED, is_settled=True, funnel=_FUNNEL, assignments=[_ASSIGNED]),
        answers.OrderPage(1, [answers.OrderAnswer(**_LISTED)]),
        answers.AccountPage(
            1, [answers.AccountAnswer(2, "alice", "trader", 1, "active", None, None, AT, AT_MS, connected=True)]
        ),
        answers.AgentPage(
            1,
            [answers.AgentAnswer(2, "alice", DEVICE, "0.1.0", "paper", AT, AT_MS, 5.0, "127.0.0.1", "3148-8f97c7bc")],
        ),
        answers.Ready([answers.PartAnswer("database", True, AT_MS, None)]),
    )
    for kind in (type(example),)
}

MESSAGES: Final = {
    400: "the body is not JSON",
    401: "the token is not valid",
    403: "the account is disabled",
    404: "there is no order 12",
    409: "the username is taken",
    413: "the body takes at most 65536 bytes",
    422: "valid_duration: takes a whole number of seconds from 1 to 86400",
    429: "too many tries",
    503: "the database is out of reach: nothing was stored, try again",
}
"""What an error's `message` and `detail` may say."""
