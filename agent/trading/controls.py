"""What a person changes while the agent runs: rules, pause, consent, and what became of an `unknown` order.

A small SQLite file of its own, read before each order. The invariants: every change of a rule is kept with its old
value and its time; a loss limit that was hit is not loosened on that day; what cannot be read lets nothing through.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

import msgspec

from agent.model import limits, trading_day
from agent.model.consent import Consent
from agent.model.engine import Mode, Refused
from agent.model.limits import Case
from agent.model.reasons import Reason
from agent.model.rules import LOCKED_WITH, BadRule, Rules, canonical, is_looser, rules_of, stricter
from agent.model.tally import NOTHING, Fact, tally
from agent.trading import spent

FILE_NAME: Final = "controls.db"
BUSY_S: Final = 2.0

Resolution = Literal["success", "failed"]

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS rules (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS changes (
    id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, key TEXT NOT NULL, old TEXT, new TEXT
);
CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS hits (rule TEXT PRIMARY KEY, at_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS resolutions (order_id INTEGER PRIMARY KEY, outcome TEXT NOT NULL, at_ms INTEGER NOT NULL);
"""


class ControlsBroken(RuntimeError):
    """The file cannot be read or written: nothing may be traded without it."""


class Change(msgspec.Struct, frozen=True):
    """A rule had another value from `at_ms` (wall clock) on; None where it did not bind."""

    at_ms: int
    key: str
    old: str | None
    new: str | None


class Held(msgspec.Struct, frozen=True):
    """All that an order is asked against, at one moment."""

    own: Rules
    rules: Rules
    paused: str | None
    consent: Consent | None


class Controls:
    """One account's controls. Any number of processes may read and write. `settings` bound the rules further."""

    def __init__(self, folder: Path, now_ms: Callable[[], int], settings: Rules | None = None) -> None:
        self._folder = folder
        self._now_ms = now_ms
        self._settings = settings or Rules()
        self._held: tuple[int, Held] | None = None
        with _broken_if():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._db = sqlite3.connect(folder / FILE_NAME, isolation_level=None, timeout=BUSY_S)
            (folder / FILE_NAME).chmod(0o600)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_TABLES)

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    def held(self) -> Held:
        """What holds now; read anew only where another process has written. Raises ControlsBroken."""
        with _broken_if():
            version = int(self._db.execute("PRAGMA data_version").fetchone()[0])
            if self._held is None or self._held[0] != version:
                self._held = (version, self._read())
        return self._held[1]

    # rules

    def rules(self) -> Rules:
        """The trader's own rules, without what the settings bound."""
        return self.held().own

    def set_rule(self, key: str, text: str) -> Change | Refused:
        """Set a rule, or `off`. Raises BadRule; refuses to loosen a loss limit that was hit today."""
        new = canonical(key, text)
        with self._writing() as db:
            row = db.execute("SELECT value FROM rules WHERE key = ?", (key,)).fetchone()
            old = None if row is None else str(row[0])
            locks = self._hit_today(key) if key in LOCKED_WITH and is_looser(key, old, new) else None
            if locks is not None:
                return Refused(Reason("limit.locked", {"key": key, "hit": locks}))
            change = Change(self._now_ms(), key, old, new)
            if new is None:
                db.execute("DELETE FROM rules WHERE key = ?", (key,))
            else:
                db.execute("INSERT OR REPLACE INTO rules (key, value) VALUES (?, ?)", (key, new))
            row = msgspec.structs.astuple(change)
            db.execute("INSERT INTO changes (at_ms, key, old, new) VALUES (?, ?, ?, ?)", row)
        return change

    def changes(self) -> list[Change]:
        """Every change there was, oldest first."""
        with _broken_if():
            rows = self._db.execute("SELECT at_ms, key, old, new FROM changes ORDER BY id").fetchall()
        return [Change(*row) for row in rows]

    def note_hit(self, rule: str, at_ms: int) -> None:
        """A loss limit refused an order (hub's clock): for the rest of that day it is not loosened."""
        with self._writing() as db:
            db.execute("INSERT OR REPLACE INTO hits (rule, at_ms) VALUES (?, ?)", (rule, at_ms))

    # pause, consent, resolutions

    @property
    def is_paused(self) -> bool:
        """Whether the trader wants no order placed."""
        return self.held().paused is not None

    def pause(self, reason: str) -> None:
        """Place nothing until `resume`."""
        self._keep("paused", reason)

    def resume(self) -> None:
        """Place orders again."""
        self._keep("paused", None)

    def consent(self) -> Consent | None:
        """What the trader has accepted for live trading."""
        return self.held().consent

    def give_consent(self, version: int, exchange: str) -> None:
        """The trader has accepted this text for this exchange."""
        self._keep("consent", msgspec.json.encode(Consent(version, exchange, self._now_ms())).decode())

    def withdraw(self) -> None:
        """Live trading is off from the next order on."""
        self._keep("consent", None)

    def resolutions(self) -> Mapping[int, Resolution]:
        """What the person says became of `unknown` orders."""
        with _broken_if():
            return {int(row[0]): row[1] for row in self._db.execute("SELECT order_id, outcome FROM resolutions")}

    def resolve(self, order_id: int, outcome: Resolution) -> None:
        """The person looked at the exchange and knows."""
        with self._writing() as db:
            row = (order_id, outcome, self._now_ms())
            db.execute("INSERT OR REPLACE INTO resolutions (order_id, outcome, at_ms) VALUES (?, ?, ?)", row)

    # inside

    def _hit_today(self, key: str) -> str | None:
        """The hit limit that locks this rule. Time does not run back behind the newest order."""
        facts = spent.read(self._folder)
        now_ms = max([self._now_ms(), *(fact.placed_ms for fact in facts)])
        held = self._read()
        begin = trading_day.start_ms(now_ms, held.rules.zone)
        noted = {str(rule) for rule, at_ms in self._db.execute("SELECT rule, at_ms FROM hits") if at_ms >= begin}
        hit = (rule for rule in LOCKED_WITH[key] if rule in noted or _is_hit(rule, held.rules, facts, now_ms))
        return next(hit, None)

    def _read(self) -> Held:
        texts = {str(key): str(value) for key, value in self._db.execute("SELECT key, value FROM rules")}
        state = {str(key): str(value) for key, value in self._db.execute("SELECT key, value FROM state")}
        try:
            own = rules_of(texts)
            consent = msgspec.json.decode(state["consent"], type=Consent) if "consent" in state else None
        except (BadRule, msgspec.DecodeError) as error:
            raise ControlsBroken(f"{FILE_NAME}: {error}") from error
        return Held(own, stricter(self._settings, own), state.get("paused"), consent)

    def _keep(self, key: str, value: str | None) -> None:
        with self._writing() as db:
            if value is None:
                db.execute("DELETE FROM state WHERE key = ?", (key,))
            else:
                db.execute("INSERT OR REPLACE INTO state (key, value) VALUES (?, ?)", (key, value))

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction; what this process has read before is forgotten."""
        with _broken_if():
            self._db.execute("BEGIN IMMEDIATE")
            with self._db:
                yield self._db
            self._held = None


def _is_hit(rule: str, rules: Rules, facts: list[Fact], now_ms: int) -> bool:
    """Whether it would refuse the smallest next order, on paper or live."""
    stake = min(rules.stakes.values(), default=NOTHING)
    cases = (Case(rules, stake, tally(facts, mode, now_ms, rules), now_ms) for mode in Mode)
    return any(limits.CHECKS[rule](case) is not None for case in cases)


@contextmanager
def _broken_if() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise ControlsBroken(f"{FILE_NAME} cannot be used: {error}") from error
