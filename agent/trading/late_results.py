"""Results that no connection can carry any more, handed in over HTTP; also those of further journals of the same user.

The invariant: an entry counts as reported only after the hub said 200 to this very outcome; whatever the hub does not
take stays in the journal.
"""

import itertools
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final

from agent.link.api import HubApi, Unavailable
from agent.link.reconnecting import backoff
from agent.model.engine import Conclusion, Entry, Refused, State
from agent.model.events import Events, NotReported, Reported
from agent.model.reasons import Reason
from agent.trading.journal import Journal, JournalBroken
from agent.world import World

TRIES: Final = 6
FINAL: Final = frozenset({404, 409, 422})
"""The statuses of a report that the hub will never take, whatever the token."""


async def empty(journal: Journal, api: HubApi, token: str, stream: Events, world: World) -> bool:
    """Hand in all results that are not reported; whether the journal has none left that the hub may take."""
    refused: dict[int, Refused] = {}
    for delay in itertools.islice(backoff(world.random), TRIES):
        left = [entry for entry in journal.to_report() if entry.order.id not in refused]
        try:
            refused |= await _hand_in(left, journal, api, token, stream)
        except Unavailable:
            await world.sleep(delay)
        else:
            break
    return not journal.to_report()


async def empty_others(
    folders: Iterable[Path],
    log_in: Callable[[Journal], Awaitable[str | None]],
    api: HubApi,
    stream: Events,
    world: World,
) -> bool:
    """The same for journals that no agent works on any more. Whether a login was needed: it has ended others."""
    has_logged_in = False
    for folder in folders:
        try:
            journal = Journal(folder)
        except JournalBroken:
            continue  # in use, or damaged: the doctor says so
        try:
            _close_books(journal, world.read().wall_ms)
            if journal.to_report():
                has_logged_in = True
                token = await log_in(journal)
                if token is not None:
                    await empty(journal, api, token, stream, world)
        finally:
            journal.close()
    return has_logged_in


def _close_books(journal: Journal, now_ms: int) -> None:
    """What was under way there is not any more: nobody will submit it, and nobody knows about what was submitted."""
    for entry in journal.in_state(State.SUBMITTING):
        journal.note_outcome(
            entry.order.id, Conclusion("unknown", entry.submitted_ms or 0, Reason("driver.interrupted"))
        )
    for entry in journal.in_state(State.RECEIVED):
        if entry.order.expires_ms < now_ms:
            journal.note_outcome(entry.order.id, Conclusion("expired", entry.order.expires_ms, Reason("window.over")))


async def _hand_in(
    entries: Iterable[Entry], journal: Journal, api: HubApi, token: str, stream: Events
) -> dict[int, Refused]:
    """The reasons for those that the hub did not take. Raises Unavailable."""
    refused: dict[int, Refused] = {}
    for entry in entries:
        no = await api.record_result(token, entry)
        if no is None:
            outcome = entry.outcome or "unknown"
            journal.note_recorded(entry.order.id, outcome)
            stream.emit(Reported(entry.order.id, outcome, entry.mode))
            continue
        refused[entry.order.id] = no
        stream.emit(NotReported(entry.order.id, entry.mode, no.reason))
        status = (no.data or {}).get("status")
        if status in FINAL:
            journal.note_not_taken(entry.order.id, f"HTTP {status}")
    return refused
