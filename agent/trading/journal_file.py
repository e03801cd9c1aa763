"""The files of a journal: opened, and locked against a second agent.

The invariant: whatever is wrong with them is JournalBroken, which nothing may go on without.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

FILE_NAME: Final = "journal.db"
LOCK_NAME: Final = "lock.db"
MOST_PAGES: Final = 10_000
"""40 MB of steps; then one of them pays for moving them into the database file, some milliseconds."""
ORDERS_A_TIDYING: Final = 50


class JournalBroken(RuntimeError):
    """The journal cannot be read or written: the environment's fault. Nothing may be traded without it."""


class JournalBusy(JournalBroken):
    """Another process of this computer is running for this owner."""


def opened(path: Path, mode: str) -> sqlite3.Connection:
    """The journal itself, to write or to read."""
    is_read = mode == "read"
    where = f"{path.absolute().as_uri()}?mode=rw" if is_read else path
    db = sqlite3.connect(where, uri=is_read, isolation_level=None)
    db.row_factory = sqlite3.Row
    if is_read:
        db.execute("PRAGMA query_only = ON")
        return db
    path.chmod(0o600)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute(f"PRAGMA wal_autocheckpoint = {MOST_PAGES}")
    return db


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep every agent out of a journal's folder. Raises JournalBusy."""
    with broken_if(folder):
        held = lock(folder / LOCK_NAME)
    try:
        yield
    finally:
        held.close()


def lock(path: Path) -> sqlite3.Connection:
    """SQLite's own lock on an empty file: works on every system, and a dead process holds it no longer."""
    held = sqlite3.connect(path, isolation_level=None, timeout=0)
    try:
        held.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        held.close()
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            raise JournalBusy("another agent is already running for this user on this computer") from None
        raise
    return held


@contextmanager
def broken_if(what: object) -> Iterator[None]:
    """Turns what SQLite and the system say into JournalBroken."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise JournalBroken(f"{what} cannot be used: {error}") from error


class Tidying:
    """Moves what was written into the database file, between two orders and not while one is on its way."""

    def __init__(self) -> None:
        self._orders = 0

    def after(self, db: sqlite3.Connection) -> None:
        """One order is over. Readers go on; what they still need is moved the next time."""
        self._orders += 1
        if self._orders >= ORDERS_A_TIDYING:
            self._orders = 0
            db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
