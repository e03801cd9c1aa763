"""Text to message and back, with the size limit. Past this module there are no dicts.

Two errors, by whose fault it is: `BadMessage` is the peer's and names the field; encoding a message that is
too large is ours and raises `ValueError`.
"""

from typing import Final, TypeVar

import msgspec

from .messages import ToAgent, ToHub
from .text import whole

T = TypeVar("T", ToAgent, ToHub)

MAX_FRAME_BYTES: Final = 64 * 1024

_to_hub: Final[msgspec.json.Decoder[ToHub]] = msgspec.json.Decoder(ToHub)
_to_agent: Final[msgspec.json.Decoder[ToAgent]] = msgspec.json.Decoder(ToAgent)
_encoder: Final = msgspec.json.Encoder()


class BadMessage(ValueError):
    """The peer's text is no message of the protocol; the text says which field and why."""


class UnknownType(BadMessage):
    """Well formed, but of a `type` that this side does not know: an older or newer peer."""


class _Tag(msgspec.Struct):
    type: str


def encode(message: ToAgent | ToHub) -> bytes:
    """The message as UTF-8 JSON. Raises ValueError over 64 KiB."""
    text = _encoder.encode(message)
    if len(text) > MAX_FRAME_BYTES:
        raise ValueError(f"message of {len(text)} bytes is over the limit of {MAX_FRAME_BYTES}")
    return text


def decode_to_hub(text: bytes | str) -> ToHub:
    """What an agent said. Raises BadMessage, or UnknownType."""
    return _decode(_to_hub, text)


def decode_to_agent(text: bytes | str) -> ToAgent:
    """What the hub said. Raises BadMessage, or UnknownType."""
    return _decode(_to_agent, text)


def _decode(decoder: msgspec.json.Decoder[T], text: bytes | str) -> T:
    # A str of n characters has at least n bytes, so the cheap test settles nearly every message.
    if len(text) * 4 > MAX_FRAME_BYTES:
        size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
        if size > MAX_FRAME_BYTES:
            raise BadMessage(f"message of {size} bytes is over the limit of {MAX_FRAME_BYTES}")
    try:
        return _decode_whole(decoder, text)
    except msgspec.ValidationError as error:
        raise BadMessage(_readable(error)) from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise BadMessage(f"not JSON: {error}") from None
    except RecursionError:
        raise BadMessage("not JSON that we take: nested too deeply") from None


def _decode_whole(decoder: msgspec.json.Decoder[T], text: bytes | str) -> T:
    """A fact is not refused for an emoji that was cut in the text beside it."""
    try:
        return _decode_tagged(decoder, text)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeError):
        return _decode_tagged(decoder, whole(text))


def _decode_tagged(decoder: msgspec.json.Decoder[T], text: bytes | str) -> T:
    try:
        return decoder.decode(text)
    except msgspec.ValidationError as error:
        if not (str(error).endswith("at `$.type`") and "nvalid value" in str(error)):
            raise
        tag = msgspec.json.decode(text, type=_Tag).type
        raise UnknownType(f"unknown type {tag[:40]!r}") from None


def _readable(error: msgspec.ValidationError) -> str:
    """'Expected `int` - at `$.order_id`' -> 'order_id: expected `int`'."""
    what, _, path = str(error).partition(" - at `$")
    field = path.rstrip("`").lstrip(".") or "message"
    return f"{field}: {what[:1].lower()}{what[1:]}"
