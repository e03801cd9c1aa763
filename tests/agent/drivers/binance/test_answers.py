"""The table of answers as such, and what of an answer may be kept."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.drivers.binance.answers import HIDDEN, Kind, Raw, judge, redacted
from agent.drivers.binance.facts import Facts

FACTS = Facts()


def said(status: int = 200, *, whole: bool = True, **body: Any) -> Kind:
    return judge(Raw(status, json.dumps(body).encode(), whole), FACTS, ()).kind


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"success": True}, Kind.TAKEN),
        ({"code": "000000"}, Kind.TAKEN),
        ({"code": "000000", "success": False}, Kind.UNKNOWN),
        ({"code": "100001005", "success": True}, Kind.UNKNOWN),
        ({"code": "93420033", "success": True}, Kind.UNKNOWN),
        ({"code": "93420033"}, Kind.REFUSED),
        ({"code": 93420033, "success": False}, Kind.REFUSED),
        ({"code": "100001", "success": False}, Kind.SESSION_OVER),
        ({"code": "1", "success": False, "message": "Ratio has changed."}, Kind.RATIO_CHANGED),
        ({"code": "1", "message": "Ratio has changed."}, Kind.UNKNOWN),
        ({"code": "1", "success": False, "message": "no"}, Kind.UNKNOWN),
        ({"success": False}, Kind.UNKNOWN),
        ({}, Kind.UNKNOWN),
    ],
)
def test_what_is_in_no_row_or_contradicts_itself_is_unknown(body: dict[str, Any], kind: Kind) -> None:
    assert said(**body) is kind


@pytest.mark.parametrize("status", [500, 502, 503, 504, 302, 429])
def test_success_under_a_status_that_is_none_is_unknown(status: int) -> None:
    assert said(status, code="000000", success=True) is Kind.UNKNOWN


def test_an_answer_that_was_cut_is_unknown_whatever_it_looks_like() -> None:
    assert said(whole=False, code="000000", success=True) is Kind.UNKNOWN
    assert said(whole=False, code="93420033", success=False) is Kind.UNKNOWN


@given(st.binary(max_size=200), st.integers(100, 599), st.booleans())
def test_no_bytes_make_it_raise(body: bytes, status: int, whole: bool) -> None:
    assert judge(Raw(status, body, whole), FACTS, ("secret",)).kind in Kind


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.text().map(lambda text: f"{text}MARK{text}"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.just("xMARKx"), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_a_secret_is_nowhere_in_what_is_kept(value: Any) -> None:
    assert "MARK" not in json.dumps(redacted(value, ("MARK",)))


@given(values, st.sampled_from(["csrfToken", "p20t", "Set-Cookie", "email", "listenKeyToken"]))
def test_what_is_called_like_a_secret_is_not_kept(value: Any, name: str) -> None:
    assert redacted({"a": [{name: value}]}, ()) == {"a": [{name: HIDDEN}]}


def test_what_is_kept_is_short() -> None:
    long = judge(Raw(200, b"x" * 100_000), FACTS, ()).kept
    wide = judge(Raw(200, json.dumps({"code": "1", "data": [["x" * 400] * 50] * 50}).encode()), FACTS, ()).kept
    deep = redacted({"a": [[[[[[["x" * 1_000] * 100] * 100]]]]]}, ())
    assert len(json.dumps(long)) < 1_000
    assert len(json.dumps(deep)) < 10_000
    assert wide == {"status": 200, "code": "1", "message": "", "success": None, "data": HIDDEN}
