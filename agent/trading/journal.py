"""The journal: every order that reached this owner on this computer, on disk before anything depends on it.

SQLite, WAL, synchronous=FULL, one transaction a step. The invariants: a step is fsynced when its method returns; an
order id has one row for ever; a move that the engine's tables lack changes nothing. One process at a time may write
(`JournalBusy`).
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from agent.model import engine
from agent.model.account import Owner, Starts
from agent.model.clock import HubTime
from agent.model.engine import Conclusion, Entry, Halting, Mode, ResolvedBy, Settlement, State, Submission
from agent.trading import schema
from agent.trading.journal_file import (
    FILE_NAME,
    LOCK_NAME,
    JournalBroken,
    JournalBusy,
    Tidying,
    broken_if,
    lock,
    locked,
    opened,
)
from protocol.messages import Order, Outcome

__all__ = ["FILE_NAME", "LOCK_NAME", "Journal", "JournalBroken", "JournalBusy", "locked"]

_UNREPORTED: Final = "WHERE state <> 'reported' AND not_taken IS NULL ORDER BY order_id DESC LIMIT ?"


class Journal:
    """One owner's journal. Opened to write by one process at a time; to read by anyone.

    `owner.server` is the hub's address of today: it may change, the user may not.
    """

    def __init__(self, folder: Path, owner: Owner | None = None, mode: Literal["write", "read"] = "write") -> None:
        self._lock: sqlite3.Connection | None = None
        self._is_open = True
        with broken_if(folder):
            if mode == "write":
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._lock = lock(folder / LOCK_NAME)
            self._db = opened(folder / FILE_NAME, mode)
            self._prepare(mode)
            self._select = schema.select(self._db)
        self._watchers: list[Callable[[Entry], None]] = []
        self._tidying = Tidying()
        self.owner = self._own(owner)

    @property
    def is_open(self) -> bool:
        """Whether it has not been closed."""
        return self._is_open

    def close(self) -> None:
        """Give the files back."""
        self._is_open = False
        self._db.close()
        if self._lock is not None:
            self._lock.close()

    def watch(self, watcher: Callable[[Entry], None]) -> None:
        """Call this with an entry after each of its steps, once the step is on disk."""
        self._watchers.append(watcher)

    # the steps of an order

    def note_received(self, order: Order, received: HubTime, driver: str, mode: Mode) -> tuple[Entry, bool]:
        """Write a new order down; or, for an id that is known, give its entry. The bool: is it new."""
        row = {
            "order_id": order.id,
            "order": _text(order),
            "created_ms": order.created_ms,
            "expires_ms": order.expires_ms,
            "state": State.RECEIVED,
            "received_ms": received.ms,
            "uncertainty_ms": received.uncertainty_ms,
            "driver": driver,
            "mode": mode,
        }
        names, marks = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
        with self._step() as db:
            sql = f"INSERT INTO entries ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608 our own names
            done = db.execute(sql, tuple(row.values()))
        return self._get(order.id), done.rowcount == 1

    def note_submitting(self, order_id: int, submission: Submission) -> Entry:
        """Write the intent down. Only one caller, ever, gets past this line with an order."""
        changed = msgspec.structs.asdict(submission)
        changed |= {"stake": str(submission.stake), "payout_ratio": str(submission.payout_ratio)}
        return self._move(order_id, "submit", changed)

    def note_outcome(self, order_id: int, end: Conclusion) -> Entry:
        """Write the outcome down; or the fact that an `unknown` has become."""
        changed = {
            "outcome": end.outcome,
            "message": end.message,
            "reason_code": end.reason and end.reason.code,
            "reason_facts": end.reason and _text(dict(end.reason.facts)),
            "data": None if end.data is None else _text(end.data),
            "executed_ms": end.executed_ms,
            "exchange_order_id": end.exchange_order_id,
            "entry_price": None if end.entry_price is None else str(end.entry_price),
            "resolved_by": end.resolved_by,
            "not_taken": None,
        }
        return self._move(order_id, end.outcome, changed, end.resolved_by)

    def note_recorded(self, order_id: int, outcome: Outcome) -> Entry:
        """The hub has this outcome on disk. One that the entry no longer has is not what there is to report."""
        entry = self._get(order_id)
        if entry.outcome != outcome:
            return entry
        entry = self._move(order_id, "recorded", {})
        with broken_if("the journal"):
            self._tidying.after(self._db)
        return entry

    def note_not_taken(self, order_id: int, code: str) -> None:
        """The hub will never take the report, and says why; the entry stays."""
        self._set(order_id, "not_taken", code)

    def note_told(self, order_id: int, source: str) -> None:
        """The hub has been told how the position ended, as far as this source knows."""
        self._set(order_id, "told", source)

    def note_settled(self, order_id: int, settlement: Settlement) -> Entry:
        """Write down how the position ended. What is confirmed is not estimated again."""
        with self._step() as db:
            db.execute(
                """UPDATE entries SET settled_ms = ?, result = ?, source = ?, profit = ?
                WHERE order_id = ? AND (source IS NULL OR source <> 'confirmed')""",
                (settlement.settled_ms, settlement.result, settlement.source, str(settlement.profit), order_id),
            )
        return self._tell(self._get(order_id))

    # reading

    def entry(self, order_id: int) -> Entry | None:
        """The entry of an order, if there is one."""
        return next(self._entries("WHERE order_id = ?", order_id), None)

    def entries(self) -> list[Entry]:
        """Everything, oldest first."""
        return list(self._entries("ORDER BY created_ms, order_id"))

    def in_state(self, state: State) -> list[Entry]:
        """All entries in one state, oldest first."""
        return list(self._entries("WHERE state = ? ORDER BY created_ms, order_id", state))

    def unsettled(self) -> list[Entry]:
        """Positions that stand at the exchange and whose end is not confirmed."""
        open_ones = "WHERE outcome = 'success' AND (source IS NULL OR source = 'estimated') ORDER BY order_id"
        return list(self._entries(open_ones))

    def unknown(self) -> list[Entry]:
        """Those that may or may not stand at the exchange, oldest first."""
        return list(self._entries("WHERE outcome = 'unknown' ORDER BY created_ms, order_id"))

    def submitted_since(self, wall_ms: int, mode: Mode) -> list[Entry]:
        """What was submitted in one mode since that time of the wall clock."""
        return list(self._entries("WHERE submitted_wall_ms >= ? AND mode = ?", wall_ms, mode))

    def spent_since(self, hub_ms: int) -> list[Entry]:
        """What was submitted since that time of the hub's clock, in any mode, oldest first."""
        return list(self._entries("WHERE submitted_ms >= ? ORDER BY submitted_ms, order_id", hub_ms))

    def to_report(self) -> list[Entry]:
        """Outcomes that the hub does not have, and may take."""
        return list(self._entries("WHERE state = 'done' AND not_taken IS NULL ORDER BY created_ms, order_id"))

    def unreported(self, limit: int = 2_500) -> list[int]:
        """The ids of all that is not reported, whatever any clock says; the newest, if there are more than `limit`."""
        return [entry.order.id for entry in self._entries(_UNREPORTED, limit)]

    def settled_and_not_told(self) -> list[Entry]:
        """Ended positions of which the hub has not been told what is known by now."""
        return list(self._entries("WHERE source IS NOT NULL AND told IS NOT source ORDER BY order_id"))

    def newest(self) -> Entry | None:
        """The entry with the highest order id."""
        return next(self._entries("ORDER BY order_id DESC LIMIT 1"), None)

    def last_submitted(self) -> Entry | None:
        """The entry that was submitted last."""
        return next(self._entries("WHERE submitted_ms IS NOT NULL ORDER BY submitted_ms DESC LIMIT 1"), None)

    def under_way(self, now_ms: int) -> list[Entry]:
        """Orders without an outcome whose window is open, oldest first."""
        where = "WHERE state IN ('received', 'submitting') AND expires_ms > ? ORDER BY order_id"
        return list(self._entries(where, now_ms))

    def starts(self, fresh: Callable[[], str]) -> Starts:
        """This start of the program. One that no hub has on disk is the same start still. `fresh` makes an id."""
        kept = self._meta("starts")
        starts = msgspec.json.decode(kept, type=Starts) if kept else Starts(fresh(), fresh(), None, is_known=False)
        if starts.is_known:
            starts = Starts(starts.journal, fresh(), starts.start, is_known=False)
        self._keep("starts", _text(starts))
        return starts

    def note_start_known(self) -> None:
        """The hub has this start on disk."""
        starts = msgspec.json.decode(self._meta("starts") or "null", type=Starts)
        if not starts.is_known:
            self._keep("starts", _text(msgspec.structs.replace(starts, is_known=True)))

    def device_id(self, new: str) -> str:
        """What the hub knows this journal's device by: `new` for a new journal, the same ever after."""
        kept = self._meta("device")
        if kept is None:
            self._keep("device", new)
        return kept or new

    # the halt

    @property
    def halting(self) -> Halting:
        """The newest halt that is known."""
        text = self._meta("halting")
        return msgspec.json.decode(text, type=Halting) if text else Halting()

    def keep_halting(self, halting: Halting) -> None:
        """Remember a halt, or that it is lifted, over restarts."""
        self._keep("halting", _text(halting))

    def integrity(self) -> str:
        """'ok', or what SQLite finds wrong with the file."""
        with self._step() as db:
            return str(db.execute("PRAGMA quick_check(1)").fetchone()[0])

    # inside

    def _move(self, order_id: int, step: engine.Move, changed: dict[str, Any], by: ResolvedBy | None = None) -> Entry:
        columns = "".join(f", {name} = ?" for name in changed)
        with self._step() as db:
            row = db.execute("SELECT state, outcome FROM entries WHERE order_id = ?", (order_id,)).fetchone()
            if row is None:
                raise engine.IllegalMove(f"order {order_id} is not in the journal")
            after = engine.move(State(row["state"]), step, row["outcome"], by)
            values = (after, *changed.values(), order_id)
            db.execute(f"UPDATE entries SET state = ?{columns} WHERE order_id = ?", values)  # noqa: S608 our own names
        return self._tell(self._get(order_id))

    def _tell(self, entry: Entry) -> Entry:
        for watcher in self._watchers:
            watcher(entry)
        return entry

    def _set(self, order_id: int, column: str, value: str) -> None:
        with self._step() as db:
            db.execute(f"UPDATE entries SET {column} = ? WHERE order_id = ?", (value, order_id))  # noqa: S608 our own names

    def _get(self, order_id: int) -> Entry:
        entry = self.entry(order_id)
        if entry is None:
            raise JournalBroken(f"order {order_id} vanished from the journal")
        return entry

    def _entries(self, where: str, *values: object) -> Iterator[Entry]:
        with broken_if("the journal"):
            rows = self._db.execute(f"{self._select} {where}", values).fetchall()
        return map(schema.entry, rows)

    @contextmanager
    def _step(self) -> Iterator[sqlite3.Connection]:
        """One transaction: on disk when it ends, or not there at all."""
        with broken_if("the journal"):
            self._db.execute("BEGIN IMMEDIATE" if self._lock else "BEGIN")
            with self._db:
                yield self._db

    def _prepare(self, mode: str) -> None:
        if schema.version(self._db) > schema.SCHEMA:
            raise JournalBroken("the journal was written by a newer version of the agent: update the agent")
        if mode == "write":
            schema.prepare(self._db)

    def _own(self, owner: Owner | None) -> Owner:
        """Whose it is. Raises JournalBroken if it is not the one who asks."""
        text = self._meta("owner")
        kept = None if text is None else msgspec.json.decode(text, type=Owner)
        if kept is None and owner is None:
            raise JournalBroken("the journal does not say whose it is")
        if kept is not None and owner is not None and owner.username != kept.username:
            raise JournalBroken(f"the journal is {kept.username}'s at {kept.server}")
        if owner is not None and owner != kept and self._lock is not None:
            self._keep("owner", _text(owner))
        return owner or kept or Owner("", "")

    def _meta(self, key: str) -> str | None:
        with broken_if("the journal"):
            row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def _keep(self, key: str, value: str) -> None:
        with self._step() as db:
            db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
