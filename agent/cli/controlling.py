"""What the commands share that change a running agent: whose controls they are, and how they are opened.

The invariant: they write the controls and read the journal; the journal keeps its one writer.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.cli.options import REFUSED, USAGE, fail, settings
from agent.config import Settings
from agent.language import _
from agent.model.account import Owner
from agent.trading.accounts import Accounts
from agent.trading.controls import Controls, ControlsBroken
from agent.trading.journal import JournalBroken, JournalBusy


@contextmanager
def opened(user: str | None, server: str | None, data_dir: Path | None) -> Iterator[tuple[Settings, Path, Controls]]:
    """The settings, the account's folder and its controls. Ends the command where they cannot be used."""
    config = settings(server_url=server, data_dir=data_dir)
    try:
        folder = _folder(config, user)
        controls = Controls(folder, wall_ms, config.limits())
        try:
            yield config, folder, controls
        finally:
            controls.close()
    except (ControlsBroken, JournalBroken) as error:
        fail(str(error), REFUSED)


def wall_ms() -> int:
    """Now, by this computer's clock."""
    return time.time_ns() // 1_000_000


def _folder(config: Settings, user: str | None) -> Path:
    """The named user's; without a name that of the only account on this computer."""
    accounts = Accounts(config.data_dir)
    if user is not None:
        owner = Owner(config.server_url, user)
        try:
            return accounts.settle_in(owner)
        except JournalBusy:
            return accounts.folder(owner)
    folders = accounts.journals()
    if len(folders) != 1:
        fail(_("Say who you are: --user NAME."), USAGE)
    return folders[0]
