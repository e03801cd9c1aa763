"""The log of who did what: logins, refusals, and everything an admin does.

The invariants: one record an act, in the same fields whatever was done; nothing secret is in it; text from outside has
passed `clean`; and whoever is refused without end fills no disk.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Final, Literal

import msgspec
import structlog

from hub.access.principal import Bootstrap, Principal
from hub.errors import InDoubt, Refusal, Unavailable
from protocol.text import clean

Event = Literal[
    "login",
    "logout",
    "password",
    "bootstrap",
    "access",
    "user.create",
    "user.expire",
    "user.status",
    "user.password",
    "user.kick",
    "order.publish",
    "order.cancel",
]
Outcome = Literal["done", "refused", "limited", "failed"]

LOGGER: Final = "audit"
"""What the field `logger` of each record says."""
LONGEST_TEXT: Final = 200
MOST_REFUSALS: Final = 60
"""Records a minute of one event that one address may cause without having anything done."""
PERIOD_S: Final = 60.0
REMEMBERED: Final = 10_000

log = structlog.get_logger(LOGGER)


class Record(msgspec.Struct, frozen=True):
    """One act. `actor` and `actor_id`: who it was, as far as that is known; `subject`: the user or order that it was
    done to; `reason`: why it was refused or failed, or the admin's own reason; `detail`: what was set; `omitted`: how
    many like it were left out before it."""

    event: Event
    outcome: Outcome
    actor: str
    actor_id: int | None
    actor_kind: Literal["bootstrap", "admin", "trader", "nobody"]
    address: str
    subject: str = ""
    reason: str = ""
    detail: str = ""
    omitted: int = 0


class Act:
    """What is being done; `subject`, `reason` and `detail` may be filled in until it is over."""

    def __init__(self, subject: object, reason: str, detail: str) -> None:
        self.subject = str(subject)
        self.reason = reason
        self.detail = detail


class Audit:
    """Writes the records."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """`now`: seconds that only grow."""
        self._now = now
        self._refusals: dict[tuple[str, str, str], tuple[float, int]] = {}

    @contextlib.contextmanager
    def act(
        self, event: Event, actor: Principal, *, subject: object = "", reason: str = "", detail: str = ""
    ) -> Iterator[Act]:
        """Records what is done inside when it is over, with what came of it."""
        act = Act(subject, reason, detail)
        outcome: Outcome = "failed"
        try:
            yield act
            outcome = "done"
        except Refusal as error:
            outcome, act.reason = outcome_of(error), error.message
            raise
        except InDoubt:
            act.reason = "in doubt"
            raise
        except Unavailable as error:
            act.reason = f"{error.what} is out of reach"
            raise
        finally:
            self.note(event, outcome, actor, subject=act.subject, reason=act.reason, detail=act.detail)

    def note(
        self,
        event: Event,
        outcome: Outcome,
        actor: Principal | None,
        *,
        address: str = "",
        subject: object = "",
        reason: str = "",
        detail: str = "",
    ) -> None:
        """Records one act; None is an actor whom nobody knows, at this address."""
        self._write(
            Record(
                event=event,
                outcome=outcome,
                actor=_text(actor.name if actor else ""),
                actor_id=actor.user_id if actor else None,
                actor_kind="nobody" if actor is None else "bootstrap" if isinstance(actor, Bootstrap) else actor.role,
                address=_text(actor.address if actor else address),
                subject=_text(subject),
                reason=_text(reason),
                detail=_text(detail),
            )
        )

    def _write(self, record: Record) -> None:
        if record.outcome == "done":
            log.info(record.event, **_facts(record))
            return
        key = (record.event, record.outcome, record.address)
        since, count = self._refusals.pop(key, (self._now(), 0))
        if self._now() - since >= PERIOD_S:
            record = msgspec.structs.replace(record, omitted=max(0, count - MOST_REFUSALS))
            since, count = self._now(), 0
        self._refusals[key] = (since, count + 1)
        if len(self._refusals) > REMEMBERED:
            del self._refusals[next(iter(self._refusals))]
        if count < MOST_REFUSALS:
            log.warning(record.event, **_facts(record))


def outcome_of(refusal: Refusal) -> Outcome:
    """The record's word for a refusal."""
    return "limited" if refusal.reason == "too_many" else "refused"


def _text(text: object) -> str:
    return clean(str(text)[:LONGEST_TEXT])


def _facts(record: Record) -> dict[str, object]:
    """The fields that say something; the event is the line itself."""
    fields = msgspec.structs.asdict(record) | {"logger": LOGGER}
    del fields["event"]
    return {name: value for name, value in fields.items() if value not in ("", None, 0)}
