"""Tokens: what we signed is read back, by PyJWT too; anything else is not ours."""

from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.model.tokens import ALGORITHM, NotOurs, Token, Tokens

SECRET = "s" * 32
CLAIMS: dict[str, Any] = {"sub": "7", "jti": "abc", "exp": 1_900_000_000, "dev": "phone"}
TOKEN = Token(7, "abc", "phone", 1_900_000_000_000)


@given(st.integers(1, 2**63 - 1), st.text(), st.text(), st.integers(0, 2**41))
def test_what_is_signed_is_read_back(user_id: int, token_id: str, device_id: str, expire_s: int) -> None:
    token = Token(user_id, token_id, device_id, expire_s * 1_000)
    assert Tokens(SECRET).read(Tokens(SECRET).sign(token)) == token


def test_it_is_a_jwt_like_any_other() -> None:
    assert jwt.decode(Tokens(SECRET).sign(TOKEN), SECRET, [ALGORITHM]) == CLAIMS
    assert Tokens(SECRET).read(jwt.encode(CLAIMS, SECRET, ALGORITHM)) == TOKEN
    without_device = {name: value for name, value in CLAIMS.items() if name != "dev"}
    assert jwt.decode(Tokens(SECRET).sign(Token(7, "abc", "", TOKEN.expire_ms)), SECRET, [ALGORITHM]) == without_device


@pytest.mark.parametrize(
    "text",
    {
        "nothing": "",
        "no token": "a.b",
        "not ASCII": "é.é.é",
        "no algorithm": jwt.encode(CLAIMS, None, "none"),
        "another algorithm": jwt.encode(CLAIMS, SECRET * 2, "HS512"),
        "somebody else's secret": jwt.encode(CLAIMS, "k" * 32, ALGORITHM),
        "our signature under another payload": ".".join(
            [
                *jwt.encode(CLAIMS | {"sub": "8"}, "k" * 32, ALGORITHM).split(".")[:2],
                jwt.encode(CLAIMS, SECRET, ALGORITHM).split(".")[2],
            ]
        ),
        "no subject": jwt.encode({"jti": "abc", "exp": 1}, SECRET, ALGORITHM),
        "no end": jwt.encode({"sub": "7", "jti": "abc"}, SECRET, ALGORITHM),
        "a subject that is no number": jwt.encode(CLAIMS | {"sub": "x"}, SECRET, ALGORITHM),
        "an end beyond all numbers": jwt.encode(CLAIMS | {"exp": 1e308}, SECRET, ALGORITHM),
        "a device that is no text": jwt.encode(CLAIMS | {"dev": 1}, SECRET, ALGORITHM),
        "a list": jwt.api_jws.PyJWS().encode(b"[]", SECRET, ALGORITHM),
    }.items(),
    ids=lambda item: item[0],
)
def test_anything_else_is_not_ours(text: tuple[str, str]) -> None:
    with pytest.raises(NotOurs):
        Tokens(SECRET).read(text[1])
