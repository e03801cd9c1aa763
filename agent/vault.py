"""The trader's password in the operating system's keyring. Blocking: for shells and threads, never inside the loop.

The shells import it. The invariant: a secret is in the keyring or nowhere; a keyring that does not work says so.
"""

from typing import Final

import keyring
from keyring.errors import KeyringError

from agent.model.account import Owner

SERVICE: Final = "bn-auto"


class VaultUnavailable(RuntimeError):
    """No keyring works on this computer."""


def backend() -> str:
    """Which keyring is in use. Raises VaultUnavailable when there is none."""
    chosen = keyring.get_keyring()
    if chosen.priority <= 0:
        raise VaultUnavailable("no keyring works here")
    return str(chosen.name)


def read_password(owner: Owner) -> str | None:
    """The kept password, None if none was kept. Raises VaultUnavailable."""
    try:
        return keyring.get_password(SERVICE, _account(owner))
    except KeyringError as error:
        raise VaultUnavailable(_why(error)) from None


def keep_password(owner: Owner, password: str) -> None:
    """Raises VaultUnavailable."""
    try:
        keyring.set_password(SERVICE, _account(owner), password)
    except KeyringError as error:
        raise VaultUnavailable(_why(error)) from None


def _account(owner: Owner) -> str:
    return f"{owner.username}@{owner.server}"


def _why(error: KeyringError) -> str:
    first = str(error).split(". ", 1)[0]
    return f"no keyring works here: {first}" if first else "no keyring works here"
