"""The columns of an account, and the record that they make. The password is none of them."""

from typing import Any, Final

from hub.model.records import Account

from .tables import users

ACCOUNT_COLUMNS: Final = (
    users.c.id,
    users.c.username,
    users.c.role,
    users.c.status,
    users.c.expire_at,
    users.c.session_id,
    users.c.created_at,
)


def account_of(row: Any) -> Account:
    """The account in a row that has ACCOUNT_COLUMNS."""
    return Account(
        id=row.id,
        username=row.username,
        role=row.role,
        status=row.status,
        expire_ms=row.expire_at,
        session_id=row.session_id,
        created_ms=row.created_at,
    )
