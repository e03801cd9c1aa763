"""The remembered password, in the vault. Paper without it asks for no vault.

The invariant: a password is kept by the hub's address, so that it is never sent to another one.
"""

from agent.vault import Vault, VaultUnavailable


class Passwords:
    """Kept where the person wants it so."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def kept(self, server: str, username: str) -> str | None:
        """The password; None where there is none or the vault is locked."""
        try:
            return self._vault.get(f"{server}/{username}", "password")
        except VaultUnavailable:
            return None

    def keep(self, server: str, username: str, password: str | None) -> str:
        """Keep it; why that failed, or nothing."""
        if password is None:
            return ""
        try:
            self._vault.put(f"{server}/{username}", "password", password)
        except VaultUnavailable as error:
            return str(error)
        return ""
