"""Who is asking: the bootstrap token, or a login."""

import msgspec

from hub.model.records import Account, Role
from hub.model.tokens import Token


class Bootstrap(msgspec.Struct, frozen=True):
    """The bootstrap token, from this address: an admin without an account."""

    address: str = ""

    @property
    def role(self) -> Role:
        return "admin"

    @property
    def user_id(self) -> int | None:
        return None

    @property
    def name(self) -> str:
        """For the log."""
        return "bootstrap token"


class LoggedIn(msgspec.Struct, frozen=True):
    """A user, by a token that counts, from this address."""

    account: Account
    token: Token
    address: str = ""

    @property
    def role(self) -> Role:
        return self.account.role

    @property
    def user_id(self) -> int | None:
        return self.account.id

    @property
    def name(self) -> str:
        """For the log."""
        return self.account.username


Principal = Bootstrap | LoggedIn
