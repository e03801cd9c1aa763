"""The funnel: counts that sum at every step, whatever rows there are."""

from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.model.funnel import funnel, is_settled
from hub.model.records import ACTIVE, DISABLED, EXPIRED, Absent, AssignmentRow
from protocol.messages import Outcome

maybe_ms = st.none() | st.integers(1, 9)
outcomes = st.none() | st.sampled_from(get_args(Outcome))


def _row(user_id: int, acked: int | None, outcome: Outcome | None, was_sent: bool) -> AssignmentRow:
    executed = 5 if outcome else None
    return AssignmentRow(user_id, f"u{user_id}", "d", 1, acked, executed, outcome, "", was_sent or acked is not None)


rows = st.lists(st.builds(_row, st.integers(1, 99), maybe_ms, outcomes, st.booleans()), max_size=20)
absent = st.lists(
    st.builds(Absent, st.sampled_from([ACTIVE, EXPIRED, DISABLED]), st.booleans(), st.integers(1, 50)), max_size=6
)


@given(rows, absent, st.booleans())
def test_every_step_sums_to_the_one_before(assigned: list[AssignmentRow], missing: list[Absent], is_open: bool) -> None:
    counts = funnel(assigned, missing, is_open)
    why = counts.not_claimed
    not_claimed = why.not_connected + why.account_expired + why.account_disabled + why.waiting
    assert counts.targeted == counts.claimed + not_claimed == len(assigned) + sum(users.users for users in missing)
    assert counts.claimed == counts.sent + counts.not_sent == sum(msgspec.structs.astuple(counts.outcomes))
    assert counts.sent == counts.acked + counts.not_acked
    assert min(counts.not_sent, counts.not_acked) >= 0
    assert is_open or why.waiting == 0
    assert not is_open or why.not_connected == 0


@pytest.mark.parametrize(
    ("status", "was_expired", "is_open", "why"),
    [
        (ACTIVE, False, True, "waiting"),
        (ACTIVE, False, False, "not_connected"),
        (ACTIVE, True, False, "account_expired"),
        (EXPIRED, False, True, "account_expired"),
        (DISABLED, True, True, "account_disabled"),
    ],
)
def test_why_somebody_has_no_claim(status: int, was_expired: bool, is_open: bool, why: str) -> None:
    counts = funnel([], [Absent(status, was_expired, 3)], is_open)
    assert getattr(counts.not_claimed, why) == counts.targeted == 3


def test_an_order_is_settled_when_nothing_more_can_come() -> None:
    done, waits = _row(1, 1, "success", True), _row(2, 1, None, True)
    assert not is_settled(funnel([done, waits], [], False), False)
    assert is_settled(funnel([done], [], True), True)
    assert not is_settled(funnel([done], [Absent(ACTIVE, False, 1)], True), True)
    assert is_settled(funnel([done], [Absent(ACTIVE, False, 1)], False), False)
