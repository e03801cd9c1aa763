"""What every vault can do. The key of an account is its hub's id and its user's name.

The invariant: a vault that cannot keep or read a secret raises VaultUnavailable, whose text holds none.
"""

from typing import Literal, Protocol

from agent.language import _

Kind = Literal["password", "hub_token", "exchange_session", "history_key"]


class VaultUnavailable(RuntimeError):
    """No secret can be kept or read: the environment's fault, or a wrong passphrase."""


class Vault(Protocol):
    """Secrets by account and kind. Each method may raise VaultUnavailable, and may block."""

    @property
    def place(self) -> str:
        """Where the secrets are, in words."""
        ...

    def unlock(self) -> None:
        """Ask for what is needed now and not later: before a login that would be lost without a place for it."""
        ...

    def get(self, account_key: str, kind: Kind) -> str | None:
        """The kept secret, None if none was kept."""
        ...

    def put(self, account_key: str, kind: Kind, secret: str) -> None:
        """Keep it, in the place of an earlier one. On disk when it returns."""
        ...

    def drop(self, account_key: str, kind: Kind) -> None:
        """Forget it; nothing happens where there is none."""
        ...


class MemoryVault:
    """Forgets everything when the program ends."""

    def __init__(self) -> None:
        self._secrets: dict[tuple[str, Kind], str] = {}

    @property
    def place(self) -> str:
        return _("in memory only")

    def unlock(self) -> None:
        return

    def get(self, account_key: str, kind: Kind) -> str | None:
        return self._secrets.get((account_key, kind))

    def put(self, account_key: str, kind: Kind, secret: str) -> None:
        self._secrets[account_key, kind] = secret

    def drop(self, account_key: str, kind: Kind) -> None:
        self._secrets.pop((account_key, kind), None)
