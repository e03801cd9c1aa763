"""The hub over HTTP: login, and results when no connection can carry them.

The invariants: a `no` of the hub is a value, a hub out of reach is
`Unavailable`, and no error text holds a password or a token.
"""

import re
from typing import Annotated, Any, Final

import aiohttp
import msgspec
from msgspec import Meta

from agent.model.account import is_loopback
from agent.model.engine import LONGEST_MESSAGE, Entry, Refused, fitting
from agent.model.reasons import Reason
from protocol.messages import HubId, Id, Millis
from protocol.text import clean

TIMEOUT_S: Final = 10.0
LONGEST_RETRY_S: Final = 120
MOST_ANSWER_BYTES: Final = 1024 * 1024
NO_HUB: Final = "this does not answer like a hub"
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeError, RecursionError)
"""What msgspec raises for bytes that are no answer of ours."""


class Unavailable(RuntimeError):
    """The hub is out of reach, or says so itself (5xx, 429); try again later.

    `retry_after_s`: the hub is there, and asks to be asked again after so long (429).
    """

    def __init__(self, why: str, retry_after_s: float = 0.0) -> None:
        super().__init__(why)
        self.retry_after_s = retry_after_s


class Credentials(msgspec.Struct):
    """What a trader logs in with. The password goes with the login: whoever holds this holds it no longer."""

    username: str
    password: str

    def drop_password(self) -> None:
        """Forget it, once the hub has given a token for it."""
        self.password = ""

    def __repr__(self) -> str:
        return f"Credentials({self.username!r}, …)"


class NewPassword(msgspec.Struct, frozen=True):
    """The own password, to be changed."""

    username: str
    old_password: str
    new_password: str

    def __repr__(self) -> str:
        return f"NewPassword({self.username!r}, …)"


class Session(msgspec.Struct, frozen=True):
    """A login. Times in epoch milliseconds on the hub's clock."""

    token: Annotated[str, Meta(pattern="^[ -~]{1,4096}\\Z")]
    user_id: Id
    token_expire_ms: Millis
    expire_ms: Millis | None = None
    hub_id: HubId | None = None

    def __repr__(self) -> str:
        return f"Session(user {self.user_id}, …)"


class Health(msgspec.Struct, frozen=True):
    """What `GET /healthz` tells: `date` is the hub's time in whole seconds, as HTTP gives it."""

    status: int
    date: str | None


class _Envelope(msgspec.Struct):
    code: int
    message: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")


_envelope: Final = msgspec.json.Decoder(_Envelope)


def why(body: bytes) -> str:
    """The hub's words out of an answer that may not be the hub's at all."""
    try:
        return clean(_envelope.decode(body).message[:200])
    except _UNREADABLE:
        return ""


class HubApi:
    """One hub. Every call opens and closes its own connection: they are rare."""

    def __init__(self, server: str) -> None:
        self.server = server

    async def login(self, credentials: Credentials, device_id: str) -> Session | Refused:
        """Raises Unavailable."""
        body = {**msgspec.to_builtins(credentials), "device_id": device_id}
        status, answer = await self._post("/api/auth/login", body)
        if status != 200:
            return _refused(status, answer)
        return _data(answer, Session)

    async def change_password(self, change: NewPassword, token: str | None) -> Refused | None:
        """By a token its login goes on; without one every login of the user ends. Raises Unavailable."""
        status, answer = await self._post("/api/auth/password", msgspec.to_builtins(change), token)
        return None if status == 200 else _refused(status, answer)

    async def record_result(self, token: str, entry: Entry) -> Refused | None:
        """Hand a result in; None when the hub has it on disk. Raises Unavailable."""
        result = {
            "success": entry.outcome == "success",
            "message": entry.message[:LONGEST_MESSAGE],
            "data": fitting(entry.data),
            "outcome": entry.outcome,
            "executed_ms": entry.executed_ms,
        }
        body = {"order_id": entry.order.id, "result": result}
        status, answer = await self._post("/api/orders/record-result", body, token)
        return None if status == 200 else _refused(status, answer)

    async def health(self) -> Health:
        """Raises Unavailable."""
        async with self._client() as client:
            try:
                async with client.get(f"{self.server}/healthz", allow_redirects=False) as answer:
                    return Health(answer.status, answer.headers.get("Date"))
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise Unavailable(_describe(error)) from None

    async def _post(self, path: str, body: dict[str, Any], token: str | None = None) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        async with self._client() as client:
            try:
                async with client.post(
                    self.server + path, data=msgspec.json.encode(body), headers=headers, allow_redirects=False
                ) as answer:
                    text = await _read(answer)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise Unavailable(_describe(error)) from None
        if answer.status == 429:
            raise Unavailable(why(text) or "the hub answered 429", retry_after_s(answer.headers.get("Retry-After", "")))
        if answer.status >= 500:
            raise Unavailable(why(text) or f"the hub answered {answer.status}")
        return answer.status, text

    def _client(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S), trust_env=not is_loopback(self.server)
        )


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    """The body, unpacked. Raises Unavailable for one that no hub sends."""
    body = bytearray()
    async for part in answer.content.iter_any():
        body += part
        if len(body) > MOST_ANSWER_BYTES:
            raise Unavailable(f"{NO_HUB}: it says more than {MOST_ANSWER_BYTES} bytes")
    return bytes(body)


def _refused(status: int, answer: bytes) -> Refused:
    said = why(answer)
    reason = Reason("hub.said", {"said": said}) if said else Reason("hub.answered", {"status": str(status)})
    return Refused(reason, {"status": status})


def _data(answer: bytes, kind: type[Session]) -> Session:
    try:
        return msgspec.json.decode(_envelope.decode(answer).data, type=kind)
    except _UNREADABLE as error:
        raise Unavailable(f"{NO_HUB}: {error}") from None


def retry_after_s(header: str) -> float:
    """The seconds of `Retry-After`: between a second and two minutes, whatever the header says."""
    return float(min(max(1, int(header)), LONGEST_RETRY_S)) if re.fullmatch("[0-9]{1,9}", header) else 1.0


def _describe(error: Exception) -> str:
    return str(error) or type(error).__name__
