"""Results that no connection can carry any more, handed in over HTTP.

The agent imports it. The invariant: an entry counts as reported only after the hub said 200; whatever the hub
does not take stays in the journal.
"""

import asyncio
import itertools
from collections.abc import Iterable
from typing import Final

from agent.link.api import HubApi, Unavailable
from agent.link.reconnecting import backoff
from agent.model.engine import Entry, State
from agent.model.events import Events, NotReported, Reported
from agent.trading.journal import Journal

TRIES: Final = 6


async def empty(journal: Journal, api: HubApi, token: str, stream: Events) -> bool:
    """Hand in all results that are not reported; whether the journal has none left that the hub would take."""
    refused: dict[int, str] = {}
    for delay in itertools.islice(backoff(), TRIES):
        left = _left(journal, refused)
        try:
            refused |= await _hand_in(left, journal, api, token, stream)
        except Unavailable:
            await asyncio.sleep(delay)
        else:
            break
    for order_id, reason in refused.items():
        stream.publish(NotReported(order_id, reason))
    return not _left(journal, refused)


def _left(journal: Journal, refused: dict[int, str]) -> list[Entry]:
    return [entry for entry in journal.in_state(State.DONE) if entry.order.id not in refused]


async def _hand_in(
    entries: Iterable[Entry], journal: Journal, api: HubApi, token: str, stream: Events
) -> dict[int, str]:
    """The reasons for those that the hub did not take. Raises Unavailable."""
    refused: dict[int, str] = {}
    for entry in entries:
        no = await api.record_result(token, entry)
        if no is not None:
            refused[entry.order.id] = no.reason
            continue
        journal.record(entry.order.id)
        stream.publish(Reported(entry.order.id, entry.outcome or "unknown"))
    return refused
