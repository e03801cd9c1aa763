"""What a store's URL may look like, so that every program that reads it finds the same password in it.

The invariant: where a sign of the password could be taken for a part of the address, and so be named in an error, the
URL is refused; the refusal holds nothing of it.
"""

import re
from typing import Final
from urllib.parse import parse_qsl, urlsplit

DATABASE_URL: Final = re.compile(r"sqlite\+aiosqlite:///.*|mysql\+asyncmy://[^/]+/[^/]+")
REDIS_URL: Final = re.compile(r"rediss?://[^/]+.*|unix://.+")


def is_ambiguous(url: str) -> bool:
    """Whether a sign of user or password has to be written as %XX: an `@` past the address, or two before it; a space
    or a control character anywhere."""
    scheme, _sign, rest = url.partition("://")
    address = re.split(r"[/?#]", rest, maxsplit=1)[0]
    signs = address.count("@")
    is_strict = scheme.startswith("mysql")  # others count the last one
    return (is_strict and signs > 1) or "@" in rest[len(address) :] or " " in url or not url.isprintable()


def is_database(url: str) -> bool:
    """A file of SQLite, or a MySQL with its password before the address alone."""
    if url.startswith("sqlite"):
        return DATABASE_URL.fullmatch(url) is not None
    named = {name for name, _value in parse_qsl(url.partition("?")[2], keep_blank_values=True)}
    return bool(DATABASE_URL.fullmatch(url)) and _has_port(url) and not named & {"password", "passwd"}


def is_redis(url: str) -> bool:
    return bool(REDIS_URL.fullmatch(url)) and _has_port(url)


def _has_port(url: str) -> bool:
    """Whether what stands where a port may stand is one, or nothing."""
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False
