"""Results that no connection can carry any more, handed in over HTTP.

The invariant: an entry counts as reported only after the hub said 200; whatever the hub
does not take stays in the journal.
"""

import itertools
from collections.abc import Iterable
from typing import Final

from agent.link.api import HubApi, Unavailable
from agent.link.reconnecting import backoff
from agent.model.engine import Entry, Refused, State
from agent.model.events import Events, NotReported, Reported
from agent.trading.journal import Journal
from agent.world import World

TRIES: Final = 6


async def empty(journal: Journal, api: HubApi, token: str, stream: Events, world: World) -> bool:
    """Hand in all results that are not reported; whether the journal has none left that the hub would take."""
    refused: dict[int, Refused] = {}
    for delay in itertools.islice(backoff(world.random), TRIES):
        left = _left(journal, refused)
        try:
            refused |= await _hand_in(left, journal, api, token, stream)
        except Unavailable:
            await world.sleep(delay)
        else:
            break
    for entry in journal.in_state(State.DONE):
        if entry.order.id in refused:
            stream.emit(NotReported(entry.order.id, entry.mode, refused[entry.order.id].reason))
    return not _left(journal, refused)


def _left(journal: Journal, refused: dict[int, Refused]) -> list[Entry]:
    return [entry for entry in journal.in_state(State.DONE) if entry.order.id not in refused]


async def _hand_in(
    entries: Iterable[Entry], journal: Journal, api: HubApi, token: str, stream: Events
) -> dict[int, Refused]:
    """The reasons for those that the hub did not take. Raises Unavailable."""
    refused: dict[int, Refused] = {}
    for entry in entries:
        no = await api.record_result(token, entry)
        if no is not None:
            refused[entry.order.id] = no
            continue
        outcome = entry.outcome or "unknown"
        journal.note_recorded(entry.order.id, outcome)
        stream.emit(Reported(entry.order.id, outcome, entry.mode))
    return refused
