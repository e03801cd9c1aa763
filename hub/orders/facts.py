"""What happens to deliveries, as facts; and a batch of them, merged a row each.

Pure, but for its callbacks. The invariant: a batch has one row for an order, user and device, and an answer is called
for each report in it, once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import msgspec

from hub.model.delivery import Acked, Delivery, Lost, Reported, Sent, Settled, State, apply, handed_out

Verdict = Literal["recorded", "not_owner", "no_such_order", "full"]
Answer = Callable[[Verdict], None]
Key = tuple[int, int, str]
"""Order, user, device."""


class Holder(Protocol):
    """Who holds a claim: a session, as far as the record knows it."""

    user_id: int
    device_id: str
    journal: str | None


@dataclass(frozen=True, slots=True)
class ChunkSent:
    """A chunk of an order was claimed for these; `unsent` are the user ids whose frame did not go out."""

    order_id: int
    at_ms: int
    holders: Sequence[Holder]
    unsent: frozenset[int]


@dataclass(frozen=True, slots=True)
class Fact:
    """What a device said. `size`: bytes of its words."""

    order_id: int
    user_id: int
    event: Acked | Reported | Settled
    answer: Answer | None = None
    size: int = 0


@dataclass(slots=True)
class Batch:
    """Rows to write: whose the row is, the database decides."""

    deliveries: dict[Key, Delivery] = field(default_factory=dict)
    answers: dict[Key, list[Answer]] = field(default_factory=dict)
    size: int = 0

    def add_chunk(self, chunk: ChunkSent) -> None:
        """What was handed out."""
        deliveries = self.deliveries
        for holder in chunk.holders:
            key = (chunk.order_id, holder.user_id, holder.device_id)
            was_sent = holder.user_id not in chunk.unsent
            known = deliveries.get(key)
            if known is None:
                deliveries[key] = handed_out(*key, chunk.at_ms, was_sent, holder.journal)
            else:
                deliveries[key] = apply(known, Sent() if was_sent else Lost())

    def add_fact(self, fact: Fact) -> None:
        """A fact without a claim in this batch: the claim's row is written, or was lost with a process and comes back
        with this one. Either way the upsert decides whose it is."""
        key = (fact.order_id, fact.user_id, fact.event.device_id)
        known = self.deliveries.get(key) or Delivery(key[0], key[1], State.CLAIMED, key[2])
        self.deliveries[key] = apply(known, fact.event)
        self.size += fact.size
        if fact.answer:
            self.answers.setdefault(key, []).append(fact.answer)

    def drop(self, key: Key, verdict: Verdict) -> None:
        """Takes a row out, and says why."""
        del self.deliveries[key]
        for answer in self.answers.pop(key, []):
            answer(verdict)


def size_of(event: Reported) -> int:
    """Bytes of what the agent said in a report, as JSON."""
    return len(msgspec.json.encode((event.message, event.data)))
