"""The stream that tells every hub process what happened: a doorbell, not the truth.

An event says what to look at, and enough of it for a process that reaches only Redis. The invariant: a process that may
have missed an event says so (`on_doubt`), and a stream that looks healthy but delivers nothing is found out: each
process has to read back the beat that it appended.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import msgspec
import structlog
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from hub.cluster.redis import EVENTS, PROBE_TIMEOUT_S, Command, guarded, unavailable
from hub.model.records import Account

KEPT_EVENTS: Final = 10_000
BLOCK_MS: Final = 1_000
AT_ONCE: Final = 500

log = structlog.get_logger(__name__)


class _Event(msgspec.Struct, frozen=True, tag_field="kind"):
    pass


class OrderPublished(_Event, frozen=True, tag="order"):
    order_id: int


class OrderCancelled(_Event, frozen=True, tag="cancel"):
    order_id: int
    reason: str


class UserChanged(_Event, frozen=True, tag="user"):
    """Status, expiry, password or session of a user is not what it was. `change_id` orders the changes of one user;
    0 from a process of before 0.2, which sends no account. `account` is None where the user is gone."""

    user_id: int
    change_id: int = 0
    account: Account | None = None


class Joined(_Event, frozen=True, tag="joined"):
    """Connections that one process has taken: others drop older ones of the same users. `since`, where it is not empty:
    for each user the id of the event that said so first, None where this is the first."""

    process: str
    user_ids: list[int]
    since: list[tuple[int, int] | None] = []


class SurveyAsked(_Event, frozen=True, tag="roll_call"):
    """Every process writes who is connected to it under this request's key."""

    request: str


class Started(_Event, frozen=True, tag="started"):
    """One process more takes connections."""

    process: str


class Beat(_Event, frozen=True, tag="beat"):
    """A process appended this to see whether it reads it back."""

    process: str


Event = OrderPublished | OrderCancelled | UserChanged | Joined | SurveyAsked | Started | Beat
EventId = tuple[int, int]
Handler = Callable[[Event, EventId], None]

_decoder: Final[msgspec.json.Decoder[Event]] = msgspec.json.Decoder(Event)


class Bus:
    """One process's end of the stream. `reader` must have a longer time-out than BLOCK_MS. `on_doubt(why)` is called
    when events may have been missed."""

    def __init__(self, redis: Redis, reader: Redis, process: str, on_doubt: Callable[[str], None]) -> None:
        self._redis = redis
        self._reader = reader
        self._process = process
        self._on_doubt = on_doubt
        self._seen: EventId = (0, 0)
        self._read = 0
        self._added_before = 0
        self._has_read = asyncio.Event()

    async def announce(self, event: Event, *before: Command) -> EventId:
        """Appends the event; its id orders it among all. `before`: commands that Redis carries out first, in the same
        round trip. Raises Unavailable."""
        append = ("XADD", EVENTS, "MAXLEN", "~", KEPT_EVENTS, "*", "event", msgspec.json.encode(event))
        with guarded():
            if not before:
                return _event_id(await self._redis.execute_command(*append))  # type: ignore[no-untyped-call]
            async with self._redis.pipeline(transaction=False) as pipeline:
                for command in (*before, append):
                    pipeline.execute_command(*command)
                return _event_id((await pipeline.execute())[-1])

    async def start(self) -> None:
        """From now on; what came before is for the database to tell. Raises Unavailable."""
        self._seen, self._read = await self._position()
        self._added_before = self._read

    async def read_forever(self, handle: Handler) -> None:
        """Hands every event to `handle`, in order. Raises Unavailable; called again, goes on behind what was read."""
        try:
            while True:
                await self._read_once(handle)
        except Exception as error:
            self._on_doubt(f"the stream was not read ({type(error).__name__})")
            raise

    async def probe(self) -> None:
        """Appends a beat and waits until this process has read it back; connects anew when it does not. Asked for every
        second. Raises Unavailable: a Redis that was failed over, is full or read-only can look healthy and deliver
        nothing."""
        beat = await self.announce(Beat(self._process))
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                while self._seen < beat:
                    self._has_read.clear()
                    await self._has_read.wait()
        except TimeoutError:
            await self._connect_anew()
            raise unavailable("a beat was appended to the stream and not read back") from None

    async def find_gap(self) -> None:
        """Notices events that were made and that this process did not read: trimmed, or gone with Redis's data.

        Asked for every second. The stream counts all that were ever added to it; what had been added by the last call
        and is not read by this one will not come. Raises Unavailable.
        """
        seen, read = self._seen, self._read  # while the answer is under way, more may be read than it counts
        last, added = await self._position()
        is_gap = self._read < self._added_before or added < read
        if is_gap:
            self._read = added
        if last < seen:
            # The stream began anew under a clock behind the old one: its next ids would stay below what we wait for.
            is_gap, self._seen = True, last
        self._added_before = added
        if is_gap:
            log.warning("events were missed: asking the database")
            self._on_doubt("events were missed")

    async def _connect_anew(self) -> None:
        self._on_doubt("the stream delivered nothing")
        with guarded():
            await self._reader.connection_pool.disconnect()

    async def _read_once(self, handle: Handler) -> None:
        with guarded():
            answer: Any = await self._reader.xread({EVENTS: "{}-{}".format(*self._seen)}, count=AT_ONCE, block=BLOCK_MS)
        for _stream, entries in answer or []:
            for entry_id, fields in entries:
                self._seen = _event_id(entry_id)
                self._read += 1
                self._has_read.set()
                event = self._event(fields)
                if event is not None and not isinstance(event, Beat):
                    handle(event, self._seen)

    def _event(self, fields: dict[bytes, bytes]) -> Event | None:
        """None for what this version does not know: a newer process may run beside it, and nothing in the stream may
        end a hub. What it meant, the database tells."""
        try:
            return _decoder.decode(fields[b"event"])
        except (msgspec.MsgspecError, KeyError) as error:
            log.warning("an event is not understood", error=str(error))
            self._on_doubt("an event was not understood")
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
