"""The trader's secrets, in the system's keyring or in a file encrypted with a passphrase.

Blocking: for shells and threads, never inside the loop. The invariant: a secret is in one of the two or nowhere; none
is ever written plain. Where a passphrase file is set or a vault file exists, the file is used, so that an agent started
by the system finds what was kept from a desktop.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from agent.language import _
from agent.vault.base import Kind, MemoryVault, Vault, VaultUnavailable
from agent.vault.encrypted_file import AskPassphrase, FileVault

FILE_NAME: Final = "vault"

__all__ = [
    "FILE_NAME",
    "AskPassphrase",
    "FileVault",
    "ForgivingVault",
    "Kind",
    "MemoryVault",
    "Vault",
    "VaultUnavailable",
    "open_vault",
    "passphrase_from",
]


def open_vault(data_dir: Path, passphrase_file: Path | None = None, ask: AskPassphrase | None = None) -> Vault:
    """Nothing is touched and nobody asked before the first use.

    `ask(is_new)` gets the passphrase from the person. Without it and without `passphrase_file` only a keyring can
    help: each use raises VaultUnavailable where none works.
    """
    file = FileVault(data_dir / FILE_NAME, passphrase_from(passphrase_file) if passphrase_file else ask)
    return _KeyringElseFile(file, is_file_wanted=passphrase_file is not None)


def passphrase_from(file: Path) -> AskPassphrase:
    """Reads the first line of a file, when it is needed."""

    def read(is_new: bool) -> str:
        try:
            first, _newline, _rest = file.read_text(encoding="utf-8").partition("\n")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise VaultUnavailable(_("the passphrase file {} cannot be read: {}").format(file, why)) from None
        return first.rstrip("\r")

    return read


class _KeyringElseFile:
    """Chooses at the first use, and keeps to it."""

    def __init__(self, file: FileVault, *, is_file_wanted: bool) -> None:
        self._file = file
        self._is_file_wanted = is_file_wanted
        self._chosen: Vault | None = None

    @property
    def place(self) -> str:
        return self._choose().place

    def unlock(self) -> None:
        self._choose().unlock()

    def get(self, account_key: str, kind: Kind) -> str | None:
        return self._choose().get(account_key, kind)

    def put(self, account_key: str, kind: Kind, secret: str) -> None:
        self._choose().put(account_key, kind, secret)

    def drop(self, account_key: str, kind: Kind) -> None:
        self._choose().drop(account_key, kind)

    def _choose(self) -> Vault:
        if self._chosen is None:
            self._chosen = self._file if self._is_file_wanted or self._file.exists else self._keyring()
        return self._chosen

    def _keyring(self) -> Vault:
        from agent.vault.system_keyring import KeyringVault  # what it imports takes its time

        keyring = KeyringVault()
        try:
            keyring.unlock()
        except VaultUnavailable:
            if not self._file.may_ask:
                raise
            return self._file
        return keyring


class ForgivingVault:
    """For paper: what cannot be kept stays in memory, and `tell` says so once, when there is something to keep."""

    def __init__(self, vault: Vault, tell: Callable[[str], None]) -> None:
        self._used = vault
        self._tell = tell
        self._untold: str | None = None

    @property
    def place(self) -> str:
        return self._used.place

    def unlock(self) -> None:
        try:
            self._used.unlock()
        except VaultUnavailable as error:
            self._give_up(error)

    def get(self, account_key: str, kind: Kind) -> str | None:
        """What was kept, here or before; None where nothing was or none of it can be read."""
        try:
            return self._used.get(account_key, kind)
        except VaultUnavailable as error:
            return self._give_up(error).get(account_key, kind)

    def put(self, account_key: str, kind: Kind, secret: str) -> None:
        try:
            self._used.put(account_key, kind, secret)
        except VaultUnavailable as error:
            self._give_up(error).put(account_key, kind, secret)
        if self._untold is not None:
            self._tell(self._untold)
            self._untold = None

    def drop(self, account_key: str, kind: Kind) -> None:
        try:
            self._used.drop(account_key, kind)
        except VaultUnavailable as error:
            self._give_up(error).drop(account_key, kind)

    def _give_up(self, error: VaultUnavailable) -> Vault:
        words = _("The login is kept in memory only, and is gone when the agent ends ({}).")
        self._untold = words.format(str(error).rstrip("."))
        self._used = MemoryVault()
        return self._used
