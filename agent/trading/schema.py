"""The journal's file: its tables, how an older one is brought up to date, and a row as an `Entry`.

The invariant: no migration loses a row. A file that nobody may write to is read as it is, whatever its version.
"""

import sqlite3
from decimal import Decimal
from typing import Any, Final

import msgspec

from agent.model.engine import Entry, Mode, State
from protocol.messages import Order

SCHEMA: Final = 3

_ENTRIES: Final = """
CREATE TABLE entries (
    order_id INTEGER PRIMARY KEY,
    "order" TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('received', 'submitting', 'done', 'reported')),
    received_ms INTEGER NOT NULL,
    uncertainty_ms INTEGER NOT NULL,
    driver TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('PAPER', 'LIVE')),
    outcome TEXT,
    message TEXT NOT NULL DEFAULT '',
    reason_code TEXT,
    reason_facts TEXT,
    data TEXT,
    executed_ms INTEGER,
    stake TEXT,
    payout_ratio TEXT,
    submitted_ms INTEGER,
    submitted_wall_ms INTEGER,
    entry_price TEXT,
    exchange_order_id TEXT,
    resolved_by TEXT CHECK (resolved_by IN ('exchange', 'person', 'hub')),
    settled_ms INTEGER,
    result TEXT CHECK (result IN ('won', 'lost', 'tie')),
    source TEXT CHECK (source IN ('estimated', 'confirmed')),
    profit TEXT,
    CHECK ((outcome IS NULL) = (state IN ('received', 'submitting'))),
    CHECK (state <> 'submitting' OR stake IS NOT NULL)
);
CREATE INDEX entries_open ON entries (state) WHERE state <> 'reported';
CREATE INDEX entries_window ON entries (expires_ms);
CREATE INDEX entries_unknown ON entries (outcome) WHERE outcome = 'unknown';
"""

_META: Final = "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"

_COLUMNS_OF_2: Final = (
    '"order", state, received_ms, uncertainty_ms, driver, mode, outcome, message, reason_code, reason_facts, data, '
    "executed_ms, stake, payout_ratio, submitted_ms, submitted_wall_ms, entry_price, exchange_order_id, resolved_by, "
    "settled_ms, result, source, profit"
)

_COLUMNS_OF_1: Final = """"order", state, received_ms, uncertainty_ms, 'paper' AS driver, 'PAPER' AS mode, outcome,
    message, NULL AS reason_code, NULL AS reason_facts, data, executed_ms, stake, payout_ratio, NULL AS submitted_ms,
    NULL AS submitted_wall_ms, NULL AS entry_price, exchange_order_id, NULL AS resolved_by, settled_ms,
    CASE won WHEN 1 THEN 'won' WHEN 0 THEN 'lost' END AS result, CASE WHEN won IS NULL THEN NULL ELSE 'confirmed' END
    AS source, profit"""
"""The first version had no driver but the paper exchange, and kept no time of submission."""

_COLUMNS: Final = {1: _COLUMNS_OF_1, 2: _COLUMNS_OF_2, 3: f"{_COLUMNS_OF_2}, not_taken"}

_TO_2: Final = f"""
ALTER TABLE entries RENAME TO entries_of_1;
DROP INDEX entries_open;
DROP INDEX entries_window;
{_ENTRIES}
INSERT INTO entries (order_id, created_ms, expires_ms, {_COLUMNS_OF_2})
    SELECT order_id, created_ms, expires_ms, {_COLUMNS_OF_1} FROM entries_of_1;
DROP TABLE entries_of_1;
"""  # noqa: S608 our own names

_TO_3: Final = """
ALTER TABLE entries ADD COLUMN not_taken TEXT;
ALTER TABLE entries ADD COLUMN told TEXT;
UPDATE entries SET told = source;
"""

_STEPS: Final = {0: _ENTRIES + _META + _TO_3, 1: _TO_2 + _TO_3, 2: _TO_3}
"""From each version to this one."""

_order: Final = msgspec.json.Decoder(Order)
_facts: Final = msgspec.json.Decoder(dict[str, str])


def version(db: sqlite3.Connection) -> int:
    """Of the file; 0 for one that is empty."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def prepare(db: sqlite3.Connection) -> None:
    """Make the tables, or bring those of an older version up to date, in one transaction."""
    steps = _STEPS.get(version(db))
    if steps is not None:
        try:
            db.executescript(f"BEGIN IMMEDIATE; {steps} PRAGMA user_version = {SCHEMA}; COMMIT;")
        except sqlite3.Error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise


def select(db: sqlite3.Connection) -> str:
    """The beginning of every query for entries, as this file's version wants it."""
    return f"SELECT {_COLUMNS.get(version(db), _COLUMNS_OF_2)} FROM entries"  # noqa: S608 our own names


def entry(row: sqlite3.Row) -> Entry:
    """A row that `select` gave."""
    given: dict[str, Any] = dict(row)
    for name in ("stake", "payout_ratio", "entry_price", "profit"):
        given[name] = None if given[name] is None else Decimal(given[name])
    facts, data = given["reason_facts"], given["data"]
    return Entry(
        **{
            **given,
            "order": _order.decode(given["order"]),
            "state": State(given["state"]),
            "mode": Mode(given["mode"]),
            "reason_facts": {} if facts is None else _facts.decode(facts),
            "data": None if data is None else msgspec.json.decode(data),
        }
    )
