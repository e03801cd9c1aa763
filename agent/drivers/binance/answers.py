"""PURE: what an answer of the exchange means, by one table; what is certain of it, and what may be kept of it.

The invariants: what stands in no row of the table is `unknown`; an answer that was cut says nothing, whatever it looks
like; nothing that was a secret of the request, or is called like one, is kept.
"""

import re
from collections.abc import Callable, Collection
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final

import msgspec

from agent.drivers.binance.facts import Codes, Facts, Words

LONGEST_TEXT: Final = 500
LARGEST_KEPT: Final = 16_384
MOST_ITEMS: Final = 50
DEEPEST: Final = 6
HIDDEN: Final = "…"

_SECRET_NAMES: Final = ("token", "cookie", "csrf", "p20t", "secret", "passw", "mail", "mobile", "phone", "signature")
_RATIO: Final = re.compile(r"\b\d\.\d{1,4}\b")


class Kind(StrEnum):
    """What became of a request."""

    TAKEN = "taken"
    REFUSED = "refused"
    RATIO_CHANGED = "ratio changed"
    SESSION_OVER = "session over"
    REGION = "region"
    UNKNOWN = "unknown"


class Raw(msgspec.Struct, frozen=True):
    """An answer as it came. `is_whole`: not cut by the connection's end or by our limit."""

    status: int
    body: bytes
    is_whole: bool = True


class Read(msgspec.Struct, frozen=True):
    """An answer taken apart: the envelope where it is one, `None` where a field is missing."""

    status: int
    is_whole: bool
    code: str | None = None
    words: str = ""
    is_success: bool | None = None
    data: Any = None


class Verdict(msgspec.Struct, frozen=True):
    """What it means. `kept` is the answer without secrets, `ratio` the exchange's own where it named one."""

    kind: Kind
    code: str
    words: str
    order_id: str | None = None
    entry_price: Decimal | None = None
    ratio: Decimal | None = None
    kept: dict[str, Any] = msgspec.field(default_factory=dict)


def _is_taken(answer: Read, codes: Codes) -> bool:
    """Both marks of success count, as long as nothing in the same answer says otherwise."""
    is_contradicted = answer.is_success is False or answer.code in (*codes.session_over, *codes.refused)
    says_so = answer.is_success is True or answer.code in codes.taken
    return says_so and not is_contradicted and 200 <= answer.status < 300


def _is_refusal(answer: Read) -> bool:
    return answer.is_success is not True and answer.status < 500


def _is_session_over(answer: Read, codes: Codes) -> bool:
    return answer.status in codes.session_over_status or (_is_refusal(answer) and answer.code in codes.session_over)


def _has_ratio_changed(answer: Read, codes: Codes) -> bool:
    words = answer.words.lower()
    return answer.is_success is False and _is_refusal(answer) and any(known in words for known in codes.ratio_words)


TABLE: Final[tuple[tuple[Kind, Callable[[Read, Codes], bool]], ...]] = (
    (Kind.REGION, lambda answer, codes: answer.status in codes.region_status),
    (Kind.SESSION_OVER, _is_session_over),
    (Kind.TAKEN, _is_taken),
    (Kind.RATIO_CHANGED, _has_ratio_changed),
    (Kind.REFUSED, lambda answer, codes: _is_refusal(answer) and answer.code in codes.refused),
)
"""The first row that fits; none: unknown."""


def read(raw: Raw) -> Read:
    """The envelope of an answer. Whatever it is, it is no reason to raise."""
    if not raw.is_whole:
        return Read(raw.status, False)
    try:
        body = msgspec.json.decode(raw.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Read(raw.status, True)
    if not isinstance(body, dict):
        return Read(raw.status, True)
    code, success = body.get("code"), body.get("success")
    words = body.get("message") or body.get("messageDetail") or body.get("msg") or ""
    return Read(
        raw.status,
        True,
        str(code) if isinstance(code, str | int) else None,
        words if isinstance(words, str) else "",
        success if isinstance(success, bool) else None,
        body.get("data"),
    )


def classify(answer: Read, codes: Codes) -> Kind:
    """By the table. An answer that was cut is certain only about its status."""
    if not answer.is_whole and answer.status not in (*codes.region_status, *codes.session_over_status):
        return Kind.UNKNOWN
    return next((kind for kind, fits in TABLE if fits(answer, codes)), Kind.UNKNOWN)


def judge(raw: Raw, facts: Facts, secrets: Collection[str]) -> Verdict:
    """What an answer to place-order means, and what is kept of it."""
    answer = read(raw)
    data, fields = answer.data, facts.fields
    order_id = first(data, fields.order_id)
    return Verdict(
        kind=classify(answer, facts.codes),
        code=redacted(answer.code or "", secrets),
        words=redacted(answer.words, secrets),
        order_id=str(order_id) if isinstance(order_id, str | int) and order_id != "" else None,
        entry_price=decimal(first(data, fields.entry_price)),
        ratio=decimal(first(data, fields.ratio)) or _ratio_in(answer.words),
        kept=kept(raw, answer, secrets),
    )


def kept(raw: Raw, answer: Read, secrets: Collection[str]) -> dict[str, Any]:
    """The answer as it may be written down: short, shallow, without secrets."""
    if answer.code is None and answer.is_success is None:
        return {"status": raw.status, "body": redacted(raw.body.decode("utf-8", "replace"), secrets)}
    envelope = {"code": answer.code, "message": answer.words, "success": answer.is_success, "data": answer.data}
    cleaned: dict[str, Any] = {"status": raw.status, **redacted(envelope, secrets)}
    return cleaned if len(msgspec.json.encode(cleaned)) <= LARGEST_KEPT else {**cleaned, "data": HIDDEN}


def redacted(value: Any, secrets: Collection[str], depth: int = 0) -> Any:
    """The value with every secret hidden, by what it is and by what it is called; long and deep parts are cut."""
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, HIDDEN) if secret else value
        return value[:LONGEST_TEXT]
    if depth >= DEEPEST and isinstance(value, dict | list):
        return HIDDEN
    if isinstance(value, dict):
        return {
            redacted(str(name), secrets): HIDDEN if _is_secret(name) else redacted(item, secrets, depth + 1)
            for name, item in list(value.items())[:MOST_ITEMS]
        }
    if isinstance(value, list):
        return [redacted(item, secrets, depth + 1) for item in value[:MOST_ITEMS]]
    return value


def first(data: Any, names: Words) -> Any:
    """The value of the first of these names that an object has; None for none."""
    if not isinstance(data, dict):
        return None
    return next((data[name] for name in names if data.get(name) is not None), None)


def decimal(value: Any) -> Decimal | None:
    """A number of the exchange, which writes them as text or not; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _is_secret(name: object) -> bool:
    lowered = str(name).lower()
    return any(part in lowered for part in _SECRET_NAMES)


def _ratio_in(words: str) -> Decimal | None:
    """The one number that a sentence about the ratio names."""
    found = _RATIO.findall(words)
    return Decimal(found[0]) if len(found) == 1 else None
