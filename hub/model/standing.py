"""Whether a login is still good. Pure; the HTTP guard, the handshake and live sessions all ask here."""

from typing import Final

from hub.errors import Refusal
from hub.model.records import DISABLED, Account
from protocol import closes
from protocol.closes import Close

_REFUSALS: Final = {
    closes.ACCOUNT_DISABLED: ("forbidden", "the account is disabled: see the admin"),
    closes.ACCOUNT_EXPIRED: ("forbidden", "the account has expired: see the admin"),
    closes.TOKEN_EXPIRED: ("unauthorized", "the login has ended: log in again"),
    closes.SESSION_REPLACED: ("unauthorized", "the login was replaced by a newer one"),
}


def why_ended(account: Account | None, token_id: str, token_expire_ms: int, now_ms: int) -> Close | None:
    """Why this login may not go on, as the close code that says so; None when all is well."""
    if account is None or account.status == DISABLED:
        return closes.ACCOUNT_DISABLED
    if account.is_expired(now_ms):
        return closes.ACCOUNT_EXPIRED
    if token_expire_ms <= now_ms or account.session_id is None:
        return closes.TOKEN_EXPIRED
    if account.session_id != token_id:
        return closes.SESSION_REPLACED
    return None


def refusal(close: Close) -> Refusal:
    """The same as an HTTP answer: 401 to log in again, 403 to see the admin."""
    reason, message = _REFUSALS[close]
    return Refusal(reason, message)  # type: ignore[arg-type]
