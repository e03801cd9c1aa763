"""The journal: every order that reached this owner on this computer, on disk before anything depends on it.

SQLite, WAL, synchronous=FULL, one transaction a step. The executor and the outbox write it; the history and the doctor
read it. The invariants: a step is fsynced when its method returns; an order id has one row for ever; a move
that the engine's table lacks changes nothing. One process at a time may write (`JournalBusy`).
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from agent.model import engine
from agent.model.account import Owner
from agent.model.clock import HubTime
from agent.model.engine import Conclusion, Entry, Halting, Settlement, State
from protocol.messages import Order

FILE_NAME: Final = "journal.db"
LOCK_NAME: Final = "lock.db"
SCHEMA: Final = 1

_TABLES: Final = """
CREATE TABLE entries (
    order_id INTEGER PRIMARY KEY,
    "order" TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('received', 'submitting', 'done', 'reported')),
    received_ms INTEGER NOT NULL,
    uncertainty_ms INTEGER NOT NULL,
    outcome TEXT,
    message TEXT NOT NULL DEFAULT '',
    data TEXT,
    executed_ms INTEGER,
    stake TEXT,
    payout_ratio TEXT,
    exchange_order_id TEXT,
    settled_ms INTEGER,
    won INTEGER,
    profit TEXT,
    CHECK ((outcome IS NULL) = (state IN ('received', 'submitting'))),
    CHECK (state <> 'submitting' OR stake IS NOT NULL)
);
CREATE INDEX entries_open ON entries (state) WHERE state <> 'reported';
CREATE INDEX entries_window ON entries (expires_ms);
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""

_SELECT: Final = """SELECT "order", state, received_ms, uncertainty_ms, outcome, message, data, executed_ms, stake,
    payout_ratio, exchange_order_id, settled_ms, won, profit FROM entries"""

_order: Final = msgspec.json.Decoder(Order)


class JournalBroken(RuntimeError):
    """The journal cannot be read or written: the environment's fault. Nothing may be traded without it."""


class JournalBusy(JournalBroken):
    """Another process of this computer is running for this owner."""


class Journal:
    """One owner's journal. Opened to write by one process at a time; to read by anyone."""

    def __init__(self, folder: Path, owner: Owner | None = None, mode: Literal["write", "read"] = "write") -> None:
        self._lock: sqlite3.Connection | None = None
        with _broken_if(folder):
            if mode == "write":
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._lock = _lock(folder / LOCK_NAME)
            self._db = _open(folder / FILE_NAME, mode)
            self._prepare(mode)
        self.owner = self._own(owner)

    def close(self) -> None:
        """Give the files back."""
        self._db.close()
        if self._lock is not None:
            self._lock.close()

    # the steps of an order

    def receive(self, order: Order, received: HubTime) -> tuple[Entry, bool]:
        """Write a new order down; or, for an id that is known, give its entry. The bool: is it new."""
        with self._step() as db:
            done = db.execute(
                """INSERT INTO entries (order_id, "order", created_ms, expires_ms, state, received_ms, uncertainty_ms)
                VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING""",
                (
                    order.id,
                    msgspec.json.encode(order).decode(),
                    order.created_ms,
                    order.expires_ms,
                    State.RECEIVED,
                    received.ms,
                    received.uncertainty_ms,
                ),
            )
        return self._get(order.id), done.rowcount == 1

    def submit(self, order_id: int, stake: Decimal, payout_ratio: Decimal) -> Entry:
        """Write the intent down. Only one caller, ever, gets past this line with an order."""
        changed = {"stake": str(stake), "payout_ratio": str(payout_ratio)}
        return self._move(order_id, "submit", changed)

    def conclude(self, order_id: int, end: Conclusion) -> Entry:
        """Write the outcome down."""
        changed = {
            "outcome": end.outcome,
            "message": end.message,
            "data": None if end.data is None else msgspec.json.encode(end.data).decode(),
            "executed_ms": end.executed_ms,
            "exchange_order_id": end.exchange_order_id,
        }
        return self._move(order_id, end.outcome, changed)

    def record(self, order_id: int) -> Entry:
        """The hub has the result."""
        return self._move(order_id, "recorded", {})

    def settle(self, order_id: int, settlement: Settlement) -> Entry:
        """Write down how the position ended."""
        with self._step() as db:
            db.execute(
                "UPDATE entries SET settled_ms = ?, won = ?, profit = ? WHERE order_id = ?",
                (settlement.settled_ms, settlement.won, str(settlement.profit), order_id),
            )
        return self._get(order_id)

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
        """Positions that stand at the exchange and have not ended yet."""
        return list(self._entries("WHERE outcome = 'success' AND settled_ms IS NULL ORDER BY order_id"))

    def in_window(self, now_ms: int, limit: int = 5_000) -> list[Entry]:
        """Orders whose window is open; the newest, if there are more than `limit`."""
        return list(self._entries("WHERE expires_ms > ? ORDER BY order_id DESC LIMIT ?", now_ms, limit))

    # the halt

    @property
    def halting(self) -> Halting:
        """The newest halt that is known."""
        text = self._meta("halting")
        return msgspec.json.decode(text, type=Halting) if text else Halting()

    def keep_halting(self, halting: Halting) -> None:
        """Remember a halt, or that it is lifted, over restarts."""
        self._keep("halting", msgspec.json.encode(halting).decode())

    def integrity(self) -> str:
        """'ok', or what SQLite finds wrong with the file."""
        with self._step() as db:
            return str(db.execute("PRAGMA quick_check(1)").fetchone()[0])

    # inside

    def _move(self, order_id: int, step: engine.Move, changed: dict[str, Any]) -> Entry:
        columns = "".join(f", {name} = ?" for name in changed)
        with self._step() as db:
            row = db.execute("SELECT state FROM entries WHERE order_id = ?", (order_id,)).fetchone()
            if row is None:
                raise engine.IllegalMove(f"order {order_id} is not in the journal")
            after = engine.move(State(row[0]), step)
            values = (after, *changed.values(), order_id)
            db.execute(f"UPDATE entries SET state = ?{columns} WHERE order_id = ?", values)  # noqa: S608 our own names
        return self._get(order_id)

    def _get(self, order_id: int) -> Entry:
        entry = self.entry(order_id)
        if entry is None:
            raise JournalBroken(f"order {order_id} vanished from the journal")
        return entry

    def _entries(self, where: str, *values: object) -> Iterator[Entry]:
        with _broken_if("the journal"):
            rows = self._db.execute(f"{_SELECT} {where}", values).fetchall()
        return map(_entry, rows)

    @contextmanager
    def _step(self) -> Iterator[sqlite3.Connection]:
        """One transaction: on disk when it ends, or not there at all."""
        with _broken_if("the journal"):
            self._db.execute("BEGIN IMMEDIATE" if self._lock else "BEGIN")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _prepare(self, mode: str) -> None:
        schema = self._db.execute("PRAGMA user_version").fetchone()[0]
        if schema > SCHEMA:
            raise JournalBroken("the journal was written by a newer version of the agent: update the agent")
        if schema == 0 and mode == "write":
            self._db.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {SCHEMA}; COMMIT;")

    def _own(self, owner: Owner | None) -> Owner:
        """Whose it is. Raises JournalBroken if it is not the one who asks."""
        text = self._meta("owner")
        if text is None:
            if owner is None:
                raise JournalBroken("the journal does not say whose it is")
            self._keep("owner", msgspec.json.encode(owner).decode())
            return owner
        kept = msgspec.json.decode(text, type=Owner)
        if owner is not None and owner != kept:
            raise JournalBroken(f"the journal is {kept.username}'s at {kept.server}")
        return kept

    def _meta(self, key: str) -> str | None:
        with _broken_if("the journal"):
            row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def _keep(self, key: str, value: str) -> None:
        with self._step() as db:
            db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))


def _open(path: Path, mode: str) -> sqlite3.Connection:
    if mode == "read":
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)
        db.execute("PRAGMA query_only = ON")
        return db
    db = sqlite3.connect(path, isolation_level=None)
    path.chmod(0o600)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    return db


def _lock(path: Path) -> sqlite3.Connection:
    """SQLite's own lock on an empty file: works on every system, and a dead process holds it no longer."""
    lock = sqlite3.connect(path, isolation_level=None, timeout=0)
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        lock.close()
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            raise JournalBusy("another agent is already running for this user on this computer") from None
        raise
    return lock


@contextmanager
def _broken_if(what: object) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise JournalBroken(f"{what} cannot be used: {error}") from error


def _entry(row: tuple[Any, ...]) -> Entry:
    order, state, received, uncertainty, outcome, message, data, executed, stake, ratio, exchange_id = row[:11]
    settled, won, profit = row[11:]
    return Entry(
        order=_order.decode(order),
        state=State(state),
        received_ms=received,
        uncertainty_ms=uncertainty,
        outcome=outcome,
        message=message,
        data=None if data is None else msgspec.json.decode(data),
        executed_ms=executed,
        stake=_decimal(stake),
        payout_ratio=_decimal(ratio),
        exchange_order_id=exchange_id,
        settled_ms=settled,
        won=None if won is None else bool(won),
        profit=_decimal(profit),
    )


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
