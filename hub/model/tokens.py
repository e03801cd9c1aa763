"""Tokens: what a login hands out, signed and read back as JSON Web Tokens (RFC 7519).

Here is only what a token says and that we said it; whether it is still good is decided elsewhere.
"""

from contextlib import suppress
from typing import Final

import msgspec
from jwt import InvalidSignatureError, InvalidTokenError, PyJWS
from jwt.algorithms import HMACAlgorithm

ALGORITHM: Final = "HS256"


class NotOurs(Exception):
    """A text that we did not sign, or that does not say what our tokens say."""


class Token(msgspec.Struct, frozen=True):
    """What a token says. `device_id` is empty when the login named none."""

    user_id: int
    id: str
    device_id: str
    expire_ms: int


class _Claims(msgspec.Struct, omit_defaults=True):
    """A token's payload; `exp` in seconds."""

    sub: str
    jti: str
    exp: float
    dev: str = ""


class _CheckedKey(HMACAlgorithm):
    """HMAC with a key that is known to be a secret and long enough (`hub.config`). PyJWT's own looks at every use
    whether the key is a certificate by mistake, which takes half of the time of reading a token."""

    def prepare_key(self, key: str | bytes) -> bytes:
        return key.encode() if isinstance(key, str) else key

    def check_key_length(self, key: bytes) -> None:
        return None


class Tokens:
    """Signs with one secret, and reads what that or an older one signed."""

    def __init__(self, secret: str, *older: str) -> None:
        self._key, *self._older = (HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(one) for one in (secret, *older))
        self._jws = PyJWS(algorithms=[])
        self._jws.register_algorithm(ALGORITHM, _CheckedKey(HMACAlgorithm.SHA256))
        self._claims = msgspec.json.Decoder(_Claims)

    def sign(self, token: Token) -> str:
        """The token as text."""
        claims = _Claims(str(token.user_id), token.id, token.expire_ms // 1_000, token.device_id)
        return self._jws.encode(msgspec.json.encode(claims), self._key, ALGORITHM)

    def read(self, text: str) -> Token:
        """What a token says, whether or not it has run out. Raises NotOurs."""
        try:
            claims = self._claims.decode(self._payload(text))
            return Token(int(claims.sub), claims.jti, claims.dev, round(claims.exp * 1_000))
        except (InvalidTokenError, msgspec.MsgspecError, ValueError, OverflowError):
            raise NotOurs from None

    def _payload(self, text: str) -> bytes:
        for key in (self._key, *self._older):
            with suppress(InvalidSignatureError):
                payload: bytes = self._jws.decode(text, key, [ALGORITHM])
                return payload
        raise NotOurs
