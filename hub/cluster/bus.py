"""The stream that tells every hub process what happened: a doorbell, not the truth.

An event carries an id, the database has the facts. The invariant: a process that may have missed an event
knows it (`is_in_doubt`), and asks the database until it is sure again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
import structlog
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from hub.cluster.redis import EVENTS, guarded
from hub.errors import Unavailable

KEPT_EVENTS: Final = 10_000
BLOCK_MS: Final = 1_000
AT_ONCE: Final = 500
_RETRY_S: Final = 0.2

log = structlog.get_logger(__name__)


class _Event(msgspec.Struct, frozen=True, tag_field="kind"):
    pass


class OrderPublished(_Event, frozen=True, tag="order"):
    order_id: int


class OrderCancelled(_Event, frozen=True, tag="cancel"):
    order_id: int
    reason: str


class UserChanged(_Event, frozen=True, tag="user"):
    """Status, expiry, password or session of a user is not what it was."""

    user_id: int


class Joined(_Event, frozen=True, tag="joined"):
    """Connections that one process has taken: others drop older ones of the same users."""

    process: str
    user_ids: list[int]


class RollCall(_Event, frozen=True, tag="roll_call"):
    """Every process writes who is connected to it under this request's key."""

    request: str


class Started(_Event, frozen=True, tag="started"):
    """One process more takes connections."""

    process: str


Event = OrderPublished | OrderCancelled | UserChanged | Joined | RollCall | Started
EventId = tuple[int, int]
Handler = Callable[[Event, EventId], Awaitable[None]]

_decoder: Final[msgspec.json.Decoder[Event]] = msgspec.json.Decoder(Event)


class Bus:
    """One process's end of the stream. `reader` must have a longer patience than BLOCK_MS."""

    def __init__(self, redis: Redis, reader: Redis) -> None:
        self._redis = redis
        self._reader = reader
        self._seen: EventId = (0, 0)
        self._read = 0
        self._added_before = 0
        self.is_in_doubt = True

    async def announce(self, event: Event) -> EventId:
        """Appends the event; its id orders it among all. Raises Unavailable."""
        with guarded():
            written = await self._redis.xadd(
                EVENTS, {"event": msgspec.json.encode(event)}, maxlen=KEPT_EVENTS, approximate=True
            )
        return _event_id(written)

    async def start(self) -> None:
        """From now on; what came before is for the database to tell. Raises Unavailable."""
        self._seen, self._read = await self._position()
        self._added_before = self._read

    async def read_forever(self, handle: Handler) -> None:
        """Hands every event to `handle`, in order; outlives Redis."""
        while True:
            try:
                await self._read_once(handle)
            except Unavailable as error:
                if not self.is_in_doubt:
                    log.warning("stream out of reach", error=str(error))
                self.is_in_doubt = True
                await asyncio.sleep(_RETRY_S)

    async def find_gap(self) -> bool:
        """Whether events were made that this process did not read: trimmed, or gone with Redis's data.

        Asked once a second. The stream counts all that were ever added to it; what had been added by the last call
        and is not read by this one will not come. Raises Unavailable.
        """
        last, added = await self._position()
        is_gap = self._read < self._added_before or added < self._read
        if is_gap:
            self._read = added
        if last < self._seen:
            # The stream began anew under a clock behind the old one: its next ids would stay below what we wait for.
            is_gap, self._seen = True, last
        self._added_before = added
        return is_gap

    async def _read_once(self, handle: Handler) -> None:
        with guarded():
            answer: Any = await self._reader.xread({EVENTS: "{}-{}".format(*self._seen)}, count=AT_ONCE, block=BLOCK_MS)
        for _stream, entries in answer or []:
            for entry_id, fields in entries:
                self._seen = _event_id(entry_id)
                self._read += 1
                event = self._event(fields)
                if event is not None:
                    await handle(event, self._seen)

    def _event(self, fields: dict[bytes, bytes]) -> Event | None:
        """None for what this version does not know: a newer process may run beside it, and nothing in the stream may
        end a hub. What it meant, the database tells."""
        try:
            return _decoder.decode(fields[b"event"])
        except (msgspec.MsgspecError, KeyError) as error:
            log.warning("an event is not understood", error=str(error))
            self.is_in_doubt = True
            return None

    async def _position(self) -> tuple[EventId, int]:
        """The last id that the stream has given, and how many entries it ever had (Redis 7 counts them)."""
        with guarded():
            try:
                info = await self._redis.xinfo_stream(EVENTS)
            except ResponseError as error:
                if "no such key" in str(error):
                    return (0, 0), 0
                raise
        return _event_id(info["last-generated-id"]), int(info["entries-added"])


def _event_id(written: bytes | str) -> EventId:
    text = written.decode() if isinstance(written, bytes) else written
    milliseconds, _, sequence = text.partition("-")
    return int(milliseconds), int(sequence)
