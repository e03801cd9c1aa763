"""Where the things of each trader are: a folder for each hub and user, found again when the hub's address changes.

The invariants: two users, and two hubs, never share a folder; a folder is moved whole, never while its journal is in
use, and never onto another journal. Until a hub has told its id, one made of its address stands for it.
"""

import hashlib
import json
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from agent.device import installation_id
from agent.model.account import Owner
from agent.trading.controls import Controls, ControlsBroken
from agent.trading.journal import FILE_NAME, LOCK_NAME, Journal, JournalBroken, locked
from agent.vault import Kind, Vault

ACCOUNTS: Final = "accounts"
HUBS: Final = "hubs.json"
OLD: Final = "users"
"""Where version 0.1.0 kept its folders, by the hub's address."""

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
_BY_ADDRESS: Final = "at-"


class Accounts:
    """The data directory of an installation."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir

    def hub_id(self, server: str) -> str:
        """The id of the hub at an address; one made of the address while the hub has not told its own."""
        return self._hubs().get(server) or by_address(server)

    def keys(self, owner: Owner) -> list[str]:
        """What the vault keeps this account's secrets under: the first is for new ones, the others are older."""
        ids = [self.hub_id(owner.server), *map(by_address, sorted(self._servers(owner)))]
        return [f"{hub_id}/{owner.username}" for hub_id in dict.fromkeys(ids)]

    def folder(self, owner: Owner) -> Path:
        """Where this account's journal and everything else of it are, whether it exists or not."""
        return self._data_dir / ACCOUNTS / self.hub_id(owner.server) / owner.slug

    def learn(self, server: str, hub_id: str | None) -> bool:
        """A hub has told its id. Whether it is news; an id that could be no folder's name is none."""
        if hub_id is None or not _ID.fullmatch(hub_id) or hub_id.startswith(_BY_ADDRESS):
            return False
        hubs = self._hubs()
        if hubs.get(server) == hub_id:
            return False
        self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = self._data_dir / f".{HUBS}.{secrets.token_hex(8)}"
        new.write_text(json.dumps({**hubs, server: hub_id}, indent=1), encoding="utf-8")
        new.replace(self._data_dir / HUBS)
        return True

    def settle_in(self, owner: Owner) -> Path:
        """The account's folder, after one that it had before the hub's id was known has been moved there.

        Raises JournalBusy if an agent is running in that one, JournalBroken if it cannot be moved.
        """
        folder = self.folder(owner)
        for former in self._former(owner):
            if former == folder or not former.is_dir():
                continue
            if not (folder / FILE_NAME).exists():
                _move(former, folder)
            elif _is_bare(former):
                shutil.rmtree(former, ignore_errors=True)
        return folder

    def device_of(self, journal: Journal) -> str:
        """What the hub knows a journal's device by: its orders were given to that one. Raises OSError, ValueError."""
        return journal.device_id(journal.owner.device_id(installation_id(self._data_dir)))

    def journals(self) -> list[Path]:
        """The folders of all accounts that have a journal."""
        found = [*self._data_dir.glob(f"{ACCOUNTS}/*/*/{FILE_NAME}"), *self._data_dir.glob(f"{OLD}/*/{FILE_NAME}")]
        return [file.parent for file in sorted(found)]

    def others(self, owner: Owner) -> list[Path]:
        """Further folders of this user at this hub that have a journal: from another address, or a damaged move."""
        owners = [Owner(server, owner.username) for server in self._servers(owner)]
        found = {folder for one in owners for folder in self._former(one)}
        found.discard(self.folder(owner))
        return sorted(folder for folder in found if (folder / FILE_NAME).exists())

    def _servers(self, owner: Owner) -> set[str]:
        """All addresses that the hub is known by."""
        hubs, hub_id = self._hubs(), self.hub_id(owner.server)
        return {owner.server, *(server for server, known in hubs.items() if known == hub_id)}

    def _former(self, owner: Owner) -> Iterator[Path]:
        yield self._data_dir / ACCOUNTS / by_address(owner.server) / owner.slug
        yield self._data_dir / OLD / owner.slug_of_0_1

    def _hubs(self) -> dict[str, str]:
        try:
            kept = json.loads((self._data_dir / HUBS).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise JournalBroken(f"{self._data_dir / HUBS} cannot be read: {error}") from error
        if not isinstance(kept, dict) or not all(isinstance(one, str) for pair in kept.items() for one in pair):
            raise JournalBroken(f"{self._data_dir / HUBS} is damaged; delete it, and the hub tells its id again")
        return kept


def first_kept(vault: Vault, keys: list[str], kind: Kind) -> str | None:
    """The secret under the first key that has one. Raises VaultUnavailable."""
    found = (vault.get(key, kind) for key in keys)
    return next((secret for secret in found if secret is not None), None)


def by_address(server: str) -> str:
    """What stands for the id of a hub that has not told its own."""
    return _BY_ADDRESS + hashlib.sha256(server.encode()).hexdigest()[:16]


def _is_bare(folder: Path) -> bool:
    """Whether it was only looked in, before the hub had told its id: no order came, and nobody changed anything."""
    try:
        with locked(folder):
            journal, controls = Journal(folder, mode="read"), Controls(folder, lambda: 0)
            try:
                held = controls.held()
                is_as_made = not controls.changes() and held.paused is None and held.consent is None
                return journal.newest() is None and is_as_made
            finally:
                journal.close()
                controls.close()
    except (JournalBroken, ControlsBroken):
        return False


def _move(former: Path, folder: Path) -> None:
    """Into a new folder or one that has no journal yet; the journal goes last, so that what was cut short goes on."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with locked(former):
            for item in sorted(former.iterdir(), key=lambda item: item.name == FILE_NAME):
                if not item.name.startswith(LOCK_NAME) and not (folder / item.name).exists():
                    item.rename(folder / item.name)
        (former / LOCK_NAME).unlink(missing_ok=True)
        if not any(former.iterdir()):
            former.rmdir()
    except OSError as error:
        raise JournalBroken(f"{former} cannot be moved to {folder}: {error.strerror}") from error
