"""Secrets that a person or a program hands in as one JSON object: checked, with the field named and no value shown.

The invariant: what passes can stand in a header and a cookie as it is.
"""

import re
import time
from typing import Final, TypeVar

import msgspec

from agent.drivers.binance.api import WebSession
from agent.drivers.binance.history import HistoryKey
from agent.language import _

LONGEST: Final = 16_384

TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{16,128}")
COOKIE: Final = re.compile(r"[!#-+\--:<-\[\]-~]{16,4096}")
"""RFC 6265's cookie-octets: no space, quote, comma, semicolon or backslash."""
KEY: Final = re.compile(r"[\x21-\x7e]{8,512}")
FIRST_MS: Final = 1_000_000_000_000
"""The year 2001: a time before it was given in seconds."""

T = TypeVar("T", "_Session", "_Key")


class BadInput(ValueError):
    """What was handed in cannot be used; the text names the field."""


class _Session(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    csrftoken: str
    p20t: str
    expires_ms: int | None = None


class _Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: str
    secret: str


def session(text: bytes) -> WebSession:
    """`{"csrftoken": …, "p20t": …, "expires_ms": …}`. Raises BadInput."""
    given = _decoded(text, _Session)
    _want(TOKEN.fullmatch(given.csrftoken), "csrftoken", _("the value of the header, letters and digits"))
    is_named = given.p20t.startswith("p20t")
    _want(COOKIE.fullmatch(given.p20t) and not is_named, "p20t", _("the value of the cookie alone, without its name"))
    if given.expires_ms is not None:
        _want(given.expires_ms > FIRST_MS, "expires_ms", _("a time in milliseconds since 1970"))
        _want(given.expires_ms > time.time() * 1000, "expires_ms", _("a time to come: this session has ended"))
    return WebSession(given.csrftoken, given.p20t, given.expires_ms)


def history_key(text: bytes) -> HistoryKey:
    """`{"key": …, "secret": …}`. Raises BadInput."""
    given = _decoded(text, _Key)
    for name, value in (("key", given.key), ("secret", given.secret)):
        _want(KEY.fullmatch(value), name, _("as the exchange shows it, without spaces"))
    return HistoryKey(given.key, given.secret)


def _decoded(text: bytes, kind: type[T]) -> T:
    if len(text) > LONGEST:
        raise BadInput(_("standard input: one JSON object is wanted, and this is too long for one"))
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.ValidationError as error:
        raise BadInput(_("standard input: {}").format(error)) from None
    except msgspec.DecodeError:
        raise BadInput(_("standard input: one JSON object is wanted")) from None


def _want(is_so: object, field: str, what: str) -> None:
    if not is_so:
        raise BadInput(_("standard input: {field} should be {what}").format(field=field, what=what))
