"""Whether a login is still good: what weighs more comes first, and each fault has its close code and its status."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.model.records import ACTIVE, DISABLED, EXPIRED, Account
from hub.model.standing import refusal, why_ended
from protocol import closes
from protocol.closes import Close

NOW = 1_000_000


def account(status: int = ACTIVE, expire_ms: int | None = None, session_id: str | None = "mine") -> Account:
    return Account(7, "ann", "trader", status, expire_ms, session_id, 0)


CASES: dict[str, tuple[Account | None, int, Close | None]] = {
    "all well": (account(), NOW + 1, None),
    "an account that runs out later": (account(expire_ms=NOW + 1), NOW + 1, None),
    "no account": (None, NOW + 1, closes.ACCOUNT_DISABLED),
    "disabled": (account(DISABLED), NOW + 1, closes.ACCOUNT_DISABLED),
    "disabled and expired and replaced": (account(DISABLED, 0, "other"), 0, closes.ACCOUNT_DISABLED),
    "expired by status": (account(EXPIRED), NOW + 1, closes.ACCOUNT_EXPIRED),
    "expired now": (account(expire_ms=NOW), NOW + 1, closes.ACCOUNT_EXPIRED),
    "expired and replaced": (account(expire_ms=NOW, session_id="other"), 0, closes.ACCOUNT_EXPIRED),
    "token runs out now": (account(), NOW, closes.TOKEN_EXPIRED),
    "token run out and replaced": (account(session_id="other"), NOW, closes.TOKEN_EXPIRED),
    "logged out": (account(session_id=None), NOW + 1, closes.TOKEN_EXPIRED),
    "replaced": (account(session_id="other"), NOW + 1, closes.SESSION_REPLACED),
}
STATUS = {
    closes.ACCOUNT_DISABLED: 403,
    closes.ACCOUNT_EXPIRED: 403,
    closes.TOKEN_EXPIRED: 401,
    closes.SESSION_REPLACED: 401,
}


@pytest.mark.parametrize("case", CASES)
def test_the_gravest_fault_is_named(case: str) -> None:
    found, token_expire_ms, close = CASES[case]
    assert why_ended(found, "mine", token_expire_ms, NOW) is close


@given(
    st.sampled_from([ACTIVE, EXPIRED, DISABLED]),
    st.none() | st.integers(NOW - 2, NOW + 2),
    st.sampled_from(["mine", "other", None]),
    st.integers(NOW - 2, NOW + 2),
)
def test_only_a_login_without_any_fault_passes(status: int, ends: int | None, session: str | None, token: int) -> None:
    found = why_ended(account(status, ends, session), "mine", token, NOW)
    is_good = status == ACTIVE and (ends is None or ends > NOW) and session == "mine" and token > NOW
    assert (found is None) == is_good
    if found is not None:
        assert refusal(found).status == STATUS[found]
        assert not found.retry
