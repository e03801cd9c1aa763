"""Secrets in the operating system's keyring.

The invariant: a keyring that does not work says so, whatever its library raises.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import keyring
from keyring.backend import KeyringBackend
from keyring.errors import KeyringError, PasswordDeleteError

from agent.language import _
from agent.vault.base import Kind, VaultUnavailable

SERVICE: Final = "bn-auto"


class KeyringVault:
    """The keyring that the system or the person has chosen."""

    @property
    def place(self) -> str:
        return str(_backend().name)

    def unlock(self) -> None:
        """Read something that is not there: a keyring that is installed but out of order shows it only when used."""
        with _working():
            _backend().get_password(SERVICE, "unlock")

    def get(self, account_key: str, kind: Kind) -> str | None:
        with _working():
            names = (_entry(account_key, kind), *_entry_of_0_1(account_key, kind))
            kept = (_backend().get_password(SERVICE, name) for name in names)
            return next((secret for secret in kept if secret is not None), None)

    def put(self, account_key: str, kind: Kind, secret: str) -> None:
        with _working():
            _backend().set_password(SERVICE, _entry(account_key, kind), secret)
            for name in _entry_of_0_1(account_key, kind):
                _drop(name)

    def drop(self, account_key: str, kind: Kind) -> None:
        with _working():
            for name in (_entry(account_key, kind), *_entry_of_0_1(account_key, kind)):
                _drop(name)


def _drop(name: str) -> None:
    backend = _backend()
    if backend.get_password(SERVICE, name) is None:
        return
    try:
        backend.delete_password(SERVICE, name)
    except PasswordDeleteError:
        if backend.get_password(SERVICE, name) is not None:
            raise


def _backend() -> KeyringBackend:
    chosen = keyring.get_keyring()
    if chosen.priority <= 0:
        raise VaultUnavailable(_("no keyring works here"))
    return chosen


def _entry(account_key: str, kind: Kind) -> str:
    return f"{account_key} {kind}"


def _entry_of_0_1(account_key: str, kind: Kind) -> list[str]:
    """What version 0.1.0 called the same, which kept passwords only."""
    server, _, username = account_key.rpartition("/")
    return [f"{username}@{server}"] if kind == "password" else []


@contextmanager
def _working() -> Iterator[None]:
    try:
        yield
    except VaultUnavailable:
        raise
    except KeyringError as error:
        first = str(error).split(". ", 1)[0]
        words = _("no keyring works here")
        raise VaultUnavailable(f"{words}: {first}" if first else words) from None
    except Exception as error:  # noqa: BLE001  backends let D-Bus and system errors through; their text may hold anything
        raise VaultUnavailable(f"{_('no keyring works here')}: {type(error).__name__}") from None
