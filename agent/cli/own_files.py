"""The agent's files on this computer, which are their owner's alone: journals, secrets, what the window remembers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import typer

from agent.cli.options import REFUSED, fail
from agent.config import Settings
from agent.language import _
from agent.trading.accounts import ACCOUNTS, HUBS, OLD
from protocol.privacy import OpenToOthers, close_to_others

_KEPT: Final = ("device", HUBS, "vault", "vault.lock", "desk.json", "binance-web.json")


def own_files(data_dir: Path) -> list[Path]:
    """The data directory and what the agent keeps in it, by name: it may be a directory that holds other things too.
    Of a browser's profile only the folder: nobody gets past it."""
    return [data_dir, *(data_dir / name for name in _KEPT), *_account_files(data_dir)]


def _account_files(data_dir: Path) -> Iterator[Path]:
    for folder in (ACCOUNTS, OLD):
        for pattern in ("", "*", "*/*", "*/*/*"):
            yield from sorted((data_dir / folder).glob(pattern)) if pattern else [data_dir / folder]


def close_files(config: Settings) -> None:
    """What others could read is closed, and said in one line. Ends the command where that is not possible."""
    try:
        closed = close_to_others(own_files(config.data_dir))
    except OpenToOthers as error:
        why = _("Others can read {path}, and it can't be closed to them: {why}.").format(path=error.path, why=error.why)
        advice = _("Give the agent a directory of your own: --data-dir.")
        fail(f"{why} {advice}", REFUSED)
    if closed:
        names = ", ".join(map(str, closed))
        typer.echo(
            f"agent: {_('Others could read these; now only their owner can: {paths}').format(paths=names)}", err=True
        )
