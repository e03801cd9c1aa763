"""What a person set in the windows, for all accounts of this computer: one small file in the data directory.

The invariant: a file that is missing, damaged or of a newer version gives the defaults and never stops the program; no
secret is in it.
"""

import os
from pathlib import Path
from typing import Final, Literal

import msgspec

from agent.ui.state import Placing

FILE_NAME: Final = "desk.json"

NoticeClass = Literal["failure", "unknown", "session", "limit", "lost", "success"]
ON_BY_DEFAULT: Final[frozenset[NoticeClass]] = frozenset({"failure", "unknown", "session", "limit", "lost"})


class AccountPreferences(msgspec.Struct, frozen=True):
    """What belongs to one account's window. `geometry` as Qt writes it, in hexadecimal."""

    placing: Placing = Placing.PAUSED
    geometry: str = ""


class Preferences(msgspec.Struct, frozen=True):
    """`language` "" follows the system, `is_red_up` None the language, `theme` the system's scheme where it says so."""

    language: str = ""
    theme: Literal["system", "light", "dark"] = "system"
    is_red_up: bool | None = None
    notices: frozenset[NoticeClass] = ON_BY_DEFAULT
    has_sound: bool = False
    is_close_to_tray: bool = True
    was_told_of_tray: bool = False
    is_kept_awake: bool = True
    server: str = ""
    username: str = ""
    is_remembered: bool = False
    accounts: dict[str, AccountPreferences] = msgspec.field(default_factory=dict)


class PreferencesFile:
    """Where they are kept."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / FILE_NAME
        self.is_first_time = not self._path.exists()
        self.now = self._read()

    def change(self, **changes: object) -> Preferences:
        """Keep these from now on. A disk that is full costs the memory of it, not the window."""
        self.now = msgspec.structs.replace(self.now, **changes)
        new = self._path.with_name(f".{FILE_NAME}.{os.getpid()}")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            new.write_bytes(msgspec.json.format(msgspec.json.encode(self.now)))
            new.replace(self._path)
        except OSError:
            return self.now
        return self.now

    def of(self, account: str) -> AccountPreferences:
        """What is kept for an account."""
        return self.now.accounts.get(account, AccountPreferences(Placing.AUTO))

    def change_account(self, account: str, **changes: object) -> None:
        """Keep these for an account from now on."""
        changed = msgspec.structs.replace(self.of(account), **changes)
        self.change(accounts={**self.now.accounts, account: changed})

    def _read(self) -> Preferences:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Preferences)
        except (OSError, msgspec.MsgspecError):
            return Preferences()
