"""`agent history`: what the journals of this computer tell, for people and for programs.

The invariant: it only reads, also while an agent is running.
"""

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from agent.language import _
from agent.model.account import Owner
from agent.model.engine import Entry
from agent.model.moments import local
from agent.trading.accounts import Accounts
from agent.trading.journal import Journal
from agent.ui import words
from protocol.text import clean


class Chapter(msgspec.Struct, frozen=True):
    """One owner's orders, oldest first."""

    owner: Owner
    entries: list[Entry]


class Totals(msgspec.Struct, frozen=True):
    """Stakes and profit in USDT; `open_stake` is what still stands at the exchange."""

    orders: int
    placed: int
    won: int
    lost: int
    tied: int
    staked: Decimal
    open_stake: Decimal
    profit: Decimal


def read(data_dir: Path, username: str | None, server: str | None) -> list[Chapter]:
    """Every owner's who has orders, or only those of a user or a hub. Raises JournalBroken."""
    chapters = [_chapter(folder) for folder in Accounts(data_dir).journals()]
    return [
        chapter
        for chapter in chapters
        if chapter.entries and username in (None, chapter.owner.username) and server in (None, chapter.owner.server)
    ]


def usernames(data_dir: Path) -> list[str]:
    """Whose journals this computer has. Raises JournalBroken."""
    return sorted({_chapter(folder).owner.username for folder in Accounts(data_dir).journals()})


def totals(entries: Iterable[Entry]) -> Totals:
    """What it comes to."""
    entries = list(entries)
    placed = [entry for entry in entries if entry.outcome == "success"]
    settled = [entry for entry in placed if entry.profit is not None]
    staked = _sum(entry.stake for entry in placed)
    return Totals(
        orders=len(entries),
        placed=len(placed),
        won=sum(entry.result == "won" for entry in settled),
        lost=sum(entry.result == "lost" for entry in settled),
        tied=sum(entry.result == "tie" for entry in settled),
        staked=staked,
        open_stake=staked - _sum(entry.stake for entry in settled),
        profit=_sum(entry.profit for entry in settled),
    )


def as_data(chapters: list[Chapter]) -> list[dict[str, Any]]:
    """For `--json`: amounts are texts, so that no digit is lost."""
    return [
        {
            "server": chapter.owner.server,
            "user": chapter.owner.username,
            "orders": [_row(entry) for entry in chapter.entries],
            "totals": msgspec.to_builtins(totals(chapter.entries)),
        }
        for chapter in chapters
    ]


def as_table(chapter: Chapter) -> Table:
    """For people; times in the computer's zone."""
    total = totals(chapter.entries)
    title = Text(clean(f"{chapter.owner.username} · {chapter.owner.server}"))
    table = Table(title=title, show_footer=True, box=SIMPLE, padding=(0, 1, 0, 0))
    table.show_edge = table.pad_edge = False
    table.add_column(_("order"), _("{} orders").format(total.orders), justify="right")
    table.add_column(_("received"))
    table.add_column(_("mode"))
    table.add_column(_("what"))
    table.add_column(_("stake"), f"{total.staked}", justify="right")
    table.add_column(_("outcome"), _("{} placed").format(total.placed))
    table.add_column(_("settled"), _("{} won, {} lost").format(total.won, total.lost))
    table.add_column(_("profit"), f"{total.profit:+}", justify="right")
    for column in table.columns:
        column.overflow = "fold"  # Chinese has no spaces to break at, and nothing may be cut off
    for entry in chapter.entries:
        table.add_row(*(Text(clean(cell)) for cell in _cells(entry)))
    return table


def _chapter(folder: Path) -> Chapter:
    journal = Journal(folder, mode="read")
    try:
        return Chapter(journal.owner, journal.entries())
    finally:
        journal.close()


def _row(entry: Entry) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.to_builtins(entry)
    order = row.pop("order")
    return {"order_id": order.pop("id"), **order, **row}


def _cells(entry: Entry) -> tuple[str, ...]:
    order = entry.order
    outcome = words.outcome(entry.outcome) if entry.outcome else words.stage(entry.state)
    said = entry.message if entry.reason is None else entry.reason.text(_)
    why = f": {said}" if said else ""
    return (
        str(order.id),
        _time(entry.received_ms),
        words.mode(entry.mode),
        f"{order.symbol_name} {words.direction(order.direction)} {words.increment(order.time_increments)}",
        "" if entry.stake is None else str(entry.stake),
        f"{outcome}{why}",
        _("open") if entry.outcome == "success" and entry.settled_ms is None else _time(entry.settled_ms),
        "" if entry.profit is None else f"{entry.profit:+}",
    )


def _time(ms: int | None) -> str:
    return "" if ms is None else local(ms, "%m-%d %H:%M:%S")


def _sum(amounts: Iterable[Decimal | None]) -> Decimal:
    return sum((amount for amount in amounts if amount is not None), Decimal(0))
